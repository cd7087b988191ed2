"""The design in words that a protocol can take over, and the table of its looks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from scipy.special import ndtr

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.planning.runs.results import PointResult
from lupusim.planning.theory.group_sequential import planned_bounds, sequential_theory
from lupusim.planning.theory.power import formula_powers
from lupusim.report.document.parts import Table
from lupusim.report.figures.samples import LookPaths
from lupusim.report.numbers import grouped, rounded, share
from lupusim.report.run.known import best_in_words, error_in_words, formula_share
from lupusim.report.run.looks import months
from lupusim.report.run.table import arms_and_sizes
from lupusim.report.words.bounds import (
    rules_in_words,
    rules_without_values,
    stages_in_words,
    stages_of,
)
from lupusim.report.words.coming import supply_in_words, who_comes_in_words
from lupusim.report.words.effects import analysis_in_words, listed
from lupusim.report.words.rules import rules_of_trial
from lupusim.report.words.trials import (
    arms_in_words,
    doses_in_words,
    endpoint_in_words,
    follow_up_in_words,
    models_in_short,
    over_months,
    who_left_in_words,
)
from lupusim.simulation.looks.null_hypothesis import error_quantity
from lupusim.simulation.tally import Mean
from lupusim.trial import Trial
from lupusim.trial.enrollment.arm_periods import arms_change

_Topic = tuple[str, ...]  # sentences
_LOG = "log "
_MOST_DIFFERING = 0.75  # of the sentences of a design that is told by what differs


def design_paragraphs(designs: Sequence[tuple[str, PointResult]]) -> Iterator[str]:
    """Yield a paragraph for each design: the whole of the first, of others only what differs.

    Every simulated number stands with its Monte Carlo standard error in brackets.
    """
    (first, point), *others = designs
    whole = _topics(point)
    yield f"{first}: {_joined(whole)}" if others else _joined(whole)
    short = "the first design" if "," in first else first
    for name, other in others:
        yield f"{name}: {_beside_first(_topics(other), whole, short)}"


def _beside_first(topics: Sequence[_Topic], whole: Sequence[_Topic], first: str) -> str:
    """Return what a design says otherwise than the first; all where little is the same."""
    pairs = list(zip(topics, whole, strict=True))
    differing = [said for topic, before in pairs for said in _news(topic, before)]
    silent = any(bool(topic) is not bool(before) for topic, before in pairs)
    if silent or len(differing) > _MOST_DIFFERING * sum(map(len, whole)):
        return _joined(topics)
    return " ".join([f"as for {first}, apart from what follows.", *differing])


def _news(topic: _Topic, before: _Topic) -> Iterator[str]:
    """Yield the sentences of a topic that differ; all of it where they are no pairs."""
    pairs = len(topic) == len(before) and set(topic).isdisjoint(set(before) - set(topic))
    differing = [said for said, other in zip(topic, before, strict=pairs) if said != other]
    yield from differing if pairs and set(before).isdisjoint(differing) else topic


def _joined(topics: Iterable[_Topic]) -> str:
    return " ".join(said for topic in topics for said in topic)


def sizing_paragraph(point: PointResult) -> str:
    """Return how many patients a design has, and why: assumptions, power, type I error, months."""
    return _joined([*_sizing(point), (_how_long(point),)])


def analysis_paragraph(point: PointResult) -> str:
    """Return what a design tests, by which test, at which looks, with which hypotheses."""
    trial = point.trial
    said = [f"The primary endpoint is {endpoint_in_words(trial.primary, trial)}."]
    if trial.analysis is not None:
        said.append(f"It is tested by {analysis_in_words(trial.analysis)}.")
    if trial.secondary:
        said.append(f"Secondary endpoints: {listed(one.name for one in trial.secondary)}.")
    return " ".join([*said, *_conduct(trial)])


def _topics(point: PointResult) -> list[_Topic]:
    """Return all that is said of a design, as many topics of every design."""
    return [*_sizing(point), tuple(_conduct(point.trial)), (_how_long(point),)]


def _sizing(point: PointResult) -> Iterator[_Topic]:
    """Yield patients, assumptions, and what comes of them, by topics."""
    trial, correlated = point.trial, point.trial.population.correlated
    yield (_sizes(point),)
    yield tuple(who_comes_in_words(trial))
    yield tuple(_course(trial))
    yield tuple(f"{what}: {words}." for what, words in doses_in_words(trial))
    yield tuple(supply_in_words(trial))
    yield tuple(f"Assumed for {who}: {words}." for who, words in arms_in_words(trial))
    yield tuple(models_in_short(trial))
    yield () if correlated is None else (f"Outcomes of a patient: {correlated.words}.",)
    yield tuple(_outcomes(point))
    yield () if point.power is None else (_power(point, point.power),)
    yield tuple(_error(point))


def _conduct(trial: Trial) -> Iterator[str]:
    """Yield when it is analyzed, and by which rules it changes or stops."""
    if trial.interims:
        yield _looks(trial)
    else:
        yield f"There is one analysis, with data cut at: {trial.cutoff.words(trial)}."
    yield from rules_of_trial(trial)


def _sizes(point: PointResult) -> str:
    trial = point.trial
    who, sizes = arms_and_sizes(trial)
    fewer = trial.stopping is not None or trial.rule.changes or _some_never_come(point)
    n = f"{'Up to' if fewer else 'A total of'} {grouped(trial.n_patients)}"
    if len(trial.arms) == 1:
        return f"{n} patients will be treated in one arm ({_plain(who[0])})."
    begin = " among the arms that are open" if arms_change(trial.arms) else " at first"
    ratio = f"{':'.join(map(str, trial.ratio))}{'' if sizes else begin}"
    told = [f"{size} to {_plain(name)}" for name, size in zip(who, sizes, strict=False)]
    within = f", stratified by {listed(trial.stratify_by)}" if trial.stratify_by else ""
    details = ", ".join(told) or listed(who)
    if not trial.is_randomized:
        outside = listed(map(_plain, trial.external))
        return (
            f"{n} patients will be compared, {ratio} ({details}). Nobody is randomized: "
            f"the patients of {outside} come from outside the trial."
        )
    return f"{n} patients will be randomized {ratio} ({details}){within}.{_outside(trial)}"


def _outside(trial: Trial) -> str:
    names = listed(map(_plain, trial.external)) if trial.external else ""
    return f" Nobody is randomized to {names}: these patients come from outside." if names else ""


def _course(trial: Trial) -> Iterator[str]:
    """Yield how long patients come and are followed."""
    if over := over_months(trial):
        yield f"They are expected to be enrolled{over}."
    yield follow_up_in_words(trial)
    if who := who_left_in_words(trial):
        yield f"{who}."


_SHOWN = {
    "response_": ("The share of patients with a response", share),
    "event_rate_": ("The number of events per patient-year", rounded),
    "mean_": ("The mean", rounded),
}


def _outcomes(point: PointResult) -> Iterator[str]:
    """Yield what the arms then show of the primary endpoint, on average."""
    for start, (words, said) in _SHOWN.items():
        known = [arm.name for arm in point.trial.arms if start + arm.name in point.tally.sums]
        if known:
            one = len(point.trial.arms) == 1
            each = [
                f"{'' if one else f'{_plain(k)} '}{said(point.tally.mean(start + k))}"
                for k in known
            ]
            yield f"{words} ({point.trial.primary.name}) is then: {', '.join(each)}."


def _power(point: PointResult, power: Mean) -> str:
    trial, analysis = point.trial, point.trial.analysis
    what = f"on {trial.primary.name}" if trial.family is None else "to show any hypothesis"
    n = grouped(point.n_replicates)
    if analysis is None:
        simulated = f"{share(power)} from {n} simulated trials"
        return f"The trial then succeeds with probability {simulated}."
    formulas = formula_powers(trial, point.n_replicates)
    counted = next((one.mean for one in formulas if one.is_by_counts), None)
    known = [(one.method, formula_share(one)) for one in formulas]
    how = best_in_words((f"from {n} simulated trials", power), counted, known)
    return f"Tested by {analysis_in_words(analysis)}, the power {what} is {how}."


def _error(point: PointResult) -> Iterator[str]:
    """Yield what happens where nothing is better."""
    if point.type_one_error is not None:
        yield error_in_words(point, point.type_one_error)
    elif point.claims_if_alike is not None and error_quantity(point.trial) is None:
        claims = share(point.claims_if_alike)
        yield f"If all arms are identical, it shows so within the margin with probability {claims}."


def _looks(trial: Trial) -> str:
    when = [look.words(trial) for look in trial.looks]
    count = {1: "One interim look is", 2: "Two interim looks are", 3: "Three interim looks are"}
    first = count.get(len(when) - 1, f"{len(when) - 1} interim looks are")
    said = f"{first} held, with data cut at: {'; '.join(when[:-1])}. The last analysis is at: "
    plan = planned_bounds(trial)
    if plan is not None:
        return f"{said}{when[-1]}. {rules_in_words(plan)}"
    rules = [*stages_in_words(trial), *rules_without_values(trial)]
    return " ".join([f"{said}{when[-1]}.", *rules])


def _how_long(point: PointResult) -> str:
    duration, enrolled = months(point.tally.mean("duration")), point.tally.mean("n_enrolled")
    who = f"enrolls {rounded(enrolled)} patients and " if _some_never_come(point) else ""
    said = f"On average the trial {who}ends {duration} months after its first site opened."
    if (theory := sequential_theory(point.trial)) is None:
        return said
    each = listed(f"{n:.4g} {what}" for what, n in theory.expected_if_alike().items() if n < np.inf)
    return f"{said} If nothing is better, it stops by theory after {each}, on average."


def _some_never_come(point: PointResult) -> bool:
    """Return whether trials end before all are enrolled, by a look, a rule, or their events."""
    return point.tally.mean("n_enrolled").value < point.trial.n_patients


def _plain(name: str) -> str:
    return name.replace("_", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class LookLimits:
    """Bounds of the looks for the table.

    `planned` says whether they are those of the plan, or medians of simulated trials.
    """

    information: FloatArray
    efficacy: FloatArray
    futility: FloatArray
    later: FloatArray | None
    alpha_spent: FloatArray | None
    beta_spent: FloatArray | None
    planned: bool

    @property
    def spends(self) -> bool:
        """Whether it is known what they spend."""
        known = [s for s in (self.alpha_spent, self.beta_spent) if s is not None]
        return bool(np.isfinite(known).any())


def limits_of(trial: Trial, paths: LookPaths) -> LookLimits:
    """Return the bounds as planned where they are known before, else those of simulated trials."""
    plan = planned_bounds(trial)
    if plan is None:
        return LookLimits(
            information=paths.information,
            efficacy=paths.efficacy,
            futility=paths.futility,
            later=paths.later,
            alpha_spent=None,
            beta_spent=None,
            planned=False,
        )
    return LookLimits(
        information=plan.information_fraction,
        efficacy=plan.efficacy,
        futility=plan.futility,
        later=None,
        alpha_spent=plan.alpha_spent,
        beta_spent=plan.beta_spent,
        planned=True,
    )


def stages_table(trial: Trial, *, named: str = "") -> Table | None:
    """Return at how many responders a test of two stages stops; None for another test."""
    stages = stages_of(trial)
    if stages is None:
        return None
    first, last = stages.first_responders, stages.responders
    return Table(
        caption=f"Stages of the test, {named}by the patients analyzed.",
        head=("stage", "data cut at", "patients", "responders", "then"),
        rows=(
            ("1", trial.looks[0].words(trial), str(stages.first_patients), f"at most {first}",
             "stops: no claim"),
            ("1", "", "", f"{first + 1} or more", "goes on"),
            ("2", trial.looks[-1].words(trial), str(stages.n_patients), f"at most {last}",
             "no claim"),
            ("2", "", "", f"{last + 1} or more", "claims success"),
        ),
        wordy=True,
    )  # fmt: skip


def looks_table(point: PointResult, paths: LookPaths, *, named: str = "") -> Table:
    """Return a row per look and bound: when, the bound on four scales, and what it spends.

    Parameters
    ----------
    point : PointResult
        The design.
    paths : LookPaths
        Of one of its hypotheses.
    named : str
        Stands before the hypothesis, where there are several designs.
    """
    trial, limits = point.trial, limits_of(point.trial, paths)
    how = "as planned" if limits.planned else "medians of simulated trials, at the information seen"
    sides = "two" if paths.sided == 2 else "one"
    effect = paths.effect.removeprefix(_LOG)
    rows, spends = [], int(limits.spends)
    for number, look in enumerate(trial.looks):
        begin = (str(number + 1), look.words(trial), f"{limits.information[number]:.3f}")
        cells = _bounds_of_look(limits, paths, number)
        rows += [(*begin, *one[: 5 + spends]) for one in cells]
    spent = "; spent is what has been spent up to then, of alpha for efficacy, of beta for futility"
    either = (
        " At first is with the share of the level that it has before anything is shown; later, "
        "once all the other hypotheses are shown."
    )
    return Table(
        caption=f"Looks and their bounds, {named}{paths.hypothesis} ({how}). B is the B-value of "
        "Lan and Wittes (1988), z times the root of the information; the effect is that at which "
        f"a trial with the look's median standard error just reaches the bound{spent * spends}."
        f"{either * (limits.later is not None)}",
        head=(
            *("look", "data cut at", "information", "bound", "z"),
            *(f"p, {sides}-sided", "B", effect, "spent")[: 3 + spends],
        ),
        rows=tuple(rows),
    )


def _bounds_of_look(
    limits: LookLimits, paths: LookPaths, look: int
) -> Iterator[tuple[str, str, str, str, str, str]]:
    """Yield the bounds that a look has, each on its scales; ``none`` where it has no bound."""
    if limits.later is None:
        kinds = {"efficacy": (limits.efficacy, limits.alpha_spent)}
    else:
        kinds = {"efficacy at first": (limits.efficacy, None)}
        kinds["efficacy later"] = (limits.later, None)
    if look < len(limits.efficacy) - 1:  # who does not succeed at the end has failed
        kinds["futility"] = (limits.futility, limits.beta_spent)
    found = [n for n, (z, _) in kinds.items() if math.isfinite(z[look])]
    for name in found:
        z, spent = kinds[name]
        yield (name, *_scales(limits, paths, z, look), _number(spent, look))
    if not found:
        yield ("none", "none", "none", "none", "none", "none")


def _scales(
    limits: LookLimits, paths: LookPaths, z: FloatArray, look: int
) -> tuple[str, str, str, str]:
    """Return z, nominal p, B-value and effect of a bound."""
    bound = np.where(np.isfinite(z), z, np.nan)
    p = paths.sided * ndtr(-bound[look])
    b_value = bound[look] * math.sqrt(limits.information[look])
    effect = _effect(paths, bound)[look]
    return f"{bound[look]:.4f}", f"{p:.5f}", f"{b_value:.4f}", f"{effect:.3f}"


def _number(spent: FloatArray | None, look: int) -> str:
    known = spent is not None and math.isfinite(spent[look])
    return f"{spent[look]:.5f}" if spent is not None and known else "none"


def _effect(paths: LookPaths, bound: FloatArray) -> FloatArray:
    effect = paths.effect_at(bound)
    return np.asarray(np.exp(effect) if paths.effect.startswith(_LOG) else effect)
