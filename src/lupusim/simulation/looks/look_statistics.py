"""What the looks of simulated trials show, whatever rule will judge it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import numpy as np

from lupusim.analysis.group_sequential import z_from_p_value
from lupusim.analysis.outcomes import Outcome
from lupusim.analysis.survival.logrank_looks import LookTests
from lupusim.analysis.verdicts import verdict
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.records import Observation
from lupusim.simulation.generation.generation import Generated
from lupusim.simulation.looks.concurrent_controls import adjusted_for, compared
from lupusim.simulation.looks.cutoffs import (
    conduct,
    events_by_calendar,
    intervals_asked_of,
    observed,
)
from lupusim.simulation.quantities import of_arm
from lupusim.trial import Analysis, Cutoff, StoppingRule, Trial, Verdict
from lupusim.trial.looks import Entries
from lupusim.trial.looks.events import nth_smallest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Table = TypeVar("Table", bound="DataclassInstance")


@dataclass(frozen=True, slots=True, kw_only=True)
class LookStatistics:
    """What every look shows of every replicate; all arrays are (n_replicates, n_looks)."""

    cutoff: FloatArray
    """Calendar times (years) of the looks, never falling; ``inf`` where one is not reached."""
    p_value: FloatArray  # one-sided, small where the experimental arm is better; 1 where undefined
    p_worse: FloatArray
    p_two_sided: FloatArray
    """`p_worse` and `p_two_sided`: one-sided, small where it is worse; and the test's own of both
    directions."""
    decisive: FloatArray
    """P-value of as many sides as the trial's test has: of an exact test its own."""
    z: FloatArray  # its statistic, large in favor of the experimental arm; NaN where undefined
    estimate: FloatArray  # effect on the test's own scale; NaN where undefined
    standard_error: FloatArray
    lower: FloatArray
    upper: FloatArray
    """`standard_error`, `lower` and `upper`: of the estimate, and its two-sided 95 % interval that
    ignores the other looks."""
    undefined: BoolArray  # where the statistic does not exist
    information: FloatArray
    """Patients or events in the analysis, or what else the test's information is."""
    n_enrolled: FloatArray  # patients randomized by then

    def verdict_at(self, look: IntArray) -> Verdict:
        """Return the verdict at one look (from 0) of each replicate."""
        row = np.arange(look.size)
        names = {field.name for field in fields(self)} & {field.name for field in fields(Verdict)}
        at = {name: getattr(self, name)[row, look] for name in names}
        return Verdict(p_better=at["p_value"], **at)

    @property
    def skipped(self) -> BoolArray:
        """Interim looks that are not held, because their clock comes no sooner than the last's."""
        late: BoolArray = self.cutoff == self.cutoff[:, -1:]
        late[:, -1] = False
        return late

    @property
    def held_until(self) -> FloatArray:
        """Information up to each look; where one is skipped, that of the look before."""
        return np.maximum.accumulate(np.where(self.skipped, 0.0, self.information), axis=1)

    @property
    def look_time(self) -> FloatArray:
        """Calendar times (years) of the looks that are held; NaN for others."""
        never = self.skipped | np.isinf(self.cutoff)
        return np.where(never, np.nan, self.cutoff)

    def bounds(self, rule: StoppingRule, fraction: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return efficacy and futility bounds on the z scale; infinite where a look is skipped."""
        efficacy, futility = rule.bounds_at(fraction, self.estimate)
        return (
            np.where(self.skipped, np.inf, efficacy),
            np.where(self.skipped, -np.inf, futility),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One experimental arm against the control on one endpoint."""

    prefix: str
    arm_name: str
    """`prefix` and `arm_name`: how quantities of it are marked, such as ``survival: `` (nothing for
    the primary endpoint) and ``msc``."""
    arm: int  # position of the arm
    endpoint: int  # position of the endpoint; 0 is the primary
    analysis: Analysis  # the test

    def quantity(self, name: str) -> str:
        """Return the full name of a quantity of this comparison."""
        return f"{self.prefix}{of_arm(name, self.arm_name)}"


def comparisons(trial: Trial) -> tuple[Comparison, ...]:
    """Return what the trial tests, endpoint by endpoint, arm by arm within an endpoint."""
    analysis = trial.analysis
    assert analysis is not None
    tests = [("", 0, analysis)]
    names = [endpoint.name for endpoint in trial.endpoints]
    for other in trial.family.hypotheses if trial.family else ():
        adjust_for = analysis.adjust_for if other.test.covariates else ()
        own = replace(
            analysis, name=other.name, test=other.test, effect=other.effect, adjust_for=adjust_for
        )
        tests.append((f"{other.endpoint}: ", names.index(other.endpoint), own))
    return tuple(
        Comparison(prefix=prefix, arm_name=arm.name, arm=number, endpoint=endpoint, analysis=test)
        for prefix, endpoint, test in tests
        for number, arm in enumerate(trial.arms)
        if number > 0 or len(trial.arms) == 1
    )


def gather(trial: Trial, generated: Generated) -> tuple[LookStatistics, ...]:
    """Hold all looks of a block of trials; return what each shows of each comparison."""
    cutoffs = look_times(trial, generated)
    asked = comparisons(trial)
    at_once = [_at_once(trial, generated, one, cutoffs) for one in asked]
    others = [one for one, looks in zip(asked, at_once, strict=True) if looks is None]
    one_by_one = [_look(trial, generated, others, cutoff) for cutoff in cutoffs if others]
    following = zip(*one_by_one, strict=True)
    return tuple(statistics_of(cutoffs, looks or next(following)) for looks in at_once)


def at_cutoff(trial: Trial, generated: Generated, cutoff: FloatArray) -> LookStatistics:
    """Hold one look at a cutoff of its own in each replicate; of the first comparison."""
    (shown, *_) = _look(trial, generated, comparisons(trial), cutoff)
    return statistics_of([cutoff], [shown])


def looks_of_tests(trial: Trial, one: Comparison, tests: LookTests) -> list[Look]:
    """Return what tests worked out at once show of a comparison, look by look."""
    better, sided = trial.endpoints[one.endpoint].better, one.analysis.sided
    return [
        Look(verdict(result, better, sided), events.astype(float), enrolled, sided)
        for result, events, enrolled in zip(
            tests.results, tests.events, tests.enrolled, strict=True
        )
    ]


def statistics_of(cutoffs: Sequence[FloatArray], looks: Sequence[Look]) -> LookStatistics:
    """Return what looks at these calendar times (years) show of one comparison."""
    return LookStatistics(
        cutoff=np.stack(cutoffs, axis=1),
        p_value=np.stack([look.verdict.p_better for look in looks], axis=1),
        p_worse=np.stack([look.verdict.p_worse for look in looks], axis=1),
        p_two_sided=np.stack([look.verdict.p_two_sided for look in looks], axis=1),
        decisive=np.stack([look.verdict.p_value for look in looks], axis=1),
        z=np.stack([look.z for look in looks], axis=1),
        estimate=np.stack([look.estimate for look in looks], axis=1),
        standard_error=np.stack([look.verdict.standard_error for look in looks], axis=1),
        lower=np.stack([look.verdict.lower for look in looks], axis=1),
        upper=np.stack([look.verdict.upper for look in looks], axis=1),
        undefined=np.stack([look.verdict.undefined for look in looks], axis=1),
        information=np.stack([look.information for look in looks], axis=1),
        n_enrolled=np.stack([look.n_enrolled for look in looks], axis=1).astype(float),
    )


def look_times(trial: Trial, generated: Generated) -> list[FloatArray]:
    """Return the calendar time of each look, (n_replicates,) each; in their order."""
    events_of = events_by_calendar(generated)
    event_time = events_of(0, None)
    entries = Entries(
        enrolled=generated.enrollment_time, event_time=event_time, events_of=events_of
    )
    dates = _dates_of_events(trial, event_time)
    clocks = [
        np.maximum(look.calendar_time(entries) if date is None else date, 0.0)
        for look, date in zip(trial.looks, dates, strict=True)
    ]
    return _in_order(trial.looks, clocks)


def _dates_of_events(trial: Trial, event_time: FloatArray) -> list[FloatArray | None]:
    """Return when looks are due that wait for events alone; None for other looks.

    SPEED: all of these are looked up together.
    """
    counts = [look.counted for look in trial.looks]
    most = event_time.shape[1]
    waits = [one is not None and one.of_primary and one.events <= most for one in counts]
    numbers = [one.events for one, due in zip(counts, waits, strict=True) if one and due]
    dates = iter(nth_smallest(event_time, numbers))
    return [next(dates) if due else None for due in waits]


def _in_order(looks: Sequence[Cutoff], clocks: Sequence[FloatArray]) -> list[FloatArray]:
    """Return when looks are held whose clocks come then; none before the one before.

    Where an interim look is not due before the last one it is skipped, and has its time.
    """
    *early, final = clocks
    before = np.full(final.shape, -np.inf)
    times = []
    for cutoff, clock in zip(looks, early, strict=False):
        before = np.maximum(clock, before + cutoff.gap)
        times.append(before)
    held = [np.where(time < final, time, -np.inf) for time in times]
    latest = np.max([*held, np.full(final.shape, -np.inf)], axis=0)
    last = np.maximum(final, latest + looks[-1].gap)
    return [*(np.where(time < final, time, last) for time in times), last]


class Looks(Protocol):
    """All looks of a block of trials."""

    @property
    def statistics(self) -> tuple[LookStatistics, ...]:
        """What they show of each comparison."""
        ...

    def described(self, look: IntArray) -> dict[str, FloatArray]:
        """Return what each arm showed at one look (from 0) of each replicate."""
        ...


class Held:
    """Looks that one rule judges: described where each trial stops."""

    def __init__(self, trial: Trial, generated: Generated) -> None:
        self.trial, self.generated = trial, generated
        self.statistics = gather(trial, generated)

    def described(self, look: IntArray) -> dict[str, FloatArray]:
        """Return what each arm showed at one look (from 0) of each replicate."""
        cutoff = self.statistics[0].cutoff[np.arange(look.size), look]
        return described_at(self.trial, self.generated, cutoff)


class Remembered:
    """Looks that several rules judge: each described once, for all of them."""

    def __init__(self, trial: Trial, generated: Generated) -> None:
        self.statistics = gather(trial, generated)
        columns = self.statistics[0].cutoff.T
        shown = [described_at(trial, generated, cutoff) for cutoff in columns]
        self._shown = {name: np.stack([look[name] for look in shown]) for name in shown[0]}

    def described(self, look: IntArray) -> dict[str, FloatArray]:
        """Return what each arm showed at one look (from 0) of each replicate."""
        row = np.arange(look.size)
        return {name: values[look, row] for name, values in self._shown.items()}


def described_at(trial: Trial, generated: Generated, cutoff: FloatArray) -> dict[str, FloatArray]:
    """Return what each arm showed at a cutoff of its own in each replicate."""
    observation = observed(generated, cutoff)
    outcomes = [measurement.outcome(observation) for measurement in generated.measurements]
    return conduct(trial, observation, outcomes)


class Look(NamedTuple):
    """What one look shows, (n_replicates,) each."""

    verdict: Verdict
    information: FloatArray
    n_enrolled: IntArray
    sided: int

    @property
    def z(self) -> FloatArray:
        """The statistic; of two sides that of half the p-value, on the side of the smaller one."""
        said = self.verdict
        if self.sided == 1:
            z = z_from_p_value(said.p_better)
        else:
            side = np.where(said.p_better > said.p_worse, -1, 1)
            z = z_from_p_value(said.p_two_sided / 2) * side
        return np.where(said.undefined, np.nan, z)

    @property
    def estimate(self) -> FloatArray:
        """The estimated effect; NaN where there is none."""
        return self.verdict.known_estimate


def _at_once(
    trial: Trial, generated: Generated, one: Comparison, cutoffs: Sequence[FloatArray]
) -> list[Look] | None:
    """Return all looks of a plain log-rank test of two arms; None for any other.

    SPEED: what one look shares with the next is not worked out again (benchmarks/cases.py).
    """
    if len(trial.arms) > 2 or one.analysis.stratify_by:
        return None
    ends = np.stack(cutoffs)
    observation = observed(generated, ends)
    exits = generated.measurements[one.endpoint].exits(observation)
    if exits is None:
        return None
    tests = one.analysis.test.at_looks(exits, ends, observation.seen_by)
    if tests is None:
        return None
    return looks_of_tests(trial, one, tests)


def _look(
    trial: Trial, generated: Generated, asked: Sequence[Comparison], cutoff: FloatArray
) -> list[Look]:
    observation = observed(generated, cutoff)
    n_enrolled = _enrolled(observation)
    most = int(n_enrolled.max())
    few = observation.first(most)  # SPEED: who came in no replicate stands last
    outcomes: dict[int, Outcome] = {}
    looks = []
    for one in asked:
        if one.endpoint not in outcomes:
            measured = generated.measurements[one.endpoint].outcome(observation)
            outcomes[one.endpoint] = measured.first(most)
        outcome = outcomes[one.endpoint]
        if len(trial.arms) > 2:
            outcome = outcome.against_control(one.arm, compared(one.analysis, few, one.arm))
        verdict = _verdict(trial, one, few, outcome)
        known = one.analysis.test.information(outcome, verdict)
        looks.append(Look(verdict, known, n_enrolled, one.analysis.sided))
    return looks


def _verdict(trial: Trial, one: Comparison, observation: Observation, outcome: Outcome) -> Verdict:
    better, analysis = trial.endpoints[one.endpoint].better, one.analysis
    adjusted = adjusted_for(trial, analysis, observation, arm=one.arm)
    with intervals_asked_of(analysis):
        return analysis.test(outcome, better=better, sided=analysis.sided, **adjusted)


def _enrolled(observation: Observation) -> IntArray:
    return np.asarray(np.count_nonzero(observation.enrolled, axis=1))
