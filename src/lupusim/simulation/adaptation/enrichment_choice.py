"""Who is enrolled further after the look that enriches a population."""

from __future__ import annotations

import math
from enum import Enum

from lupusim.common.frozen import dataclass


class Measure(Enum):
    """What is held against the thresholds of an enrichment."""

    Z = "z"
    CONDITIONAL_POWER = "conditional_power"
    """At the trend seen so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByThresholds:
    """Go on with everybody where the full population reaches its threshold.

    Otherwise with the subgroup alone where it reaches its own; otherwise stop.

    Parameters
    ----------
    everybody, subgroup : float
        Thresholds.
    measure : Measure
        What is held against them.

    Raises
    ------
    ValueError
        If a threshold is not a finite number, or as a probability not within 0 and 1.

    Examples
    --------
    >>> ByThresholds(everybody=0.5, subgroup=1.0).measure
    <Measure.Z: 'z'>
    """

    everybody: float
    subgroup: float
    measure: Measure = Measure.Z

    def __post_init__(self) -> None:
        for name in ("everybody", "subgroup"):
            value = getattr(self, name)
            if not math.isfinite(value):
                raise ValueError(f"{name}={value!r} must be a finite number")
            if self.measure is Measure.CONDITIONAL_POWER and not 0 <= value <= 1:
                raise ValueError(f"{name}={value!r} must be a probability, from 0 to 1")

    def words(self, who: str) -> str:
        """Return the rule in words; `who` are the patients of the subgroup."""
        what = self.measure.value.replace("_", " ")
        return (
            f"everybody if the {what} of the full population is {self.everybody:g} or more; "
            f"otherwise {who} alone if their {what} is {self.subgroup:g} or more; otherwise "
            "nobody, and the trial stops for futility."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ByDifference:
    """Go on with the subgroup alone where its z exceeds the full population's by so much.

    Parameters
    ----------
    difference : float
        How much.
    at_least : float or None
        The trial stops where the larger z is lower; None never stops.

    Raises
    ------
    ValueError
        If one is not a finite number.

    Examples
    --------
    >>> ByDifference(difference=0.5).at_least is None
    True
    """

    difference: float
    at_least: float | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.difference):
            raise ValueError(f"difference={self.difference!r} must be a finite number")
        if self.at_least is not None and not math.isfinite(self.at_least):
            raise ValueError(f"at_least={self.at_least!r} must be a finite number")

    def words(self, who: str) -> str:
        """Return the rule in words; `who` are the patients of the subgroup."""
        stops = ""
        if self.at_least is not None:
            stops = f" If the larger of both z is below {self.at_least:g}, the trial stops."
        return (
            f"{who} alone if their z exceeds that of the full population by {self.difference:g} or "
            f"more, otherwise everybody.{stops}"
        )
