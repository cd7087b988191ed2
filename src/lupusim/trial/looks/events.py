"""Looks at a number of events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, blocks
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import COUNT, check_ranges
from lupusim.trial.looks.timing import (
    TIMINGS,
    Entries,
    EventCount,
    Expectations,
    LookTiming,
    times,
)

if TYPE_CHECKING:
    from lupusim.trial.design import Trial


class _ForEvents(LookTiming, Protocol):
    """A timing that waits for a number of events: what those of any endpoint share."""

    __slots__ = ()

    @property
    def _count(self) -> EventCount: ...

    @property
    def counted(self) -> EventCount:
        """The events."""
        return self._count

    @property
    def ends_by_itself(self) -> bool:
        """It does."""
        return True

    def calendar_time(self, entries: Entries) -> FloatArray:
        """Return the time of the event with that number; ``inf`` for never."""
        return _time_of(self._count.events, entries.of(self._count))

    def words(self, trial: Trial) -> str:
        """Return how many events of which endpoint, on which arm."""
        events, endpoint, arm = self._count
        of = "" if arm is None else f", {trial.arms[arm].name}"
        return f"{events} events ({trial.endpoints[endpoint].name}{of})"

    def expected_time(self, expected: Expectations) -> float:
        """Return when so many events are to be expected."""
        return expected.time_of_events(self._count)


@TIMINGS.register("events")
@dataclass(frozen=True, slots=True, kw_only=True)
class AtEvents(_ForEvents):
    """Cut when the primary endpoint has had a number of events.

    Where a replicate never gets so many, the cutoff is ``inf``: everybody is followed to
    the end, and the replicate is counted as short of events.

    Examples
    --------
    >>> AtEvents(events=200).events
    200
    """

    events: int = field(metadata=COUNT)
    may_decide_enrollment: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def _count(self) -> EventCount:
        return EventCount(self.events, 0, None)

    def needs_first_only(self) -> bool:
        """Return that it knows none who come later."""
        return True

    def never(self, n_patients: int, ratio: tuple[int, ...] = ()) -> str | None:
        """Return that so many events never come."""
        return _too_many_events(self.events, n_patients, "patients")

    def scaled(self, factor: float) -> Self:
        """Return the timing at `factor` times the events."""
        return replace(self, events=times(factor, self.events))


@dataclass(frozen=True, slots=True, kw_only=True)
class AtEventsOf(_ForEvents):
    """Cut at a number of events of one arm, or of another endpoint than the primary.

    Where a replicate never gets so many, the cutoff is ``inf``, as for `AtEvents`.

    Parameters
    ----------
    events : int
        How many, at least 1.
    endpoint : int
        Position of the endpoint among the trial's; 0 is the primary.
    arm : int or None
        Position of the arm whose events count; None for all arms.
    """

    events: int = field(metadata=COUNT)
    endpoint: int = 0
    arm: int | None = None

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def _count(self) -> EventCount:
        return EventCount(self.events, self.endpoint, self.arm)

    def never(self, n_patients: int, ratio: tuple[int, ...] = ()) -> str | None:
        """Return that so many events never come, on an arm as large as is planned."""
        if self.arm is None:
            return _too_many_events(self.events, n_patients, "patients")
        most = n_patients
        if ratio:
            most = math.ceil(n_patients * ratio[self.arm] / sum(ratio))
        return _too_many_events(self.events, most, "patients of that arm")

    def scaled(self, factor: float) -> Self:
        """Return the timing at `factor` times the events."""
        return replace(self, events=times(factor, self.events))


def _time_of(number: int, event_time: FloatArray) -> FloatArray:
    """Return when each replicate has its n-th event; ``inf`` for never."""
    if number > event_time.shape[1]:
        return np.full(len(event_time), np.inf)
    return np.asarray(nth_smallest(event_time, (number,))[0])


def nth_smallest(values: FloatArray, numbers: Sequence[int]) -> FloatArray:
    """Return the n-th smallest value of each row for several n, (n_numbers, n_replicates).

    Parameters
    ----------
    values : (n_replicates, n_patients) array
        0 or above, or ``inf``.
    numbers : sequence of int
        From 1 to the number of patients.
    """
    found = np.empty((len(numbers), len(values)))
    for part in blocks(*values.shape):
        exact = values[part]
        # SPEED: half as many bits, read as integers, have nearly the same order, and are sorted
        # or partitioned four times faster (benchmarks/cases.py)
        with np.errstate(over="ignore"):
            short = exact.astype(np.float32).view(np.int32)
        if len(numbers) == 1:
            in_order = np.partition(short, numbers[0] - 1, axis=1)
        else:
            in_order = np.sort(short, axis=1)
        for row, n in zip(found, numbers, strict=True):
            row[part] = _exactly(exact, short == in_order[:, n - 1, None], n)
    return found


def _exactly(values: FloatArray, alike: BoolArray, n: int) -> FloatArray:
    """Return the n-th smallest value of each row, which is one of some that are nearly alike."""
    found = values[np.arange(len(values)), alike.argmax(axis=1)]
    if np.count_nonzero(alike) > len(values):
        rows = np.flatnonzero(np.count_nonzero(alike, axis=1) > 1)
        found[rows] = np.partition(values[rows], n - 1, axis=1)[:, n - 1]
    return np.asarray(found)


def _too_many_events(events: int, most: int, whose: str) -> str | None:
    return f"{most} {whose} never have {events} events" if events > most else None
