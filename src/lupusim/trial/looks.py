"""When the data are cut for an analysis: a calendar time for every replicate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lupusim.arrays import FloatArray


class Cutoff(Protocol):
    """A rule for the calendar time of the data cutoff."""

    def calendar_time(self, enrollment_time: FloatArray, event_time: FloatArray) -> FloatArray:
        """Return the calendar time of the cutoff, shape (n_replicates,).

        Parameters
        ----------
        enrollment_time : (n_replicates, n_patients) array
            Calendar times (years) of randomization, increasing along each row.
        event_time : (n_replicates, n_patients) array
            Calendar times of the primary endpoint's observed events; ``inf`` where none.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AtCalendarTime:
    """Cut at a calendar time (years since the first site's opening)."""

    time: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.time) and self.time > 0):
            raise ValueError(f"time={self.time!r} must be above 0")

    def calendar_time(self, enrollment_time: FloatArray, event_time: FloatArray) -> FloatArray:
        """Return the same time for every replicate."""
        del event_time
        return np.full(len(enrollment_time), self.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterLastPatient:
    """Cut when the patient randomized last has been followed for a time (years)."""

    follow_up: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.follow_up) and self.follow_up > 0):
            raise ValueError(f"follow_up={self.follow_up!r} must be above 0")

    def calendar_time(self, enrollment_time: FloatArray, event_time: FloatArray) -> FloatArray:
        """Return the last randomization plus the follow-up."""
        del event_time
        return np.asarray(enrollment_time[:, -1] + self.follow_up)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtEvents:
    """Cut when the primary endpoint has had a number of events.

    Where a replicate never gets so many, the cutoff is ``inf``: everybody is followed to
    the end, and the replicate is counted as short of events.
    """

    events: int

    def __post_init__(self) -> None:
        if self.events < 1:
            raise ValueError(f"events={self.events!r} must be at least 1")

    def calendar_time(self, enrollment_time: FloatArray, event_time: FloatArray) -> FloatArray:
        """Return the time of the event with that number."""
        if self.events > event_time.shape[1]:
            return np.full(len(enrollment_time), np.inf)
        # SPEED: a partition finds the n-th event at half the cost of a sort.
        return np.partition(event_time, self.events - 1, axis=1)[:, self.events - 1]
