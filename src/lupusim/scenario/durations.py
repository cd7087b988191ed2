"""Durations with a unit, as files and the command line write them, and years."""

from __future__ import annotations

import math
import re

DAYS_PER_YEAR = 365.2425  # mean Gregorian year
PER_YEAR = {
    "year": 1.0,
    "month": 12.0,
    "week": DAYS_PER_YEAR / 7,  # 52.1775
    "day": DAYS_PER_YEAR,
}
_FORM = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z]*)\s*")


def parse_duration(text: object) -> float:
    """Return years for a duration with a unit.

    Parameters
    ----------
    text : str
        A number, 0 or above, and a unit: days, weeks, months or years. One year is 12 months,
        52.1775 weeks or 365.2425 days.

    Returns
    -------
    float
        Years.

    Raises
    ------
    ValueError
        If there is no unit, no number, or a number below 0; the message says what to write.

    Examples
    --------
    >>> parse_duration("6 months")
    0.5
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        raise ValueError(f"{text!r} has no unit. Write '{text} weeks' or '{text} months'")
    match = _FORM.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        shown = repr(text)[:60]
        raise ValueError(f"{shown} is not a duration. Write one such as '52 weeks' or '6 months'")
    number, unit = match.groups()
    if not unit:
        raise ValueError(f"{text!r} has no unit. Write '{number} weeks' or '{number} months'")
    singular = unit.lower().removesuffix("s")
    if singular not in PER_YEAR:
        raise ValueError(f"{unit!r} is not a unit of time. Write days, weeks, months or years")
    years = float(number) / PER_YEAR[singular]
    if not (math.isfinite(years) and years >= 0):
        raise ValueError(f"{text!r} is not a duration of 0 or above. Write one such as '52 weeks'")
    return years


def format_duration(years: float) -> str:
    """Return a duration as a file writes it, in the largest unit that makes it whole.

    Examples
    --------
    >>> format_duration(0.5)
    '6 months'
    >>> format_duration(52 / 52.1775)
    '52 weeks'
    """
    for unit, per_year in PER_YEAR.items():
        count = round(years * per_year)
        if math.isclose(count, years * per_year, rel_tol=1e-12, abs_tol=0) and count > 0:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{years:.12g} years"
