"""What trials claim by their numbers of patients: all tables, or many that are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from typing import TypeVar

import numpy as np

from lupusim.analysis.outcomes import CountedOutcome
from lupusim.analysis.proportions.score_interval import intervals_left_out
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.counts.cells import cells_of
from lupusim.planning.theory.counts.chances import takes_minutes
from lupusim.planning.theory.counts.design import independent
from lupusim.planning.theory.counts.joint import Outcomes, Truths, is_counted, outcomes_of
from lupusim.planning.theory.counts.numbers import Counted, Numbers, codes_of
from lupusim.planning.theory.counts.tables import check_sizes
from lupusim.simulation.fingerprint import remembered_by_content
from lupusim.simulation.looks.claims import claims
from lupusim.simulation.looks.look_statistics import (
    Comparison,
    Look,
    LookStatistics,
    comparisons,
    statistics_of,
)
from lupusim.simulation.tally import Mean
from lupusim.trial import Trial, Verdict
from lupusim.trial.enrollment.arm_periods import arms_change

SEED = 20_260_101
"""Of the streams that tables are drawn from, the same in all commands and runs."""

_WORK = 8_000_000  # numbers that could be drawn in all: less than a second
_PILOT = 500  # trials that show whether tests suffice
_OF_TABLE, _OF_FAMILY, _OF_LOOKS = 15, 4, 20
"""Numbers that could be drawn while a table is judged by a test, and by the rule for a hypothesis
among several, with one look or with more."""
_OF_STEPS, _OF_INFORMATION = 40, 5  # the same of a fit: in all, and by what it has to invert
_FEWEST_KNOWN = 2_500  # tables out of which known chance is taken: as good as ten times as many
_FEWEST, _MOST = 6_000, 1_000_000  # trials
_FEWER = 32  # times fewer, where many trials are compared
_AT_ONCE = 4_000_000  # numbers that are held together


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """How probably a trial claims something."""

    shares: dict[str, Mean]  # by quantity; the error is 0 where all tables were gone through
    n_drawn: int  # tables that were drawn; 0 where all were gone through


Answered = TypeVar("Answered")
Answer = Callable[["Counted", Sequence[Comparison]], Answered]
"""Says something of a trial by its numbers and of the comparisons that see these alone."""


@remembered_by_content
def claims_of_all(trial: Trial) -> Claims:
    """Return how probably a trial claims what it tests.

    Its looks see numbers of patients with some outcomes; all numbers that there can be are gone
    through, and the trial's own tests and rules decide.

    Raises
    ------
    NoExactSolutionError
        If it is no such trial, or these are too many; why is said.
    """
    return by_counted(trial, _of_all)


def is_of_counts(trial: Trial) -> bool:
    """Return whether numbers of independent patients are all that a trial's first test sees."""
    try:
        return len(_counted(trial)) > 0 and not takes_minutes(trial)
    except NoExactSolutionError:
        return False


def by_counted(trial: Trial, answer: Answer[Answered], truths: Truths | None = None) -> Answered:
    """Return what numbers of patients say of a trial.

    Parameters
    ----------
    trial : Trial
        Any.
    answer : callable
        Takes the law of the numbers and the comparisons that see these alone.
    truths : Truths or None
        What else may be true, whose chances the law then has; None: what the trial states.

    Raises
    ------
    NoExactSolutionError
        If numbers do not say it; why is said.
    """
    *quicker, every = ways_of(trial)
    for asked in quicker:
        try:
            return answer(law_of(trial, asked, truths), asked)
        except NoExactSolutionError:
            pass
    return answer(law_of(trial, every, truths), every)


def ways_of(trial: Trial) -> list[list[Comparison]]:
    """Return comparisons by which it may be known what a trial claims, those to try first first.

    Raises
    ------
    NoExactSolutionError
        If no numbers of patients tell.
    """
    asked = _counted(trial)
    primary = [one for one in asked if one.endpoint == 0]
    # SPEED: of a sequence the first endpoint alone settles whether anything is claimed
    return [primary, asked] if len(primary) < len(asked) else [asked]


def _of_all(counted: Counted, asked: Sequence[Comparison]) -> Claims:
    numbers = counted.everything(_WORK // (_OF_TABLE + _work(counted, asked)))
    shares = {
        name: Mean(value=float(numbers.weights @ values), mcse=0.0, n=0)
        for name, values in decided(counted, asked, numbers).items()
    }
    return Claims(shares=shares, n_drawn=0)


def _counted(trial: Trial) -> list[Comparison]:
    """Return the comparisons whose tests see numbers of patients alone.

    Raises
    ------
    NoExactSolutionError
        If the first is none, or the trial does more than to compare.
    """
    if trial.analysis is None or len(trial.arms) < 2 or not trial.is_randomized:
        raise NoExactSolutionError("no arms are compared")
    if trial.rule.changes or arms_change(trial.arms):
        raise NoExactSolutionError("arms or patients change while it runs")
    if not independent(trial):
        raise NoExactSolutionError("patients depend on the date or on each other")
    asked = comparisons(trial)
    found = [
        one
        for one in asked
        if is_counted(trial.endpoints[one.endpoint])
        and one.analysis.test.sees_counts
        and not one.analysis.adjust_for
    ]
    if asked[0] not in found:
        raise NoExactSolutionError(f"{asked[0].analysis.name} sees more than counts")
    return found


def law_of(trial: Trial, asked: Sequence[Comparison], truths: Truths | None = None) -> Counted:
    """Return the law of the numbers that some comparisons see, as in :func:`by_counted`."""
    _check_tables(trial, asked)
    positions = sorted({one.endpoint for one in asked})
    tested = _tested(asked)
    cells = cells_of(trial, (*trial.stratify_by, *tested))
    outcomes: Outcomes
    if truths is None:
        outcomes = outcomes_of(trial, [trial.endpoints[k] for k in positions], cells)
    else:
        outcomes = truths.outcomes(positions, cells)
    return Counted.of(trial, _patients(trial, positions), (cells, tested), outcomes)


def _check_tables(trial: Trial, asked: Sequence[Comparison]) -> None:
    """Refuse tests that take all tables of two arm sizes, where these or the sizes are many."""
    block = trial.allocation.block_size if trial.allocation else None
    whole = sum(trial.ratio)
    for one in asked:
        sizes = tuple(trial.n_patients * trial.ratio[arm] // whole for arm in (0, one.arm))
        if one.analysis.test.needs_all_tables and (block is None or trial.stratify_by):
            raise NoExactSolutionError(f"{one.analysis.name} takes all tables of many arm sizes")
        if one.analysis.test.needs_all_tables:
            check_sizes(one.analysis, (sizes[0], sizes[1]))


def _tested(asked: Sequence[Comparison]) -> tuple[str, ...]:
    """Return the factors by which a test tells patients apart."""
    strata = [one.analysis.stratify_by for one in asked if one.analysis.test.strata != "none"]
    return next(iter(strata), ())


def _patients(trial: Trial, endpoints: Sequence[int]) -> list[int]:
    """Return how many patients are in the analysis of each look, of all these endpoints."""
    conduct, n = trial.visit_conduct, trial.n_patients
    found = []
    for look in trial.looks:
        dues = [trial.endpoints[k].due_time for k in endpoints]
        latest = [min((due or 0.0) + conduct.window, trial.follow_up) for due in dues]
        known = {look.patients_known(due, n) for due in latest}
        some = known != {n}  # whose visit comes early may be in the analysis before others
        if len(known) > 1 or None in known or (conduct.window and some):
            raise NoExactSolutionError("how many patients are in the analysis is left to chance")
        found += [one for one in known if one is not None]
    if sorted(set(found)) != found:
        raise NoExactSolutionError("looks come at the same numbers of patients")
    return found


def most_drawn(counted: Counted, asked: Sequence[Comparison]) -> int:
    """Return how many tables may be drawn of a trial in less than a second.

    Raises
    ------
    NoExactSolutionError
        If patients do as well.
    """
    if (most := min(_WORK // work_of(counted, asked), _MOST)) < _FEWEST_KNOWN:
        raise NoExactSolutionError("tables take as long as patients")
    return most


def n_compared(counted: Counted, asked: Sequence[Comparison], at_least: int) -> int:
    """Return how many tables are drawn of each of several trials that are compared.

    Raises
    ------
    NoExactSolutionError
        If a few tables show that these do not say what is claimed.
    """
    check_told(counted, asked)
    affordable = _WORK // work_of(counted, asked)
    many = affordable // _FEWER // _FEWEST * _FEWEST
    return max(at_least, many, min(_FEWEST, affordable // 2))


def check_told(counted: Counted, asked: Sequence[Comparison]) -> None:
    """Refuse a trial of which a few tables do not say what is claimed.

    Raises
    ------
    NoExactSolutionError
        If they do not.
    """
    if len(asked) < len(comparisons(counted.trial)):
        decided(counted, asked, counted.drawn(_PILOT, rng=stream(SEED, "pilot")))


def work_of(counted: Counted, asked: Sequence[Comparison]) -> int:
    """Return about how many numbers could be drawn while one trial is drawn and decided."""
    return counted.n_draws + _work(counted, asked)


def _work(counted: Counted, asked: Sequence[Comparison]) -> int:
    n_looks = len(counted.patients)
    fits = sum(_of_fit(counted, one) for one in asked if one.analysis.test.fitted)
    together = len(asked) if counted.trial.family is not None else 0
    by_rule = _OF_LOOKS if n_looks > 1 else _OF_FAMILY
    return n_looks * (fits + by_rule * together)


def _of_fit(counted: Counted, one: Comparison) -> int:
    """Return the same of a fit of an intercept by stratum and value, and of the arm."""
    n_strata = 1 if one.analysis.test.strata == "none" else counted.n_strata
    n_values = max(counted.outcomes.n_values)  # one endpoint alone has more than two
    return int(_OF_STEPS + _OF_INFORMATION * (n_strata * (n_values - 1) + 1) ** 2)


def parts_of(n_trials: int, n_draws: int) -> Iterator[int]:
    """Yield numbers of trials that are held together."""
    most = max(_AT_ONCE // n_draws, 1)
    while n_trials:
        yield min(most, n_trials)
        n_trials -= min(most, n_trials)


def decided(
    counted: Counted, asked: Sequence[Comparison], numbers: Numbers
) -> dict[str, FloatArray]:
    """Return what is claimed, whatever tests show that see more than numbers, (n_trials,) each."""
    trial = counted.trial
    seen = seen_by(counted, asked, numbers)
    every = comparisons(trial)
    if len(every) == len(asked):
        return claims(trial, seen)
    known = dict(zip([(one.endpoint, one.arm) for one in asked], seen, strict=True))

    def claimed(p_value: float, rows: BoolArray) -> BoolArray:
        """Return which of some trials claim anything if all other tests have this p-value."""
        those = {key: _of_trials(one, rows) for key, one in known.items()}
        other = _as_if(next(iter(those.values())), p_value)
        found = claims(trial, tuple(those.get((e.endpoint, e.arm), other) for e in every))
        return found["reject"] > 0

    reject = claimed(1.0, np.ones(len(numbers.counts), dtype=bool))
    if not reject.all() and claimed(0.0, ~reject).any():
        raise NoExactSolutionError("what is claimed hangs on more than counts")
    return {"reject": reject.astype(float)}


def seen_by(
    counted: Counted, asked: Sequence[Comparison], numbers: Numbers
) -> tuple[LookStatistics, ...]:
    """Return what the looks show of each comparison."""
    place = {k: n for n, k in enumerate(sorted({one.endpoint for one in asked}))}
    return tuple(_seen(counted, one, place[one.endpoint], numbers) for one in asked)


def _of_trials(seen: LookStatistics, rows: BoolArray) -> LookStatistics:
    """Return what the looks of some trials show."""
    columns = {field.name: getattr(seen, field.name)[rows] for field in fields(seen)}
    return LookStatistics(**columns)


def _as_if(seen: LookStatistics, p_value: float) -> LookStatistics:
    """Return what a test would show that has this p-value at every look."""
    p, z = np.full_like(seen.z, p_value), np.full_like(seen.z, np.inf if p_value == 0 else -np.inf)
    sure = np.zeros_like(seen.undefined)
    return replace(seen, p_value=p, p_worse=1 - p, p_two_sided=p, decisive=p, z=z, undefined=sure)


def _seen(counted: Counted, one: Comparison, endpoint: int, numbers: Numbers) -> LookStatistics:
    """Return what the looks show of a comparison."""
    trial, n_trials = counted.trial, len(numbers.counts)
    values = counted.outcomes.values[endpoint]
    shape = (
        n_trials,
        len(counted.patients),
        2,
        counted.n_strata,
        counted.outcomes.n_values[endpoint],
    )
    by_value = np.zeros(shape, dtype=np.intp)
    pair = numbers.counts[:, :, [0, one.arm]]
    for outcome, value in enumerate(values.tolist()):
        by_value[..., value] += pair[..., outcome]
    if one.analysis.test.strata == "none":
        by_value = by_value.sum(axis=3, keepdims=True)
    looks = [_look(trial, one, by_value[:, look], n) for look, n in enumerate(counted.patients)]
    cutoffs = [np.full(n_trials, float(look)) for look in range(len(looks))]
    return statistics_of(cutoffs, looks)


def _look(trial: Trial, one: Comparison, numbers: IntArray, n_patients: int) -> Look:
    code = codes_of(numbers.reshape(len(numbers), -1))
    place = np.arange(len(numbers))
    if code is not None:
        _, first, place = np.unique(code, return_index=True, return_inverse=True)
        numbers = numbers[first]
    outcome = CountedOutcome(numbers=numbers.astype(float))
    analysis, better = one.analysis, trial.endpoints[one.endpoint].better
    with intervals_left_out():
        said = analysis.test.of_counts(outcome, better=better, sided=analysis.sided)
    known = analysis.test.information(outcome, said)
    enrolled = np.full(place.size, n_patients)
    return Look(_at(said, place), known[place], enrolled, analysis.sided)


def _at(said: Verdict, place: IntArray) -> Verdict:
    """Return the verdict on each trial from that on distinct numbers."""
    fields = {
        name: values[place]
        for name in said.__dataclass_fields__
        if (values := getattr(said, name)) is not None
    }
    return replace(said, **fields)
