"""What every hazard can do, and the checks they share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol

from lupusim.common.arrays import FloatArray
from lupusim.common.registry import Registry


class Hazard(Protocol):
    """A hazard of leaving a state, as a function of time on its own clock (years)."""

    __slots__ = ()

    @property
    def constant_rate(self) -> float | None:
        """The hazard per year where it never changes; else None."""
        return None

    @property
    def steps(self) -> tuple[float, ...] | None:
        """Times at which it jumps, where it is constant between them; else None."""
        return None

    def hazard(self, time: FloatArray) -> FloatArray:
        """Return the hazard h(t), per year; same shape as `time`."""
        ...

    def cumulative(self, time: FloatArray) -> FloatArray:
        """Return the cumulative hazard H(t); unitless, same shape as `time`, ``H(inf)`` allowed."""
        ...

    def inverse_cumulative(self, cumulative: FloatArray) -> FloatArray:
        """Return the time at which H reaches `cumulative`; ``inf`` where it never does."""
        ...

    def in_years(self, per_year: float) -> Hazard:
        """Return the hazard whose parameters counted time in units of which a year has so many."""
        ...

    def mean(self) -> float:
        """Return the mean time to the event were this the only way out; ``inf`` if none exists."""
        ...


FAMILIES: Registry[type[Hazard]] = Registry(
    "hazard family",
    group="lupusim.hazards",
    needs=("hazard", "cumulative", "inverse_cumulative", "in_years", "mean"),
)
"""Families by their name in files. A family is a frozen dataclass, whose fields are the keys."""


def constant_rate(hazard: Hazard) -> float | None:
    """Return a hazard per year that never changes; None for any other.

    One of a user's own that says nothing of itself may change as it likes.
    """
    rate: float | None = getattr(hazard, "constant_rate", None)
    return rate


def steps(hazard: Hazard) -> tuple[float, ...] | None:
    """Return when a hazard jumps that is constant in between (years); None for any other."""
    times: tuple[float, ...] | None = getattr(hazard, "steps", None)
    return times


def formula_of_many(
    family: type[Hazard],
) -> Callable[[Mapping[str, FloatArray], FloatArray], FloatArray] | None:
    """Return the cumulative hazards of many of a family as one function; None if it has none.

    SPEED: a family says it by a class method ``cumulative_of_many``, which takes its fields, of
    shape (n,) each, or (n, n_pieces) where one is a sequence, and finite times, shape (n_times,),
    and returns shape (n, n_times).
    """
    formula: Callable[[Mapping[str, FloatArray], FloatArray], FloatArray] | None
    formula = getattr(family, "cumulative_of_many", None)
    return formula


def check_positive(**values: float) -> None:
    """Raise ValueError unless every named value is a finite number above 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name}={value!r} must be a finite number above 0")


def check_finite(**values: float) -> None:
    """Raise ValueError unless every named value is a finite number."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{name}={value!r} must be a finite number")
