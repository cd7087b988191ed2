"""When the looks of a trial are to be expected: what can be said before anything is simulated."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.expected_events import (
    expects_events,
    looks_out_of_reach,
    seen_events,
)
from lupusim.planning.theory.extremes import extremes, high_level
from lupusim.trial import Trial
from lupusim.trial.durations import LONGEST_FOLLOW_UP, MONTHS_PER_YEAR
from lupusim.trial.enrollment.arm_periods import arms_change
from lupusim.trial.enrollment.randomization import randomization_times, share_enrolled
from lupusim.trial.looks import Entries, EventCount, LookTiming, may_succeed_early
from lupusim.trial.scenario import Scenario, label

_ENROLLED = 400_000  # patients whose enrollment is drawn: a month in ten years to a tenth
_PLACES = (np.arange(400) + 0.5) / 400  # at which quantiles of enrollment events are counted
_HALVINGS = 40
_CELLS = 200
_OFTEN = 0.1  # of trials: what happens as often is warned of
_SMALL = 1e-6  # probability of times that are left out on either side
_LEAST_VARIANCE = 1e-9
_NORMAL = NormalDist()
_FEW_ARE_DUE = 0.1
_SAME_TIME = 1e-6  # years
_HIGH_BOUND = 3.0  # z: a level of 0.00135


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBeforeTheLast:
    """An interim look that is not to be expected before the last one, which makes it idle."""

    look: int  # counted from 1
    clock: str
    last_clock: str
    """`clock` and `last_clock`: what it waits for, and what the last look waits for."""
    time: float
    last_time: float
    """`time` and `last_time`: when they are to be expected: calendar time (years)."""

    def __str__(self) -> str:
        return (
            f"look {self.look} waits for {self.clock}, to be expected in month "
            f"{MONTHS_PER_YEAR * self.time:.1f}, and the last look for {self.last_clock}, in month "
            f"{MONTHS_PER_YEAR * self.last_time:.1f}: it is skipped where it does not come first"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NobodyLeft:
    """An interim look that picks who is enrolled further, when everybody has come."""

    share: float  # of trials in which it is so
    clock: str  # what the look waits for
    time: float
    last_enrolled: float
    """`time` and `last_enrolled`: when the look is to be expected, and the last patient: calendar
    time (years)."""

    def __str__(self) -> str:
        return (
            f"look 1 waits for {self.clock}, to be expected in month "
            f"{MONTHS_PER_YEAR * self.time:.1f}, and the last patient comes in month "
            f"{MONTHS_PER_YEAR * self.last_enrolled:.1f}: in {100 * self.share:.0f} % of trials "
            "nobody is left for stage 2, and nothing can be proven. Look earlier, enroll more "
            "slowly, or enroll more patients"
        )


def nobody_left(trial: Trial) -> tuple[NobodyLeft, ...]:
    """Return the interim look that picks who is enrolled further too late to do so.

    That is where in a tenth of trials or more everybody has come by then.
    """
    if not trial.rule.picks_patients:
        return ()
    times, look = _Times(trial), trial.interims[0]
    last = times.enrolled[:, -1]
    if look.counted is not None:
        held = np.full(len(last), look.expected_time(times))
    else:
        held = look.calendar_time(Entries(enrolled=times.enrolled))
    share = float((last <= held).mean())
    if share < _OFTEN or not np.isfinite(held).all():
        return ()
    return (
        NobodyLeft(
            share=share,
            clock=look.words(trial),
            time=float(held.mean()),
            last_enrolled=float(last.mean()),
        ),
    )


def warnings_of(scenario: Scenario) -> list[str]:
    """Return a line for all that is possible and rarely meant, design by design."""
    found = [tuple(dict.fromkeys(_found(point.trial))) for point in scenario.points]
    of_all = set(found[0]).intersection(*found[1:])
    lines = [line for line in found[0] if line in of_all]
    for point, own in zip(scenario.points, found, strict=True):
        lines += [f"{label(point.values)}: {line}" for line in own if line not in of_all]
    return lines


def _found(trial: Trial) -> Iterator[str]:
    """Yield what is to be warned of, each look once; of numbers rarely meant nothing follows."""
    rarely_meant = list(extremes(trial))
    yield from rarely_meant
    if rarely_meant != list(high_level(trial)):
        return
    short = looks_out_of_reach(trial)
    told = {found.look for found in short}
    yield from map(str, short)
    yield from (str(late) for late in looks_too_late(trial) if late.look not in told)
    yield from map(str, nobody_left(trial))
    yield from looks_before_anybody_is_due(trial)
    yield from looks_at_few(trial)


def looks_before_anybody_is_due(trial: Trial) -> Iterator[str]:
    """Yield a line for every look before which hardly anybody's endpoint is due.

    At the last look it counts whether one patient in ten has been followed so long, at others
    whether anybody has. Of trials that adapt to what they see interim looks alone are known; a
    rule that judges another endpoint there says itself whether it is due.
    """
    due = _due(trial)
    if due is None or trial.rule.early_tests() or arms_change(trial.arms):
        return
    times = _Times(trial)
    looks = trial.looks if trial.adaptation is None else trial.interims
    for number, look in enumerate(looks, 1):
        time = look.expected_time(times)
        if not math.isfinite(time):
            continue
        share = float((times.enrolled + due <= time + _SAME_TIME).mean())
        is_last = look is trial.cutoff
        if share == 0 or (is_last and share < _FEW_ARE_DUE):
            who = "nobody has" if share == 0 else f"only {100 * share:.1f} of 100 patients have"
            yield (
                f"look {number} is to be expected in month {MONTHS_PER_YEAR * time:.1f}, "
                f"when {who} been followed for the {MONTHS_PER_YEAR * due:.4g} months that the "
                f"{'analysis' if is_last else 'look'} needs"
            )


def looks_at_few(trial: Trial) -> Iterator[str]:
    """Yield a line for every early look that may succeed though its test sees too few patients.

    That is, fewer than the test's `least_patients` in the smallest comparison, at a bound below
    3: beyond it hardly any of the level is spent.
    """
    analysis, rule = trial.analysis, trial.stopping
    if analysis is None or rule is None or not analysis.test.least_patients:
        return
    changes = trial.rule.changes or arms_change(trial.arms) or len(trial.arms) == 1
    if changes or not may_succeed_early(rule, len(trial.looks)):
        return
    times, due = _Times(trial), _due(trial) or 0.0
    dates = np.array([look.expected_time(times) for look in trial.looks])
    come = [float((times.enrolled + due <= date + _SAME_TIME).mean()) for date in dates]
    efficacy = rule.bounds(np.maximum.accumulate(np.array([come])))[0][0]
    pair = trial.n_patients * (trial.ratio[0] + min(trial.ratio[1:])) / sum(trial.ratio)
    for number, (share, bound) in enumerate(zip(come[:-1], efficacy, strict=False), 1):
        least, known = analysis.test.least_patients, np.isfinite(dates[number - 1])
        if known and 0 < share * pair < least and bound < _HIGH_BOUND:
            yield (
                f"look {number} is to be expected when {analysis.name} sees about "
                f"{share * pair:.0f} patients, and in fewer than {least} it finds an effect too "
                "often (docs/reference/levels_of_tests.md): let it wait, or spend less of "
                "alpha there"
            )


def _due(trial: Trial) -> float | None:
    """Return the study time (years) that the primary analysis asks for; None for none."""
    test = None if trial.analysis is None else trial.analysis.test
    asked = [trial.primary.due_time, test.asks_at if test else None]
    known = [float(time) for time in asked if time is not None and math.isfinite(time)]
    return max(known, default=None)


def looks_too_late(trial: Trial) -> tuple[NotBeforeTheLast, ...]:
    """Return the interim looks that are not to be expected before the last one.

    Times of enrollment are averages over draws of it; the time of a number of events is known
    where the exact engine knows them, as in `looks_out_of_reach`.
    """
    if all(look.counted and look.counted.of_primary for look in trial.looks):
        return ()  # events alone come in the order of their numbers
    changes = arms_change(trial.arms) or trial.rule.changes
    if changes or not trial.interims or trial.cutoff.gap > 0:
        return ()
    times = _Times(trial)
    last = trial.cutoff.expected_time(times)
    return tuple(
        NotBeforeTheLast(
            look=number,
            clock=look.words(trial),
            last_clock=trial.cutoff.words(trial),
            time=time,
            last_time=last,
        )
        for number, look in enumerate(trial.interims, 1)
        if last <= (time := look.expected_time(times)) < math.inf
    )


def expected_enrollment(trial: Trial) -> float:
    """Return when the last patient is to be expected (calendar time, years; mean over draws)."""
    return float(_Times(trial).enrolled[:, -1].mean())


def enrolled_by_looks(trial: Trial) -> list[tuple[float, float]]:
    """Return when each interim look is to be expected, and which share has been enrolled by then.

    Returns
    -------
    list of (float, float)
        Calendar time (years), NaN where nobody knows it or the trial itself changes who comes,
        and the expected share from 0 to 1 of all patients.
    """
    if arms_change(trial.arms) or trial.rule.changes:
        return [(math.nan, math.nan) for _ in trial.interims]
    times = _Times(trial)
    expected = [look.expected_time(times) for look in trial.interims]
    return [(time, float((times.enrolled <= time).mean())) for time in expected]


class _Times:
    """Expected calendar times of cutoffs of one trial; NaN where they are not known."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        n_draws = math.ceil(_ENROLLED * share_enrolled(trial) / trial.n_patients)
        rng = stream(0, "expected times")
        self.enrolled = randomization_times(trial, n_draws, streams=lambda _: rng)[0]

    def time_of(self, timing: LookTiming) -> float:
        """Return the mean time of a clock that knows enrollment alone."""
        return float(timing.calendar_time(Entries(enrolled=self.enrolled)).mean())

    def time_of_events(self, count: EventCount) -> float:
        """Return when as many events are there on average; ``inf`` for never."""
        trial, endpoint = self.trial, self.trial.endpoints[count.endpoint].time_of_event
        if endpoint is None or not expects_events(trial, endpoint):
            return math.nan
        longest = min(trial.follow_up, LONGEST_FOLLOW_UP)
        patients = np.array(trial.ratio) / sum(trial.ratio) * trial.n_patients
        arms = range(len(trial.arms)) if count.arm is None else [count.arm]
        try:
            seen = {arm: seen_events(trial, endpoint, arm, longest) for arm in arms}
        except NoExactSolutionError:
            return math.nan
        came: FloatArray = np.quantile(self.enrolled, _PLACES)

        def expected(time: float) -> float:
            there = np.clip(time - came, 0.0, longest)
            shares = [patients[arm] * np.interp(there, *seen[arm]).mean() for arm in arms]
            return float(np.sum(shares))

        last = float(self.enrolled.max()) + longest
        if expected(last) < count.events:
            return math.inf
        n = float(sum(patients[arm] for arm in arms))
        return _mean_time(expected, count.events, n, last)


def _mean_time(
    expected: Callable[[float], float], number: int, n_patients: float, last: float
) -> float:
    """Return the mean time by which so many have had an event, where it comes by the last time.

    How many have had one by a time is binomial; its normal approximation, continuity corrected,
    gives the law of the time (checked against simulation: within 0.1 % of a trial's length).
    """

    def reached(time: float) -> float:
        mean = expected(time)
        spread = math.sqrt(max(mean * (1 - mean / n_patients), _LEAST_VARIANCE))
        return _NORMAL.cdf((mean - number + 0.5) / spread)

    whole = reached(last)
    first = _first_time(lambda time: reached(time) / whole, _SMALL, last)
    almost = _first_time(lambda time: reached(time) / whole, 1 - _SMALL, last)
    times = np.linspace(first, almost, _CELLS)
    return almost - float(np.trapezoid([reached(time) / whole for time in times], times))


def _first_time(rising: Callable[[float], float], level: float, last: float) -> float:
    low, high = 0.0, last
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) >= level else (middle, high)
    return high
