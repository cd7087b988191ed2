"""Numbers as people write them: ``30 %``, ``15 % a year``, ``10 per month``, ``1:2``.

Each function returns a number in years and shares, or raises ValueError with what to write.
"""

from __future__ import annotations

import math
import re

from lupusim.trial.durations import PER_YEAR

_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_PERCENT = re.compile(rf"\s*{_NUMBER}\s*(?:%|percent|per cent)\s*", re.IGNORECASE)
_PER_TIME = re.compile(
    rf"\s*{_NUMBER}\s*(%|percent|per cent)?\s*(?:per|a|an|each|every|/)\s*([a-z]+)\s*",
    re.IGNORECASE,
)
_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*(%?.*)")
_RATIO = re.compile(r"\s*\d+\s*(?::\s*\d+\s*)+")
_DATE = re.compile(r"\s*(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4})\s*")


def parse_share(value: object) -> float:
    """Return a share from 0 to 1.

    Parameters
    ----------
    value : str or number
        A percentage such as ``30 %``, or a number from 0 to 1.

    Raises
    ------
    ValueError
        If it is neither; the message says what to write.

    Examples
    --------
    >>> parse_share("30 %"), parse_share(0.55)
    (0.3, 0.55)
    """
    share = percentage(value)
    if share is None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ValueError(f"{value!r} is not a share. {how_to_write(value, '30 % or 0.3')}")
        if value > 1:
            raise ValueError(f"{value!r} is not a share. Write '{value:g} %' or {value / 100:g}")
        share = float(value)
    if not 0 <= share <= 1:
        raise ValueError(f"{value!r} is not from 0 to 100 %. Write a share such as 30 %")
    return share


def percentage(value: object) -> float | None:
    """Return the share that a percentage such as ``30 %`` is; None for anything else."""
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    return None if match is None else float(match[1]) / 100


def parse_rate(value: object) -> float:
    r"""Return a rate per year.

    A percentage is the share to whom it happens within the time that is named, so its rate is
    :math:`-\log(1 - p)` in that time; a number is events per that time.

    Parameters
    ----------
    value : str or number
        Such as ``15 % a year``, ``1.2 per year`` or ``10 per month``; a number is per year.

    Raises
    ------
    ValueError
        If it is no such rate; the message says what to write.

    Examples
    --------
    >>> round(parse_rate("15 % a year"), 4), parse_rate("10 per month")
    (0.1625, 120.0)
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _not_negative(float(value), value)
    match = _PER_TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        share = percentage(value)
        hint = "0.2 per year or 15 % a year" if share is None else f"{value} a year"
        raise ValueError(f"{value!r} is not a rate. {how_to_write(value, hint)}")
    number, percent, unit = match.groups()
    singular = unit.lower().removesuffix("s")
    if singular not in PER_YEAR:
        raise ValueError(f"{unit!r} is not a unit of time. Write day, week, month or year")
    if not percent:
        return _not_negative(float(number) * PER_YEAR[singular], value)
    share = float(number) / 100
    if not 0 <= share < 1:
        raise ValueError(f"{value!r} is not a share below 100 %. Write such as 15 % a year")
    return -math.log1p(-share) * PER_YEAR[singular]


def _not_negative(rate: float, value: object) -> float:
    if not (math.isfinite(rate) and rate >= 0):
        raise ValueError(f"{value!r} is not a rate of 0 or above. Write such as 0.2 per year")
    return rate


def parse_ratio(value: object) -> tuple[int, ...]:
    """Return an allocation ratio such as ``1:2``.

    Examples
    --------
    >>> parse_ratio("1:2")
    (1, 2)
    """
    if not (isinstance(value, str) and _RATIO.fullmatch(value)):
        raise ValueError(f"{value!r} is not a ratio. Write such as 1:2, in the order of the arms")
    return tuple(int(part) for part in value.split(":"))


def how_to_write(value: object, otherwise: str) -> str:
    """Return the mend of a text where a number is wanted, seen from what was written.

    Parameters
    ----------
    value : object
        What stands in the file.
    otherwise : str
        An example of what could stand there.
    """
    return (mend(value) or f"Write such as {otherwise}").removesuffix(".")


def mend(value: object) -> str:
    """Return what to write instead of a text where a number is wanted; empty if that is unclear.

    Examples
    --------
    >>> mend("0,15"), mend("15 %"), mend("many")
    ('Write a point, not a comma: 0.15.', 'Write 0.15.', '')
    """
    if not isinstance(value, str):
        return ""
    if _COMMA.fullmatch(value):
        return f"Write a point, not a comma: {value.strip().replace(',', '.', 1)}."
    if _DATE.fullmatch(value):
        return "Dates are not read: write a time since the first site opened, such as 18 months."
    if (share := percentage(value)) is not None:
        return f"Write {share:g}."
    if _RATIO.fullmatch(value):
        return "A ratio of arms stands under 'allocation:', such as 1:2."
    return ""
