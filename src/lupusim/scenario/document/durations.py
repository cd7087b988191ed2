"""Durations with a unit, as files and the command line write them, and years."""

from __future__ import annotations

import re

from lupusim.scenario.document.content import is_number, is_text, match
from lupusim.trial.durations import PER_YEAR, format_duration

__all__ = ["format_duration", "parse_duration"]

_DATE = re.compile(r"\s*(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4})\s*")
_LONGEST = 1e5  # years
_DAYS_A_WEEK = 7
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
    if is_number(text):
        raise ValueError(f"{text!r} has no unit. Write '{text} weeks' or '{text} months'")
    found = match(_FORM, text)
    if found is None:
        if is_text(text) and is_date(text):
            fix = (
                "Write a time since randomization, or for the calendar since the first site "
                "opened, such as '18 months'"
            )
            raise ValueError(f"{text.strip()!r} is a date. {fix}")
        shown = repr(text)[:60]
        raise ValueError(f"{shown} is not a duration. Write one such as '52 weeks' or '6 months'")
    number, unit = found.groups()
    if not unit:
        raise ValueError(f"{text!r} has no unit. Write '{number} weeks' or '{number} months'")
    singular = unit.lower().removesuffix("s")
    if singular not in PER_YEAR:
        raise ValueError(f"{unit!r} is not a unit of time. Write days, weeks, months or years")
    amount = float(number)
    if singular == "day" and amount % _DAYS_A_WEEK == 0:  # 168 days are 24 weeks, to the last bit
        amount, singular = amount / _DAYS_A_WEEK, "week"
    years = amount / PER_YEAR[singular]
    if not 0 <= years <= _LONGEST:
        raise ValueError(
            f"{text!r} is not a duration from 0 to {_LONGEST:,.0f} years. "
            "Write one such as '52 weeks'"
        )
    return years


def in_years(value: object) -> object:
    """Return a number as a duration of so many years, and anything else as it is."""
    return f"{value} years" if is_number(value) else value


def is_date(text: str) -> bool:
    """Return whether a text is a date of the calendar, such as 2027-12-31."""
    return _DATE.fullmatch(text) is not None
