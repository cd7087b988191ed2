"""What a timing of looks answers of itself, whatever it waits for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, Self

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.registry import Registry
from lupusim.trial.durations import MONTHS_PER_YEAR

if TYPE_CHECKING:
    from lupusim.trial.design import Trial

EventsOf = Callable[[int, int | None], FloatArray]
"""Return calendar times of the observed events of an endpoint (0: the primary) on an arm.

None stands for all arms; (n_replicates, n_patients), ``inf`` where there is no event.
"""


class EventCount(NamedTuple):
    """A number of events, of an endpoint by its position, on an arm or (None) on all."""

    events: int
    endpoint: int
    arm: int | None

    @property
    def of_primary(self) -> bool:
        """Whether they are all those of the primary endpoint."""
        return self.endpoint == 0 and self.arm is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """What the looks of a block of trials wait for; calendar times (years).

    Parameters
    ----------
    enrolled : (n_replicates, n_patients) array
        Times of randomization, increasing along each row.
    event_time : (n_replicates, n_patients) array or None
        Times of the primary endpoint's observed events, ``inf`` where none; None for no events.
    events_of : callable or None
        Looks up the events of other endpoints, and of one arm.
    """

    enrolled: FloatArray
    event_time: FloatArray | None = None
    events_of: EventsOf | None = None

    def of(self, count: EventCount) -> FloatArray:
        """Return the times of the events that are counted, (n_replicates, n_patients).

        Raises
        ------
        ValueError
            If nobody looks the events up.
        """
        if self.event_time is not None and count.of_primary:
            return self.event_time
        if self.events_of is None:
            raise ValueError("events_of is missing: whose events they are is not known without it")
        return self.events_of(count.endpoint, count.arm)


class Expectations(Protocol):
    """What is to be expected of a trial before it is simulated."""

    def time_of(self, timing: LookTiming) -> float:
        """Return the mean calendar time (years) of a clock that knows enrollment alone."""
        ...

    def time_of_events(self, count: EventCount) -> float:
        """Return when so many events are to be expected; ``inf`` for never, NaN for unknown."""
        ...


class LookTiming(Protocol):
    """A rule for the calendar time of a look, at which the data are cut.

    A kind of timing says `calendar_time`, `words`, and what else is true of it: the rest has
    the answer of a rule of which nothing is certain.

    Parameters
    ----------
    may_decide_enrollment : bool
        Whether who is enrolled further may be decided at it.
    """

    __slots__ = ()
    may_decide_enrollment: ClassVar[bool] = False

    @property
    def ends_by_itself(self) -> bool:
        """Whether it needs no end of everybody's follow-up."""
        return False

    def calendar_time(self, entries: Entries) -> FloatArray:
        """Return the calendar time of the look, shape (n_replicates,); ``inf`` for never."""
        ...

    def words(self, trial: Trial) -> str:
        """Return what the look waits for, such as ``200 patients followed for 12 months``."""
        ...

    def parts(self) -> Iterator[LookTiming]:
        """Yield the timing and all that it is made of."""
        yield self

    def necessary(self) -> Iterator[LookTiming]:
        """Yield the clocks that must all have come before the look is held by its own clock."""
        yield self

    @property
    def without_limits(self) -> LookTiming:
        """The clock that the look waits for."""
        return self

    @property
    def gap(self) -> float:
        """Least time (years) between the look and the one before."""
        return 0.0

    @property
    def end(self) -> float:
        """Calendar time (years) by which the look is held for certain; ``inf`` for none."""
        return math.inf

    @property
    def latest_dates(self) -> tuple[float, float]:
        """Latest date (years) of a look that waits, and with its extension; ``inf`` for none."""
        return math.inf, math.inf

    @property
    def date(self) -> float | None:
        """Calendar time (years) that is known beforehand; None where it is not."""
        return None

    @property
    def after_last_patient(self) -> float | None:
        """Follow-up (years) of the last patient that it waits for; None for another clock."""
        return None

    @property
    def after_patients(self) -> tuple[int, float] | None:
        """Patients, and their follow-up (years), that it waits for; None for another clock."""
        return None

    @property
    def counted(self) -> EventCount | None:
        """The events that it waits for, and for nothing else; None for another clock."""
        return None

    @property
    def primary_events(self) -> int | None:
        """The number of primary events that its clock waits for; None for another."""
        count = self.counted
        return count.events if count is not None and count.of_primary else None

    def needs_first_only(self) -> bool:
        """Return whether its time in a trial of the first patients knows none who come later."""
        return False

    def patients_known(self, due: float, n_patients: int) -> int | None:
        """Return how many patients' outcomes it has for certain; None where chance decides.

        Parameters
        ----------
        due : float
            Study time (years) at which a patient's outcome is complete.
        n_patients : int
            Of the trial.
        """
        return None

    def never(self, n_patients: int, ratio: tuple[int, ...] = ()) -> str | None:
        """Return why it can never come in a trial of so many patients; None if it can.

        Only what is certain is told: a patient has at most one event of an endpoint. An arm is
        taken to be as large as the allocation `ratio` plans it.
        """
        return None

    def scaled(self, factor: float) -> Self:
        """Return a timing that waits for `factor` times the patients or events."""
        return self

    def expected_time(self, expected: Expectations) -> float:
        """Return when it is to be expected (years); NaN where nobody knows."""
        return expected.time_of(self)


Cutoff = LookTiming
TIMINGS: Registry[type[LookTiming]] = Registry(
    "clock of a look", group="lupusim.looks", needs=("calendar_time", "words")
)
"""Kinds of timing by the key of a scenario's ``when``. A kind that no reader knows is a frozen
dataclass with a field of that name; its fields are the keys."""


def counts_in(timing: LookTiming) -> Iterator[EventCount]:
    """Yield the events that a timing, or a part of it, waits for."""
    for part in timing.parts():
        if (count := part.counted) is not None:
            yield count


def times(factor: float, count: int) -> int:
    """Return so many times a count, at least 1."""
    return max(1, round(count * factor))


def in_months(years: float) -> str:
    """Return a time (years) in months, for messages."""
    return f"{MONTHS_PER_YEAR * years:.4g}"
