"""Looks that wait for all of several conditions, or for the first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.trial.looks.timing import TIMINGS, Entries, Expectations, LookTiming

if TYPE_CHECKING:
    from lupusim.trial.design import Trial


class _OfConditions(LookTiming, Protocol):
    """A timing that is made of several."""

    __slots__ = ()

    conditions: tuple[LookTiming, ...]

    def parts(self) -> Iterator[LookTiming]:
        """Yield itself and its conditions, and what they are made of."""
        yield self
        for condition in self.conditions:
            yield from condition.parts()

    def needs_first_only(self) -> bool:
        """Return whether no condition depends on patients who come later."""
        return all(condition.needs_first_only() for condition in self.conditions)

    def scaled(self, factor: float) -> Self:
        """Return the timing of scaled conditions."""
        timing: Any = self
        made: Self = replace(
            timing, conditions=tuple(one.scaled(factor) for one in self.conditions)
        )
        return made

    def _never(self, n_patients: int, ratio: tuple[int, ...], *, enough: int) -> str | None:
        reasons = [condition.never(n_patients, ratio) for condition in self.conditions]
        certain = [reason for reason in reasons if reason is not None]
        return certain[0] if certain and len(certain) >= enough else None

    def _times_of(self, entries: Entries) -> list[FloatArray]:
        return [condition.calendar_time(entries) for condition in self.conditions]

    def _expected(self, expected: Expectations) -> list[float]:
        return [condition.expected_time(expected) for condition in self.conditions]


@TIMINGS.register("all")
@dataclass(frozen=True, slots=True, kw_only=True)
class WhenAll(_OfConditions):
    """Cut when the last of several conditions is met.

    Examples
    --------
    >>> from lupusim.trial.looks.calendar import AtCalendarTime
    >>> from lupusim.trial.looks.events import AtEvents
    >>> conditions = (AtEvents(events=200), AtCalendarTime(time=3.0))
    >>> len(WhenAll(conditions=conditions).conditions)
    2
    """

    conditions: tuple[LookTiming, ...]

    def calendar_time(self, entries: Entries) -> FloatArray:
        """Return the latest of the conditions' times."""
        return np.asarray(np.max(self._times_of(entries), axis=0))

    @property
    def end(self) -> float:
        """Calendar time (years) by which all conditions are met for certain."""
        return max(condition.end for condition in self.conditions)

    @property
    def ends_by_itself(self) -> bool:
        """Whether no condition needs an end of everybody's follow-up."""
        return all(condition.ends_by_itself for condition in self.conditions)

    def words(self, trial: Trial) -> str:
        """Return all that it waits for."""
        return " and ".join(condition.words(trial) for condition in self.conditions)

    def necessary(self) -> Iterator[LookTiming]:
        """Yield what each condition needs."""
        for condition in self.conditions:
            yield from condition.necessary()

    def never(self, n_patients: int, ratio: tuple[int, ...] = ()) -> str | None:
        """Return why one of the conditions is never met."""
        return self._never(n_patients, ratio, enough=1)

    def expected_time(self, expected: Expectations) -> float:
        """Return the latest of the conditions' times."""
        return float(np.max(self._expected(expected)))


@TIMINGS.register("any")
@dataclass(frozen=True, slots=True, kw_only=True)
class WhenAny(_OfConditions):
    """Cut when the first of several conditions is met.

    Examples
    --------
    >>> from lupusim.trial.looks.calendar import AtCalendarTime
    >>> from lupusim.trial.looks.events import AtEvents
    >>> conditions = (AtEvents(events=200), AtCalendarTime(time=3.0))
    >>> len(WhenAny(conditions=conditions).conditions)
    2
    """

    conditions: tuple[LookTiming, ...]

    def calendar_time(self, entries: Entries) -> FloatArray:
        """Return the earliest of the conditions' times."""
        return np.asarray(np.min(self._times_of(entries), axis=0))

    @property
    def end(self) -> float:
        """Calendar time (years) by which the first condition is met for certain."""
        return min(condition.end for condition in self.conditions)

    @property
    def ends_by_itself(self) -> bool:
        """Whether some condition needs no end of everybody's follow-up."""
        return any(condition.ends_by_itself for condition in self.conditions)

    def words(self, trial: Trial) -> str:
        """Return what it waits for, one or the other."""
        return " or ".join(condition.words(trial) for condition in self.conditions)

    def never(self, n_patients: int, ratio: tuple[int, ...] = ()) -> str | None:
        """Return why none of the conditions is ever met."""
        return self._never(n_patients, ratio, enough=len(self.conditions))

    def expected_time(self, expected: Expectations) -> float:
        """Return the earliest of the conditions' times."""
        return float(np.min(self._expected(expected)))
