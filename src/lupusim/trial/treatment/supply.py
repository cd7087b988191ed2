"""The supply of cells: lots are made, tested, released or lost; patients wait for a dose.

Lots are started at fixed calendar times. A lot passes its release test or fails; a released
one gives its doses until they are used up or expire. Infusions ask for doses in the order of
calendar time; a dose comes from the lot that expires first; who finds none waits for the next
release, up to a limit, and then goes without.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from typing import Protocol

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import COUNT, DURATION, LONGER_THAN_0, SHARE, check_ranges, within
from lupusim.trial.durations import format_duration

NO_LOT = -1
_DAY = 1 / 366  # years


@dataclass(frozen=True, slots=True, kw_only=True)
class Manufacture:
    """How lots are made.

    Parameters
    ----------
    doses : int
        Doses that a released lot gives, at least 1.
    lead_time : float
        Years from the start of a lot to its release, 0 or above.
    every : float or None
        Years between the starts of lots, at least a day, the first when the first site opens;
        None where no lot is made after that.
    number : int or None
        How many lots are started in all, at least 1; None for as many as the trial lasts.
    fails : float
        Probability that a lot fails its release test, from 0 to 1.
    shelf_life : float
        Years from the start of a lot until its doses expire, above `lead_time`.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    doses: int = field(metadata=COUNT)
    lead_time: float = field(default=0.0, metadata=DURATION)
    every: float | None = field(default=None, metadata=LONGER_THAN_0)
    number: int | None = field(default=None, metadata=COUNT)
    fails: float = field(default=0.0, metadata=SHARE)
    shelf_life: float = field(
        default=math.inf, metadata=within(duration=True, above=0, finite=False)
    )

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.every is not None and self.every < _DAY:
            raise ValueError(f"every={self.every!r} must be at least a day, in years")
        if self.number is not None and self.every is None:
            raise ValueError(f"number={self.number!r} goes with 'every'")
        if not self.shelf_life > self.lead_time:
            raise ValueError(
                f"shelf_life, {format_duration(self.shelf_life)}, is not above the lead time of "
                f"{format_duration(self.lead_time)}: every lot would expire before its release. "
                "Give more: both count from the start of the lot"
            )

    def starts(self, until: float) -> FloatArray:
        """Return when lots are started (calendar, years), up to `until`."""
        if self.every is None:
            return np.empty(0)
        n_lots = math.floor(until / self.every) + 1
        if self.number is not None:
            n_lots = min(n_lots, self.number)
        return np.asarray(self.every * np.arange(n_lots, dtype=float))


class WhileEmpty(Enum):
    """What happens to enrollment while no lot in stock has doses for an infusion."""

    WAIT = "wait"
    """Nothing: patients are randomized, and their infusions wait."""
    PAUSE_ENROLLMENT = "pause_enrollment"
    """Nobody is randomized: who would come meanwhile comes when it ends, and all who come after
    her come later by as long as she waited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """Where the cells of a trial come from.

    Parameters
    ----------
    lots : Manufacture
        How they are made.
    at_start : int
        Released lots in stock when the first site opens, 0 or above.
    patience : float
        Years for which an infusion waits for a dose before it counts as missed, 0 or above.
    draws : mapping of str to int
        Arms that draw on the supply, and the doses that one infusion takes there.
    while_empty : WhileEmpty
        Whether enrollment pauses then.

    Raises
    ------
    ValueError
        If a number is out of its range, no lot could ever be released, or enrollment that
        pauses might never go on.
    """

    lots: Manufacture
    at_start: int = field(default=0, metadata=within(at_least=0, at_most=10_000))
    patience: float = field(default=0.0, metadata=DURATION)
    draws: Mapping[str, int] = field(default_factory=dict)
    while_empty: WhileEmpty = WhileEmpty.WAIT

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.lots.every is None and self.at_start == 0:
            raise ValueError(
                "no lot is ever made. Give 'every' to the lots, or 'at_start' lots in stock"
            )
        if self.pauses and (self.lots.every is None or self.lots.number or self.lots.fails == 1):
            raise ValueError(
                "enrollment would pause for good once the last lot is used up. Make lots for as "
                "long as the trial lasts ('every', no 'number', 'fails' below 1), or let it wait"
            )
        for name, doses in self.draws.items():
            if not 1 <= doses <= self.lots.doses:
                raise ValueError(
                    f"an infusion on {name!r} takes {doses} doses, and a lot gives "
                    f"{self.lots.doses}. All of an infusion is of one lot"
                )

    @property
    def pauses(self) -> bool:
        """Whether enrollment pauses while the stock is empty."""
        return self.while_empty is WhileEmpty.PAUSE_ENROLLMENT

    def stock(self, n_replicates: int, until: float, *, rng: np.random.Generator) -> Stock:
        """Return the lots started up to a calendar time (years), and which pass their test."""
        starts = self.lots.starts(until)
        made = np.concatenate([np.full(self.at_start, -self.lots.lead_time), starts])
        draws = rng.random((starts.size, n_replicates))
        passed = np.ones((made.size, n_replicates), dtype=bool)
        passed[self.at_start :] = draws >= self.lots.fails
        return Stock(
            doses=self.lots.doses,
            released=made + self.lots.lead_time,
            expires=made + self.lots.shelf_life,
            passed=passed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """The lots of many trials, in the order of their release.

    Parameters
    ----------
    doses : int
        Doses that each lot gives.
    released, expires : (n_lots,) arrays
        Calendar times (years) from which, and up to which, its doses can be given.
    passed : (n_lots, n_replicates) boolean array
        Whether the lot passed its release test.
    """

    doses: int
    released: FloatArray
    expires: FloatArray
    passed: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Patients who come while there are doses."""

    times: FloatArray
    """Calendar times (years) of randomization if enrollment never paused, increasing, and not
    behind what each patient wants; (n_replicates, n_patients)."""
    doses: int  # doses that a lot in stock must have for anybody to be randomized

    def since(self, wanted: FloatArray) -> FloatArray:
        """Return how long after each patient's arrival the demands are due, same shape."""
        behind = wanted.reshape(*self.times.shape, -1) - self.times[..., None]
        return behind.reshape(wanted.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What infusions ask for."""

    wanted: FloatArray  # calendar times (years); ``inf`` for no demand; (n_replicates, n_demands)
    until: FloatArray
    """Calendar times (years) up to which each waits, not before `wanted`; (n_replicates,
    n_demands)."""
    doses: IntArray  # doses that each takes, all of one lot; (n_replicates, n_demands)
    arrivals: Arrivals | None = None
    """Where enrollment pauses: `wanted` and `until` are then as if it never did, and each patient
    has as many demands, behind each other."""

    @property
    def patience(self) -> FloatArray:
        """Years for which each demand waits; 0 for none."""
        patience = np.zeros(self.wanted.shape)
        np.subtract(self.until, self.wanted, out=patience, where=np.isfinite(self.wanted))
        return patience


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """What became of demands."""

    given: FloatArray
    """Calendar times (years) of the infusions; ``inf`` where none was given; (n_replicates,
    n_demands)."""
    lot: IntArray
    """Position of the lot that each was of; ``NO_LOT`` where none was given; (n_replicates,
    n_demands)."""
    came: FloatArray | None = None
    """Calendar times (years) of randomization, pauses included; ``inf`` for whom the lots end
    before. None where enrollment does not pause; (n_replicates, n_patients)."""


class Dispense(Protocol):
    """An engine's way of dealing out doses."""

    def __call__(self, stock: Stock, demands: Demands) -> Deliveries:
        """Serve demands in the order of calendar time, from the lot that expires first."""
        ...
