"""The range of a field, said once: its object's check, the reader of files and the pages ask it.

A field of a dataclass declares it as its metadata, ``field(default=0.0, metadata=SHARE)``.
`check_ranges` refuses what lies outside, for whoever makes the object in Python; a reader of files
finds the same range by the field's name, and reports file, line and key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The numbers that a field may have; `above` and `below` are not among them themselves.

    Parameters
    ----------
    at_least, above, at_most, below : float
        Its ends.
    finite : bool
        Whether infinity is refused where no end excludes it.

    Examples
    --------
    >>> share = Range(at_least=0, at_most=1)
    >>> share.holds(0.5), share.holds(1.5), share.words
    (True, False, 'lie from 0 to 1')
    """

    at_least: float = -math.inf
    above: float = -math.inf
    at_most: float = math.inf
    below: float = math.inf
    finite: bool = True

    def holds(self, number: float) -> bool:
        """Return whether a number lies inside; NaN never does."""
        inside = self.at_least <= number <= self.at_most
        if math.isinf(number):
            return inside and not self.finite
        return inside and self.above < number < self.below

    @property
    def words(self) -> str:
        """What a number in it must do, after ``must``."""
        if math.isfinite(self.at_least) and math.isfinite(self.at_most):
            return f"lie from {self.at_least:g} to {self.at_most:g}"
        if math.isfinite(self.above) and math.isfinite(self.below):
            return f"lie between {self.above:g} and {self.below:g}"
        least = "0 or above" if self.at_least == 0 else f"at least {self.at_least:g}"
        ends = (
            (self.at_least, least),
            (self.above, f"above {self.above:g}"),
            (self.at_most, f"at most {self.at_most:g}"),
            (self.below, f"below {self.below:g}"),
        )
        return f"be {', '.join(said for end, said in ends if math.isfinite(end)) or 'finite'}"


def within(*, duration: bool = False, or_years: bool = False, **ends: Any) -> Mapping[str, Any]:
    """Return the metadata of a field: its range, and whether a file writes it with a unit of time.

    Parameters
    ----------
    duration : bool
        Whether it is a time in years, which files write as a duration.
    or_years : bool
        Whether files may write it as a number of years, too.
    **ends
        As of `Range`.
    """
    return {"range": Range(**ends), "duration": duration, "or_years": or_years}


POSITIVE = within(above=0)
NOT_NEGATIVE = within(at_least=0)
COUNT = within(at_least=1)
SHARE = within(at_least=0, at_most=1)
INSIDE = within(above=0, below=1)
BELOW_ONE = within(at_least=0, below=1)
DURATION = within(duration=True, at_least=0)
DURATION_OR_YEARS = within(duration=True, or_years=True, at_least=0)
LONGER_THAN_0 = within(duration=True, above=0)


def durations_of(made: Any) -> frozenset[str]:
    """Return the names of the fields that files write with a unit of time."""
    return frozenset(one.name for one in fields(made) if one.metadata.get("duration"))


def check_ranges(made: Any) -> None:
    """Refuse an object of a dataclass of which a field lies outside its range.

    None is no number: it passes.

    Raises
    ------
    ValueError
        If one does; it is named, with its value.
    """
    for one in fields(made):
        limits, value = one.metadata.get("range"), getattr(made, one.name)
        if limits is not None and value is not None and not limits.holds(value):
            raise ValueError(f"{one.name}={value!r} must {limits.words}")
