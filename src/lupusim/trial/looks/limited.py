"""Looks with a latest date, and a least time after the look before."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import field, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import NOT_NEGATIVE, check_ranges, within
from lupusim.trial.looks.timing import Entries, Expectations, LookTiming, in_months

if TYPE_CHECKING:
    from lupusim.trial.design import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited(LookTiming):
    """A clock, and between which dates a look that waits for it is held.

    At `latest` it is seen whether the clock has come. If it has not, the look is put off by at
    most the `extension`: it is held when the clock comes, and at the end of the extension
    whatever the clock says. No look comes sooner after the one before than `gap`, which rules
    over the latest date.

    Parameters
    ----------
    clock : LookTiming
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

    clock: LookTiming
    gap: float = field(default=0.0, metadata=NOT_NEGATIVE)
    latest: float = field(default=math.inf, metadata=within(above=0, finite=False))
    extension: float = field(default=0.0, metadata=NOT_NEGATIVE)

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.extension and math.isinf(self.latest):
            raise ValueError("an extension needs a latest date. Give 'latest', or remove it")

    def calendar_time(self, entries: Entries) -> FloatArray:
        """Return the clock's time, or the end of the extension where that is sooner."""
        return np.minimum(self.clock.calendar_time(entries), self.end)

    def words(self, trial: Trial) -> str:
        """Return what the clock waits for, and until when at most."""
        latest = f" (at most until month {in_months(self.end)})" if math.isfinite(self.end) else ""
        return self.clock.words(trial) + latest

    def parts(self) -> Iterator[LookTiming]:
        """Yield itself and its clock, and what that is made of."""
        yield self
        yield from self.clock.parts()

    def necessary(self) -> Iterator[LookTiming]:
        """Yield what the clock needs."""
        yield from self.clock.necessary()

    @property
    def without_limits(self) -> LookTiming:
        """The clock."""
        return self.clock

    @property
    def end(self) -> float:
        """Calendar time (years) after which the look no longer waits."""
        return self.latest + self.extension

    @property
    def latest_dates(self) -> tuple[float, float]:
        """The latest date, and the end of the extension."""
        return self.latest, self.end

    @property
    def ends_by_itself(self) -> bool:
        """Whether it has a latest date, or its clock needs no end."""
        return math.isfinite(self.latest) or self.clock.ends_by_itself

    @property
    def primary_events(self) -> int | None:
        """The number of primary events that the clock waits for."""
        return self.clock.primary_events

    def never(self, n_patients: int, ratio: tuple[int, ...] = ()) -> str | None:
        """Return why the clock can never come; a latest date always comes."""
        return self.clock.never(n_patients, ratio) if math.isinf(self.latest) else None

    def scaled(self, factor: float) -> Self:
        """Return the limits of the scaled clock."""
        return replace(self, clock=self.clock.scaled(factor))

    def expected_time(self, expected: Expectations) -> float:
        """Return the clock's time, or the end of the extension where that is sooner."""
        return float(np.minimum(self.clock.expected_time(expected), self.end))
