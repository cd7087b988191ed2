"""When the looks of a trial are to be expected: what can be said before anything is simulated."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from lupusim.arrays import FloatArray
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.expected_events import (
    OutOfReach,
    expects_events,
    looks_out_of_reach,
    seen_events,
)
from lupusim.rng import stream
from lupusim.simulation.generation.generation import LONGEST_FOLLOW_UP
from lupusim.trial import (
    AfterLastPatient,
    AfterPatients,
    AtCalendarTime,
    AtEvents,
    Cutoff,
    TimeToEvent,
    Trial,
    WhenAll,
    WhenAny,
)
from lupusim.trial.adaptation.two_stage import Enrichment, SelectArms
from lupusim.trial.enrollment.arm_periods import arms_change
from lupusim.trial.enrollment.randomization import randomization_times, share_enrolled
from lupusim.trial.looks import AtEventsOf, Limited, gap_before
from lupusim.trial.scenario import Scenario, label

_ENROLLED = 400_000  # patients whose enrollment is drawn: a month in ten years to a tenth
_PLACES = (np.arange(400) + 0.5) / 400  # at which quantiles of enrollment events are counted
_HALVINGS = 40
_CELLS = 200
_OFTEN = 0.1  # of trials: what happens as often is warned of
_SMALL = 1e-6  # probability of times that are left out on either side
_LEAST_VARIANCE = 1e-9
_NORMAL = NormalDist()
_MONTHS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBeforeTheLast:
    """An interim look that is not to be expected before the last one, which makes it idle.

    Parameters
    ----------
    look : int
        Counted from 1.
    clock, last_clock : str
        What it waits for, and what the last look waits for.
    time, last_time : float
        When they are to be expected: calendar time (years).
    """

    look: int
    clock: str
    last_clock: str
    time: float
    last_time: float

    def __str__(self) -> str:
        return (
            f"look {self.look} waits for {self.clock}, to be expected in month "
            f"{_MONTHS * self.time:.1f}, and the last look for {self.last_clock}, in month "
            f"{_MONTHS * self.last_time:.1f}: it is skipped where it does not come first"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NobodyLeft:
    """An interim look that picks who is enrolled further, when everybody has come.

    Parameters
    ----------
    share : float
        Of trials in which it is so.
    clock : str
        What the look waits for.
    time, last_enrolled : float
        When the look is to be expected, and the last patient: calendar time (years).
    """

    share: float
    clock: str
    time: float
    last_enrolled: float

    def __str__(self) -> str:
        return (
            f"look 1 waits for {self.clock}, to be expected in month {_MONTHS * self.time:.1f}, "
            f"and the last patient comes in month {_MONTHS * self.last_enrolled:.1f}: in "
            f"{100 * self.share:.0f} % of trials nobody is left for stage 2, and nothing can be "
            "proven. Look earlier, enroll more slowly, or enroll more patients"
        )


def nobody_left(trial: Trial) -> tuple[NobodyLeft, ...]:
    """Return the interim look that picks who is enrolled further too late to do so.

    That is where in a tenth of trials or more everybody has come by then.
    """
    if not isinstance(trial.adaptation, SelectArms | Enrichment):
        return ()
    times, look = _Times(trial), trial.interims[0]
    last = times.enrolled[:, -1]
    if isinstance(look, AtEvents | AtEventsOf):
        held = np.full(len(last), times.of(look))
    else:
        held = look.calendar_time(times.enrolled, times.enrolled)
    share = float((last <= held).mean())
    if share < _OFTEN or not np.isfinite(held).all():
        return ()
    return (
        NobodyLeft(
            share=share,
            clock=clock_in_words(look, trial),
            time=float(held.mean()),
            last_enrolled=float(last.mean()),
        ),
    )


def warnings_of(scenario: Scenario) -> list[str]:
    """Return a line for every look that is not to be expected, design by design."""
    several = len(scenario.points) > 1
    return list(
        dict.fromkeys(
            f"{label(point.values)}: {found}" if several else str(found)
            for point in scenario.points
            for found in _found(point.trial)
        )
    )


def _found(trial: Trial) -> tuple[OutOfReach | NotBeforeTheLast | NobodyLeft, ...]:
    """Return what is to be warned of, each look once."""
    short = looks_out_of_reach(trial)
    told = {found.look for found in short}
    late = (late for late in looks_too_late(trial) if late.look not in told)
    return (*short, *late, *nobody_left(trial))


def looks_too_late(trial: Trial) -> tuple[NotBeforeTheLast, ...]:
    """Return the interim looks that are not to be expected before the last one.

    Times of enrollment are averages over draws of it; the time of a number of events is known
    where the exact engine knows them, as in `looks_out_of_reach`.
    """
    interims = [look for look in trial.interims if not isinstance(look, AtEvents)]
    if not interims and isinstance(trial.cutoff, AtEvents):
        return ()  # events alone come in the order of their numbers
    changes = arms_change(trial.arms) or trial.adaptation is not None
    if changes or not trial.interims or gap_before(trial.cutoff) > 0:
        return ()
    times = _Times(trial)
    last = times.of(trial.cutoff)
    return tuple(
        NotBeforeTheLast(
            look=number,
            clock=clock_in_words(look, trial),
            last_clock=clock_in_words(trial.cutoff, trial),
            time=time,
            last_time=last,
        )
        for number, look in enumerate(trial.interims, 1)
        if last <= (time := times.of(look)) < math.inf
    )


def expected_end(trial: Trial) -> float:
    """Return when the last look is to be expected, were it always held.

    Calendar time (years): the mean date on which its events, or its patients, are there, which
    lies beyond the mean duration where a trial may stop earlier; of events, where they come.
    ``inf`` for events that are more than are to be expected, NaN where nobody knows.
    """
    return _Times(trial).of(trial.cutoff)


class _Times:
    """Expected calendar times of cutoffs of one trial; NaN where they are not known."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        n_draws = math.ceil(_ENROLLED * share_enrolled(trial) / trial.n_patients)
        rng = stream(0, "expected times")
        self.enrolled = randomization_times(trial, n_draws, streams=lambda _: rng)[0]

    def of(self, cutoff: Cutoff) -> float:
        if isinstance(cutoff, Limited):
            return float(np.minimum(self.of(cutoff.clock), cutoff.end))
        if isinstance(cutoff, WhenAll):
            return float(np.max([self.of(one) for one in cutoff.conditions]))
        if isinstance(cutoff, WhenAny):
            return float(np.min([self.of(one) for one in cutoff.conditions]))
        if isinstance(cutoff, AtEvents | AtEventsOf):
            return self._events(cutoff)
        return float(cutoff.calendar_time(self.enrolled, self.enrolled).mean())

    def _events(self, cutoff: AtEvents | AtEventsOf) -> float:
        """Return when as many events are there on average; ``inf`` for never."""
        trial, of_arm = self.trial, getattr(cutoff, "arm", None)
        endpoint = trial.endpoints[getattr(cutoff, "endpoint", 0)]
        if not (isinstance(endpoint, TimeToEvent) and expects_events(trial, endpoint)):
            return math.nan
        longest = min(trial.follow_up, LONGEST_FOLLOW_UP)
        patients = np.array(trial.ratio) / sum(trial.ratio) * trial.n_patients
        arms = range(len(trial.arms)) if of_arm is None else [of_arm]
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
        if expected(last) < cutoff.events:
            return math.inf
        n = float(sum(patients[arm] for arm in arms))
        return _mean_time(expected, cutoff.events, n, last)


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


def clock_in_words(cutoff: Cutoff, trial: Trial) -> str:
    """Return what a look waits for, such as ``200 patients followed for 12 months``."""
    if isinstance(cutoff, Limited):
        latest = f" (at most until month {_MONTHS * cutoff.end:.4g})"
        words = clock_in_words(cutoff.clock, trial)
        return words + (latest if math.isfinite(cutoff.end) else "")
    if isinstance(cutoff, WhenAll | WhenAny):
        between = " and " if isinstance(cutoff, WhenAll) else " or "
        return between.join(clock_in_words(one, trial) for one in cutoff.conditions)
    if isinstance(cutoff, AtEvents | AtEventsOf):
        return _events_in_words(cutoff, trial)
    if isinstance(cutoff, AtCalendarTime):
        return f"month {_MONTHS * cutoff.time:.4g}"
    assert isinstance(cutoff, AfterPatients | AfterLastPatient)
    who = f"{cutoff.patients} patients" if isinstance(cutoff, AfterPatients) else "the last patient"
    if cutoff.follow_up == 0:
        return who
    return f"{who} followed for {_MONTHS * cutoff.follow_up:.4g} months"


def _events_in_words(cutoff: AtEvents | AtEventsOf, trial: Trial) -> str:
    words, arm = trial.endpoints[getattr(cutoff, "endpoint", 0)].name, getattr(cutoff, "arm", None)
    words += "" if arm is None else f", {trial.arms[arm].name}"
    return f"{cutoff.events} events ({words})"
