"""Times in words: years as a file writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence

LONGEST_FOLLOW_UP = 100.0
"""Years: of those whom nothing else stops."""

DAYS_PER_YEAR = 365.2425  # mean Gregorian year
PER_YEAR = {
    "year": 1.0,
    "month": 12.0,
    "week": DAYS_PER_YEAR / 7,  # 52.1775
    "day": DAYS_PER_YEAR,
}
MONTHS_PER_YEAR = PER_YEAR["month"]
"""A month is a twelfth of a year everywhere: 30.44 days, 4.35 weeks."""
_WHOLE, _TENTHS = 1, 10


def format_duration(years: float) -> str:
    """Return a duration as a file writes it, in the largest unit that makes it whole.

    Where none does, in the largest of which it is a number of tenths.

    Examples
    --------
    >>> format_duration(0.5)
    '6 months'
    >>> format_duration(52 / 52.1775)
    '52 weeks'
    >>> format_duration(1.5 / 12)
    '1.5 months'
    """
    for part in (_WHOLE, _TENTHS):
        for unit, per_year in PER_YEAR.items():
            parts = years * per_year * part
            if parts > 0 and _is_whole(parts):
                return f"{round(parts) / part:.12g} {unit}{'' if round(parts) == part else 's'}"
    return f"{years:.12g} years"


def format_times(years: Sequence[float]) -> str:
    """Return times as a file lists them: in the largest unit that makes all of them whole.

    Examples
    --------
    >>> format_times([0.25, 0.5, 1.0])
    '3, 6, 12 months'
    """
    for unit, per_year in PER_YEAR.items():
        if all(_is_whole(time * per_year) for time in years):
            counts = [round(time * per_year) for time in years]
            return f"{', '.join(map(str, counts))} {unit}{'' if counts == [1] else 's'}"
    return ", ".join(map(format_duration, years))


def _is_whole(number: float) -> bool:
    return math.isfinite(number) and math.isclose(round(number), number, rel_tol=1e-12, abs_tol=0)
