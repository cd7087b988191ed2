"""When the data are cut for an analysis: a calendar time for every replicate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lupusim.arrays import FloatArray


class Cutoff(Protocol):
    """A rule for the calendar time of a data cutoff."""

    def calendar_time(self, enrollment_time: FloatArray, event_time: FloatArray) -> FloatArray:
        """Return the calendar time of the cutoff, shape (n_replicates,); ``inf`` for never.

        Parameters
        ----------
        enrollment_time : (n_replicates, n_patients) array
            Calendar times (years) of randomization, increasing along each row.
        event_time : (n_replicates, n_patients) array
            Calendar times of the primary endpoint's observed events; ``inf`` where none.
        """
        ...


def _check_above_zero(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name}={value!r} must be above 0")


def _check_count(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name}={value!r} must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class AtCalendarTime:
    """Cut at a calendar time (years since the first site's opening)."""

    time: float

    def __post_init__(self) -> None:
        _check_above_zero(time=self.time)

    def calendar_time(self, enrollment_time: FloatArray, event_time: FloatArray) -> FloatArray:
        """Return the same time for every replicate."""
        del event_time
        return np.full(len(enrollment_time), self.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterLastPatient:
    """Cut when the patient randomized last has been followed for a time (years)."""

    follow_up: float

    def __post_init__(self) -> None:
        _check_above_zero(follow_up=self.follow_up)

    def calendar_time(self, enrollment_time: FloatArray, event_time: FloatArray) -> FloatArray:
        """Return the last randomization plus the follow-up."""
        del event_time
        return np.asarray(enrollment_time[:, -1] + self.follow_up)


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterPatients:
    """Cut when a number of patients have been followed for a time (years, 0 or above)."""

    patients: int
    follow_up: float = 0.0

    def __post_init__(self) -> None:
        _check_count(patients=self.patients)
        if not (math.isfinite(self.follow_up) and self.follow_up >= 0):
            raise ValueError(f"follow_up={self.follow_up!r} must be 0 or above")

    def calendar_time(self, enrollment_time: FloatArray, event_time: FloatArray) -> FloatArray:
        """Return that patient's randomization plus the follow-up; ``inf`` if nobody is that."""
        del event_time
        if self.patients > enrollment_time.shape[1]:
            return np.full(len(enrollment_time), np.inf)
        return np.asarray(enrollment_time[:, self.patients - 1] + self.follow_up)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtEvents:
    """Cut when the primary endpoint has had a number of events.

    Where a replicate never gets so many, the cutoff is ``inf``: everybody is followed to
    the end, and the replicate is counted as short of events.
    """

    events: int

    def __post_init__(self) -> None:
        _check_count(events=self.events)

    def calendar_time(self, enrollment_time: FloatArray, event_time: FloatArray) -> FloatArray:
        """Return the time of the event with that number."""
        if self.events > event_time.shape[1]:
            return np.full(len(enrollment_time), np.inf)
        # SPEED: a partition finds the n-th event at half the cost of a sort.
        return np.partition(event_time, self.events - 1, axis=1)[:, self.events - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhenAll:
    """Cut when the last of several conditions is met."""

    conditions: tuple[Cutoff, ...]

    def calendar_time(self, enrollment_time: FloatArray, event_time: FloatArray) -> FloatArray:
        """Return the latest of the conditions' times."""
        times = [c.calendar_time(enrollment_time, event_time) for c in self.conditions]
        return np.asarray(np.max(times, axis=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class WhenAny:
    """Cut when the first of several conditions is met."""

    conditions: tuple[Cutoff, ...]

    def calendar_time(self, enrollment_time: FloatArray, event_time: FloatArray) -> FloatArray:
        """Return the earliest of the conditions' times."""
        times = [c.calendar_time(enrollment_time, event_time) for c in self.conditions]
        return np.asarray(np.min(times, axis=0))


def never(cutoff: Cutoff, n_patients: int) -> str | None:
    """Return why a look can never happen in a trial of so many patients; None if it can.

    Only what is certain is told: a patient has at most one event of the primary endpoint.
    """
    if isinstance(cutoff, AtEvents) and cutoff.events > n_patients:
        return f"{n_patients} patients never have {cutoff.events} events"
    if isinstance(cutoff, AfterPatients) and cutoff.patients > n_patients:
        return f"only {n_patients} patients come, never {cutoff.patients}"
    if isinstance(cutoff, WhenAll | WhenAny):
        reasons = [never(condition, n_patients) for condition in cutoff.conditions]
        certain = [reason for reason in reasons if reason is not None]
        enough = 1 if isinstance(cutoff, WhenAll) else len(reasons)
        return certain[0] if certain and len(certain) >= enough else None
    return None


class StoppingRule(Protocol):
    """A rule that says at each look whether the trial stops, and why."""

    def bounds(self, information: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return efficacy and futility bounds on the z scale.

        Parameters
        ----------
        information : (n_replicates, n_looks) array
            Information of each look as a fraction of what was planned for the last.

        Returns
        -------
        efficacy, futility : (n_replicates, n_looks) arrays
            Reject at or above, give up at or below; infinite where a look has no bound.
        """
        ...
