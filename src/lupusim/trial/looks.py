"""When the data are cut for an analysis: a calendar time for every replicate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lupusim.arrays import FloatArray

EventsOf = Callable[[int, int | None], FloatArray]
"""Return calendar times of the observed events of an endpoint (0: the primary) on an arm.

None stands for all arms; (n_replicates, n_patients), ``inf`` where there is no event.
"""


class Cutoff(Protocol):
    """A rule for the calendar time of a data cutoff."""

    def calendar_time(
        self,
        enrollment_time: FloatArray,
        event_time: FloatArray,
        *,
        events_of: EventsOf | None = None,
    ) -> FloatArray:
        """Return the calendar time of the cutoff, shape (n_replicates,); ``inf`` for never.

        Parameters
        ----------
        enrollment_time : (n_replicates, n_patients) array
            Calendar times (years) of randomization, increasing along each row.
        event_time : (n_replicates, n_patients) array
            Calendar times of the primary endpoint's observed events; ``inf`` where none.
        events_of : callable or None
            Looks up the events of other endpoints, and of one arm.
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

    def calendar_time(
        self,
        enrollment_time: FloatArray,
        event_time: FloatArray,
        *,
        events_of: EventsOf | None = None,
    ) -> FloatArray:
        """Return the same time for every replicate."""
        del event_time, events_of
        return np.full(len(enrollment_time), self.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterLastPatient:
    """Cut when the patient randomized last has been followed for a time (years)."""

    follow_up: float

    def __post_init__(self) -> None:
        _check_above_zero(follow_up=self.follow_up)

    def calendar_time(
        self,
        enrollment_time: FloatArray,
        event_time: FloatArray,
        *,
        events_of: EventsOf | None = None,
    ) -> FloatArray:
        """Return the last randomization plus the follow-up."""
        del event_time, events_of
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

    def calendar_time(
        self,
        enrollment_time: FloatArray,
        event_time: FloatArray,
        *,
        events_of: EventsOf | None = None,
    ) -> FloatArray:
        """Return that patient's randomization plus the follow-up; ``inf`` if nobody is that."""
        del event_time, events_of
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

    def calendar_time(
        self,
        enrollment_time: FloatArray,
        event_time: FloatArray,
        *,
        events_of: EventsOf | None = None,
    ) -> FloatArray:
        """Return the time of the event with that number."""
        del enrollment_time, events_of
        return _time_of(self.events, event_time)


def _time_of(number: int, event_time: FloatArray) -> FloatArray:
    """Return when each replicate has its n-th event; ``inf`` for never."""
    if number > event_time.shape[1]:
        return np.full(len(event_time), np.inf)
    # SPEED: a partition finds the n-th event at half the cost of a sort.
    return np.partition(event_time, number - 1, axis=1)[:, number - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class AtEventsOf:
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

    events: int
    endpoint: int = 0
    arm: int | None = None

    def __post_init__(self) -> None:
        _check_count(events=self.events)

    def calendar_time(
        self,
        enrollment_time: FloatArray,
        event_time: FloatArray,
        *,
        events_of: EventsOf | None = None,
    ) -> FloatArray:
        """Return the time of the event with that number.

        Raises
        ------
        ValueError
            If nobody looks the events up.
        """
        del enrollment_time, event_time
        if events_of is None:
            raise ValueError("events_of is missing: whose events they are is not known without it")
        return _time_of(self.events, events_of(self.endpoint, self.arm))


@dataclass(frozen=True, slots=True, kw_only=True)
class WhenAll:
    """Cut when the last of several conditions is met."""

    conditions: tuple[Cutoff, ...]

    def calendar_time(
        self,
        enrollment_time: FloatArray,
        event_time: FloatArray,
        *,
        events_of: EventsOf | None = None,
    ) -> FloatArray:
        """Return the latest of the conditions' times."""
        times = [
            c.calendar_time(enrollment_time, event_time, events_of=events_of)
            for c in self.conditions
        ]
        return np.asarray(np.max(times, axis=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class WhenAny:
    """Cut when the first of several conditions is met."""

    conditions: tuple[Cutoff, ...]

    def calendar_time(
        self,
        enrollment_time: FloatArray,
        event_time: FloatArray,
        *,
        events_of: EventsOf | None = None,
    ) -> FloatArray:
        """Return the earliest of the conditions' times."""
        times = [
            c.calendar_time(enrollment_time, event_time, events_of=events_of)
            for c in self.conditions
        ]
        return np.asarray(np.min(times, axis=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """A clock, and between which dates a look that waits for it is held.

    At `latest` it is seen whether the clock has come. If it has not, the look is put off by at
    most the `extension`: it is held when the clock comes, and at the end of the extension
    whatever the clock says. No look comes sooner after the one before than `gap`, which rules
    over the latest date.

    Parameters
    ----------
    clock : Cutoff
        What the look waits for.
    gap : float
        Least time (years) after the look before, 0 or above; the first look has none.
    latest : float
        Calendar time (years); ``inf`` for none.
    extension : float
        Years, 0 or above; above 0 only where there is a latest date.

    Raises
    ------
    ValueError
        If a time is out of range, or there is an extension without a latest date.
    """

    clock: Cutoff
    gap: float = 0.0
    latest: float = math.inf
    extension: float = 0.0

    def __post_init__(self) -> None:
        for name in ("gap", "extension"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name}={value!r} must be 0 or above")
        if not self.latest > 0:
            raise ValueError(f"latest={self.latest!r} must be above 0")
        if self.extension and math.isinf(self.latest):
            raise ValueError("an extension needs a latest date. Give 'latest', or remove it")

    @property
    def end(self) -> float:
        """Calendar time (years) after which the look no longer waits."""
        return self.latest + self.extension

    def calendar_time(
        self,
        enrollment_time: FloatArray,
        event_time: FloatArray,
        *,
        events_of: EventsOf | None = None,
    ) -> FloatArray:
        """Return the clock's time, or the end of the extension where that is sooner."""
        time = self.clock.calendar_time(enrollment_time, event_time, events_of=events_of)
        return np.minimum(time, self.end)


def gap_before(cutoff: Cutoff) -> float:
    """Return the least time (years) between a look and the one before."""
    return cutoff.gap if isinstance(cutoff, Limited) else 0.0


def parts(cutoff: Cutoff) -> Iterator[Cutoff]:
    """Yield a cutoff and all that it is made of."""
    yield cutoff
    if isinstance(cutoff, Limited):
        yield from parts(cutoff.clock)
    if isinstance(cutoff, WhenAll | WhenAny):
        for condition in cutoff.conditions:
            yield from parts(condition)


def planned_events(cutoff: Cutoff) -> int | None:
    """Return the number of primary events that a cutoff waits for; None for another clock."""
    clock = cutoff.clock if isinstance(cutoff, Limited) else cutoff
    return clock.events if isinstance(clock, AtEvents) else None


def never(cutoff: Cutoff, n_patients: int, ratio: tuple[int, ...] = ()) -> str | None:
    """Return why a look can never happen in a trial of so many patients; None if it can.

    Only what is certain is told: a patient has at most one event of an endpoint. An arm is
    taken to be as large as the allocation `ratio` plans it.
    """
    if isinstance(cutoff, AtEvents) and cutoff.events > n_patients:
        return f"{n_patients} patients never have {cutoff.events} events"
    if isinstance(cutoff, AtEventsOf):
        most = n_patients
        if cutoff.arm is not None and ratio:
            most = math.ceil(n_patients * ratio[cutoff.arm] / sum(ratio))
        whose = "patients" if cutoff.arm is None else "patients of that arm"
        return f"{most} {whose} never have {cutoff.events} events" if cutoff.events > most else None
    if isinstance(cutoff, AfterPatients) and cutoff.patients > n_patients:
        return f"only {n_patients} patients come, never {cutoff.patients}"
    if isinstance(cutoff, Limited) and math.isinf(cutoff.latest):
        return never(cutoff.clock, n_patients, ratio)
    if isinstance(cutoff, WhenAll | WhenAny):
        reasons = [never(condition, n_patients, ratio) for condition in cutoff.conditions]
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


def may_succeed_early(rule: StoppingRule | None, n_looks: int) -> bool:
    """Return whether a rule states an efficacy bound at a look before the last."""
    if rule is None:
        return False
    efficacy, _ = rule.bounds(np.arange(1, n_looks + 1)[None, :] / n_looks)
    return bool(np.isfinite(efficacy[:, :-1]).any())
