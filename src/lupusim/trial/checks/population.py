"""What can be wrong with the patients of a trial; all of it is found at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lupusim.common.spelling import nearest
from lupusim.errors import Problem
from lupusim.model import Edge
from lupusim.trial.population.covariates import WEIGHT, CovariateEffect
from lupusim.trial.population.population import Population
from lupusim.trial.population.screening import Screening

if TYPE_CHECKING:
    from lupusim.trial.design import Analysis, TrialParts

_LEAST_SHARE = 0.01  # of candidates let in: below it screening never ends


def population_problems(trial: TrialParts) -> Iterator[Problem]:
    """Yield what is wrong with the covariates, effects and frailties of a trial's patients."""
    population = trial.population
    yield from _code_problems(population)
    yield from _cut_problems(population)
    if population.screening is not None:
        yield from _screening_problems(population.screening)
    if population.screening is not None and trial.enrollment.screened_per_patient > 1:
        fault = "a share of screen failures and a screening are given"
        fix = "Remove 'screen_failure': the screening counts them."
        yield Problem(key="enrollment.screen_failure", fault=fault, fix=fix)
    for k, effect in enumerate(population.effects):
        key = f"population.effects.{k}"
        yield from _name_problems(key, effect, population)
        yield from _edge_problems(key, effect.on, trial)
        yield from _arm_problems(key, effect, trial)
    for k, frailty in enumerate(population.frailties):
        yield from _edge_problems(f"population.frailty.{k}", frailty.on, trial)
    if population.correlated is not None:
        yield from _correlated_problems(trial)
    for k, drift in enumerate(population.drift):
        yield from _edge_problems(f"population.drift.{k}", drift.on, trial)


def _correlated_problems(trial: TrialParts) -> Iterator[Problem]:
    """Yield what correlated outcomes cannot stand beside."""
    again = any(arm.infusions is not None and arm.infusions.again_on for arm in trial.arms)
    beside = {"infusions again when a state is entered": again, "a supply": trial.supply}
    for name, there in beside.items():
        if there:
            fault = f"outcomes that are correlated beside {name} are not supported"
            fix = "Remove one of the two, or describe a model."
            yield Problem(key="correlation", fault=fault, fix=fix)


def adjustment_problems(analysis: Analysis, population: Population) -> Iterator[Problem]:
    """Yield what is wrong with the covariates that an analysis is adjusted for."""
    for k, name in enumerate(analysis.adjust_for):
        if (found := _cannot_adjust(name, analysis, population)) is not None:
            fault, fix = found
            yield Problem(key=f"analysis.adjust_for.{k}", fault=fault, fix=fix)
        if name in analysis.adjust_for[:k]:
            fault = f"{name!r} is named twice"
            yield Problem(key=f"analysis.adjust_for.{k}", fault=fault, fix="Remove it once.")


def _cannot_adjust(name: str, analysis: Analysis, population: Population) -> tuple[str, str] | None:
    """Return why no test can be adjusted for a covariate, and what to do; None where it can."""
    if name not in population.numbers:
        if name in population.level_names:
            fix = "Name it under stratify_by, or give its levels numbers under 'codes'."
            return f"{name!r} is a factor, not a number", fix
        fault = f"{name!r} is no covariate of the population"
        return fault, nearest(name, population.numbers)
    if name in analysis.stratify_by:
        return f"{name!r} is a stratum of the analysis already", "Remove it from one of the two."
    if not _varies(name, population):
        fault = f"{name!r} is the same for all patients, so there is nothing to adjust for"
        return fault, "Give it a spread (sd), or remove it."
    return None


def is_constant(factor: str, population: Population) -> bool:
    """Return whether a factor of several levels has all patients at one of them.

    Of a factor with one level alone, or made of a number that nobody has, the reader tells.
    """
    if (cut := population.cuts.get(factor)) is not None:
        return cut.covariate in population.numbers and not _varies(cut.covariate, population)
    shares = population.factors[factor].values()
    return len(shares) > 1 and max(shares) == 1


def _varies(name: str, population: Population) -> bool:
    """Return whether a number of the population differs between patients."""
    if name in population.codes:
        shares = population.factors[name]
        codes = population.codes[name]
        return len({codes.get(level) for level, share in shares.items() if share > 0}) > 1
    if name in population.covariates:
        return population.covariates[name].sd > 0
    activity = population.screening.activity if population.screening else None
    if activity is None or name == WEIGHT:
        return population.weight_sd > 0
    grade = {"bilag_a": activity.grade_a, "bilag_b": activity.grade_b}
    if name in grade:
        return activity.systems > 0 and 0 < grade[name] < 1
    return activity.sledai_sd > 0


def _code_problems(population: Population) -> Iterator[Problem]:
    for name, codes in population.codes.items():
        key = f"population.codes.{name}"
        levels = population.factors.get(name)
        if levels is None:
            fault = f"the population has no factor {name!r}"
            yield Problem(key=key, fault=fault, fix=nearest(name, population.factors))
            continue
        if missing := [level for level in levels if level not in codes]:
            fix = "Give each level a number."
            yield Problem(key=key, fault=f"levels {missing} have no number", fix=fix)
        for level in codes:
            if level not in levels:
                fault = f"{name!r} has no level {level!r}"
                yield Problem(key=f"{key}.{level}", fault=fault, fix=nearest(level, levels))


def _screening_problems(screening: Screening) -> Iterator[Problem]:
    if (share := screening.share_let_in) < _LEAST_SHARE:
        fault = f"it lets in {share:.2g} of the candidates"
        fix = "Lower a minimum, or check what tests find."
        yield Problem(key="population.screening.eligible", fault=fault, fix=fix)


def _cut_problems(population: Population) -> Iterator[Problem]:
    for name, cut in population.cuts.items():
        if cut.covariate not in population.numbers:
            fault = f"{cut.covariate!r} is no covariate of the population"
            fix = nearest(cut.covariate, population.numbers)
            yield Problem(key=f"population.cuts.{name}.covariate", fault=fault, fix=fix)


def _name_problems(key: str, effect: CovariateEffect, population: Population) -> Iterator[Problem]:
    name, level = effect.covariate, effect.level
    if level is None and name not in population.numbers:
        fault = f"{name!r} is no covariate of the population"
        fix = nearest(name, population.numbers)
        if name in population.level_names:
            fault = f"{name!r} is a factor, and no level is named"
            fix = "Add 'level:', or numbers for its levels under 'codes'."
        yield Problem(key=f"{key}.covariate", fault=fault, fix=fix)
    elif level is not None and name not in population.level_names:
        fault = f"{name!r} is no factor of the population, so it has no levels"
        fix = nearest(name, population.level_names)
        yield Problem(key=f"{key}.covariate", fault=fault, fix=fix)
    elif level is not None and level not in population.level_names[name]:
        fault = f"{name!r} has no level {level!r}"
        fix = nearest(level, population.level_names[name])
        yield Problem(key=f"{key}.level", fault=fault, fix=fix)


def _arm_problems(key: str, effect: CovariateEffect, trial: TrialParts) -> Iterator[Problem]:
    """Yield what is wrong with an effect that belongs to one arm."""
    names = [arm.name for arm in trial.arms[1:]]
    if effect.arm is None:
        return
    if effect.arm not in names:
        fault = f"there is no experimental arm {effect.arm!r}"
        yield Problem(key=f"{key}.arm", fault=fault, fix=nearest(effect.arm, names))
    elif trial.supply is not None and effect.arm in trial.supply.draws:
        fault = "with a supply, when an arm's own effect would begin is not known"
        yield Problem(key=f"{key}.arm", fault=fault, fix="Remove the arm here, or the supply.")


def _edge_problems(key: str, on: Iterable[Edge], trial: TrialParts) -> Iterator[Problem]:
    known = {
        (t.from_state, t.to_state): t.label for arm in trial.arms for t in arm.model.transitions
    }
    for k, edge in enumerate(on):
        if edge not in known:
            label = " -> ".join(edge)
            fault = f"no arm's model has a transition '{label}'"
            yield Problem(key=f"{key}.on.{k}", fault=fault, fix=nearest(label, known.values()))
