"""What can be wrong with a trial; all of it is found at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from lupusim.common.spelling import nearest
from lupusim.errors import Problem
from lupusim.trial.checks.arm_periods import platform_problems
from lupusim.trial.checks.costs import cost_problems
from lupusim.trial.checks.endpoints import observation_problems
from lupusim.trial.checks.looks import look_problems
from lupusim.trial.checks.multiplicity import family_problems
from lupusim.trial.checks.population import adjustment_problems, is_constant, population_problems
from lupusim.trial.checks.single_arm import arms_problems
from lupusim.trial.checks.supply import supply_problems
from lupusim.trial.checks.tests import problems_of_tests
from lupusim.trial.checks.treatment import treatment_problems
from lupusim.trial.durations import format_duration

if TYPE_CHECKING:
    from lupusim.trial.design import Trial, TrialParts

_TIME_TOLERANCE = 1e-9
_MOST_ARMS = 60
_MOST_STRATA = 2**60  # of an allocation: they are numbered
_MOST_ANALYZED = 256  # strata of an analysis


def trial_problems(trial: TrialParts) -> list[Problem]:
    """Return everything that is wrong with a trial, in the order of its file."""
    if not trial.arms:
        return list(_arm_problems(trial))
    return [
        *_arm_problems(trial),
        *_allocation_problems(trial),
        *_follow_up_problems(trial),
        *trial.primary.problems("endpoints.primary", _as_asked(trial)),
        *(
            problem
            for k, endpoint in enumerate(trial.secondary)
            for problem in endpoint.problems(f"endpoints.secondary.{k}", _as_asked(trial))
        ),
        *_name_problems(trial),
        *observation_problems(trial),
        *population_problems(trial),
        *treatment_problems(trial),
        *supply_problems(trial),
        *_dropout_problems(trial),
        *_analysis_problems(trial),
        *platform_problems(trial),
        *cost_problems(trial),
    ]


def _as_asked(parts: TrialParts) -> Trial:
    """Return the parts as endpoints and rules take them: they read the fields alone."""
    return cast("Trial", parts)


def _arm_problems(trial: TrialParts) -> Iterator[Problem]:
    if not trial.arms:
        yield Problem(key="arms", fault="there are no arms", fix="Give one, or several.")
    names = [arm.name for arm in trial.arms]
    if len(names) > _MOST_ARMS:
        fix = f"Give at most {_MOST_ARMS}."
        yield Problem(key="arms", fault=f"there are {len(names)} arms", fix=fix)
    if len(set(names)) < len(names):
        yield Problem(key="arms", fault=f"names {names} repeat", fix="Give each its own name.")
    for k, arm in enumerate(trial.arms):
        if arm.model.states != trial.states:
            yield Problem(
                key=f"arms.{k}.model",
                fault=f"the states of {arm.model.name!r} are not those of the other arm",
                fix=f"Use a model with the states {', '.join(trial.states)}.",
            )
    if trial.n_patients < 2 * len(trial.arms):
        yield Problem(
            key="sample_size",
            fault=f"{_patients(trial.n_patients)} fewer than two per arm",
            fix=f"Give at least {2 * len(trial.arms)}.",
        )


def _patients(number: int) -> str:
    return "1 patient is" if number == 1 else f"{number} patients are"


def _allocation_problems(trial: TrialParts) -> Iterator[Problem]:
    if trial.allocation is not None:
        yield from trial.allocation.problems(trial.ratio)
    yield from _factor_problems("allocation.stratify_by", trial.stratify_by, trial)
    yield from _strata_problems("allocation.stratify_by", trial.stratify_by, trial, _MOST_STRATA)


def _factor_problems(key: str, names: tuple[str, ...], trial: TrialParts) -> Iterator[Problem]:
    for k, name in enumerate(names):
        if name in names[:k]:
            yield Problem(key=key, fault=f"{name!r} is named twice", fix="Remove it once.")
        elif name not in trial.population.level_names:
            yield Problem(
                key=key,
                fault=f"the population has no factor {name!r}",
                fix=nearest(name, trial.population.level_names),
            )
        elif is_constant(name, trial.population):
            yield Problem(
                key=key,
                fault=f"{name!r} is the same for all patients, so there is one stratum",
                fix="Remove it, or give patients another level as well.",
            )


def _strata_problems(
    key: str, names: tuple[str, ...], trial: TrialParts, most: int
) -> Iterator[Problem]:
    levels = trial.population.level_names
    n_strata = math.prod(len(levels[name]) for name in names if name in levels)
    if n_strata > most:
        yield Problem(
            key=key,
            fault=f"{len(names)} factors make {n_strata:.6g} strata, nearly all of them empty",
            fix=f"Name fewer factors: at most {most:.6g} strata.",
        )


def _follow_up_problems(trial: TrialParts) -> Iterator[Problem]:
    if not trial.follow_up > 0:
        yield Problem(
            key="follow_up", fault=f"{trial.follow_up!r} is not above 0", fix="Give a duration."
        )
    if math.isinf(trial.follow_up) and not trial.cutoff.ends_by_itself:
        yield Problem(
            key="follow_up",
            fault="it is missing, and the cutoff needs it",
            fix="Give a duration such as 52 weeks, or a look at events or a calendar time.",
        )
    for k, visit in enumerate(trial.visits):
        if any(abs(visit - before) <= _TIME_TOLERANCE for before in trial.visits[:k]):
            yield Problem(
                key=f"visits.{k}",
                fault=f"a visit at {format_duration(visit)} is there already",
                fix="Remove it once.",
            )
        if not 0 <= visit <= trial.follow_up + _TIME_TOLERANCE:
            yield Problem(
                key="visits",
                fault=f"a visit at {format_duration(visit)} lies outside the follow-up",
                fix=f"Give study times from 0 to {format_duration(trial.follow_up)}.",
            )


def _name_problems(trial: TrialParts) -> Iterator[Problem]:
    names = [endpoint.name for endpoint in (trial.primary, *trial.secondary)]
    if len(set(names)) < len(names):
        yield Problem(key="endpoints", fault=f"names {names} repeat", fix="Give each its own name.")


def _dropout_problems(trial: TrialParts) -> Iterator[Problem]:
    arms = [arm.name for arm in trial.arms]
    for name, keys, known, what in (
        ("by_state", trial.dropout.by_state, trial.states, "a state of the model"),
        ("by_arm", trial.dropout.by_arm, arms, "an arm"),
    ):
        for key in keys:
            if key not in known:
                yield Problem(
                    key=f"dropout.{name}.{key}",
                    fault=f"{key!r} is not {what}",
                    fix=nearest(key, known),
                )


def _analysis_problems(trial: TrialParts) -> Iterator[Problem]:
    if trial.analysis is None and len(trial.arms) > 1 and not trial.rule.decides:
        yield Problem(
            key="analysis",
            fault="it is missing",
            fix="Name the test that compares the arms, such as "
            "'analysis: {test: logrank, alpha: 0.025, sided: 1}'.",
        )
    if trial.analysis is not None:
        if (names := trial.analysis.stratify_by) != trial.stratify_by:  # else told already
            yield from _factor_problems("analysis.stratify_by", names, trial)
        yield from _strata_problems("analysis.stratify_by", names, trial, _MOST_ANALYZED)
        yield from adjustment_problems(trial.analysis, trial.population)
        yield from arms_problems(trial, trial.analysis)
    yield from problems_of_tests(trial)
    yield from family_problems(trial)
    yield from trial.rule.problems(_as_asked(trial))
    yield from look_problems(trial)
