"""How many events a look may expect: what can be said before anything is simulated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.assumptions import is_plain
from lupusim.trial import Cutoff, Trial
from lupusim.trial.durations import LONGEST_FOLLOW_UP
from lupusim.trial.endpoints import EventTime
from lupusim.trial.enrollment.arm_periods import arms_change
from lupusim.trial.enrollment.randomization import randomization_times, share_enrolled
from lupusim.trial.looks import Entries

_TOLERANCE = 1e-5
_CELLS = 240
_ENROLLED = 200_000  # patients whose enrollment is drawn: an event in a thousand is left to chance
_SURE_PATIENTS = 1e-6
_OFTEN = 0.1
_ALMOST_ALL = 0.995


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfReach:
    """A look that waits for more events than are to be expected."""

    look: int  # counted from 1
    clock: str  # what stays short, in words
    asked: int  # events it waits for
    expected: float  # events to be expected by the time the trial, or the wait, is over
    until: str  # what that time is, in words
    at_most: bool = False
    """Whether fewer may be expected, since an interim look picks who is enrolled."""
    share: float = 1.0  # of trials that never have so many

    def __str__(self) -> str:
        bound = "at most " if self.at_most else ""
        few = f"about {100 * self.share:.0f} of 100 trials never have so many"
        if self.share >= _ALMOST_ALL:
            few = "hardly any trial has so many"
        return (
            f"look {self.look} waits for {self.asked} {self.clock}, and {bound}"
            f"{self.expected:.1f} are to be expected {self.until}: {few}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wait:
    """A number of events that a look waits for, and among whom."""

    clock: str
    asked: int
    endpoint: int
    patients: FloatArray
    most: bool = False


def looks_out_of_reach(trial: Trial) -> tuple[OutOfReach, ...]:
    """Return the looks that wait for more events than one in ten trials or more ever have.

    Events are expected by the exact engine, and only where it knows the trial: patients who
    differ by nothing but their arm, dropout alike for all, an event whose date is seen, and no
    arms that join or leave. Where arms or a population are picked at an interim look, the
    patients who come later are counted as if all had the arm with the most events.
    """
    if not _is_known(trial):
        return ()
    try:
        return tuple(_short(trial))
    except NoExactSolutionError:
        return ()


def _is_known(trial: Trial) -> bool:
    """Return whether the exact engine knows the trial's patients."""
    if trial.analysis is None or arms_change(trial.arms) or not trial.dropout.is_alike:
        return False
    return is_plain(trial, replace(trial.analysis, stratify_by=(), adjust_for=()))


def expects_events(trial: Trial, endpoint: EventTime) -> bool:
    """Return whether the exact engine knows when an endpoint's events are seen."""
    return _is_known(trial) and _is_plain_event(trial, endpoint)


def _short(trial: Trial) -> Iterator[OutOfReach]:
    for number, look in enumerate(trial.looks, 1):
        waits = list(_waits(trial, look))
        there, until = _end(trial, look) if waits else (np.zeros((0, 0)), "")
        for wait in waits:
            endpoint = trial.endpoints[wait.endpoint].time_of_event
            if endpoint is None or not _is_plain_event(trial, endpoint):
                continue
            chances = np.array([_chance(trial, endpoint, k, there) for k in range(len(trial.arms))])
            expected = float((wait.patients * chances).sum())
            if wait.most:
                expected = float(wait.patients.sum() * chances.max())
            share = _never(wait, chances)
            if expected < wait.asked - _SURE_PATIENTS or share >= _OFTEN:
                yield OutOfReach(
                    look=number,
                    clock=wait.clock,
                    asked=wait.asked,
                    expected=expected,
                    until=until,
                    at_most=wait.most,
                    share=share,
                )


def _never(wait: _Wait, chances: FloatArray) -> float:
    """Return the share of trials with fewer events than asked, by the normal approximation."""
    patients = wait.patients
    if wait.most:
        patients, chances = patients.sum(), chances.max()
    mean = float(np.sum(patients * chances))
    spread = float(np.sqrt(np.sum(patients * chances * (1 - chances))))
    if spread == 0:
        return float(mean < wait.asked - _SURE_PATIENTS)
    return NormalDist().cdf((wait.asked - 0.5 - mean) / spread)


def _is_plain_event(trial: Trial, endpoint: EventTime) -> bool:
    """Return whether the first entry into a set of states is the event, and is seen at once."""
    ends = set(trial.arms[0].model.absorbing or ())
    return not (endpoint.origin or endpoint.visits or set(endpoint.competing) - ends)


def _waits(trial: Trial, look: Cutoff) -> Iterator[_Wait]:
    """Yield the numbers of events without which a look is not held by its own clock."""
    share = np.array(trial.ratio) / sum(trial.ratio)
    if trial.rule.picks_patients and look is trial.cutoff:
        for stage in trial.rule.stage_events(trial):
            yield _Wait(
                clock=stage.words,
                asked=stage.events,
                endpoint=0,
                patients=share * stage.n_patients,
                most=stage.at_most,
            )
        return
    for clock in look.necessary():
        if (count := clock.counted) is None:
            continue
        words, everybody = trial.endpoints[count.endpoint].name, share * trial.n_patients
        if count.arm is not None:
            words += f", {trial.arms[count.arm].name}"
            everybody = np.where(np.arange(share.size) == count.arm, everybody, 0.0)
        yield _Wait(
            clock=f"events ({words})",
            asked=count.events,
            endpoint=count.endpoint,
            patients=everybody,
        )


def _end(trial: Trial, look: Cutoff) -> tuple[FloatArray, str]:
    """Return how long each patient is in the trial when the wait is over, and when that is.

    Years, (n_enrollments, n_patients), over some draws of the enrollment.
    """
    n_draws = math.ceil(_ENROLLED * share_enrolled(trial) / trial.n_patients)
    rng = stream(0, "expected events")
    enrolled = randomization_times(trial, n_draws, streams=lambda _: rng)[0]
    end = np.full((n_draws, 1), np.inf)
    until = "once nobody is left to be followed"
    if trial.cutoff.date is not None or trial.cutoff.after_last_patient is not None:
        end = trial.cutoff.calendar_time(Entries(enrolled=enrolled))[:, None]
        until = "by the last look"
    for one, words in ((trial.cutoff, "the last look's"), (look, "its")):
        if (latest := one.latest_dates[1]) < end.max():
            end, until = np.minimum(end, latest), f"by {words} latest date"
    there = np.clip(end - enrolled, 0.0, min(trial.follow_up, LONGEST_FOLLOW_UP))
    return there, until


def _chance(trial: Trial, endpoint: EventTime, arm: int, there: FloatArray) -> float:
    """Return the chance that a patient of an arm has the event seen, within the time there."""
    longest = float(there.max())
    if longest == 0:
        return 0.0
    chance = float(np.interp(there, *seen_events(trial, endpoint, arm, longest)).mean())
    return min(chance, 1.0)  # where all have the event, rounding may end above


def seen_events(
    trial: Trial, endpoint: EventTime, arm: int, longest: float
) -> tuple[FloatArray, FloatArray]:
    """Return study times up to `longest`, and the chance that an event is seen by each.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not reach its tolerance.
    """
    # cells that grow: hazards change early, and a follow-up may have no end
    times = longest * np.linspace(0.0, 1.0, _CELLS + 1) ** 2
    law = trial.arms[arm].law
    from lupusim.engines.exact import ever

    had = ever(law, endpoint.events, times, tolerance=_TOLERANCE)
    stays = np.exp(-trial.dropout.cumulative((times[1:] + times[:-1]) / 2))
    return times, np.concatenate([[0.0], np.cumsum(np.diff(had) * stays)])
