"""Numbers as people write them: ``30 %``, ``15 % a year``, ``10 % in 24 weeks``, ``1:2``.

Each function returns a number in years and shares, or raises ValueError with what to write.
"""

from __future__ import annotations

import math
import re

from lupusim.scenario.document.content import is_number, is_text, match
from lupusim.scenario.document.durations import is_date, parse_duration
from lupusim.trial.durations import PER_YEAR

_FASTEST = 1e15  # a year
_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_PLAIN = re.compile(rf"\s*{_NUMBER}\s*")
_PERCENT = re.compile(rf"\s*{_NUMBER}\s*(?:%|percent|per cent)\s*", re.IGNORECASE)
_PER_TIME = re.compile(
    rf"\s*{_NUMBER}\s*(%|percent|per cent)?\s*(?:(?:patients|events)\s+)?"
    r"(?:per|a|an|each|every|/)\s*([a-z]+)\s*",
    re.IGNORECASE,
)
_WITHIN = re.compile(
    rf"\s*{_NUMBER}\s*(?:%|percent|per cent)\s*(?:in|by|within|over|after|at|per|every|each)\s+"
    r"(?:the\s+)?(?:first\s+)?(?:(?:a|an|one)\s+(?=[a-z])|(?=\d))(.+)",
    re.IGNORECASE,
)
_SHARE_OF_ALL = re.compile(
    rf"\s*({_NUMBER}\s*(?:%|percent|per cent))\s*(?:(?:in|over) (?:total|all)|overall|in the trial|"
    r"over the trial)?\s*",
    re.IGNORECASE,
)
_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*(%?.*)")
_RATIO = re.compile(r"\s*\d+\s*(?::\s*\d+\s*)+")
_WITH_WORDS = re.compile(rf"\s*{_NUMBER}\s*([A-Za-z][A-Za-z ]*)")
_THOUSANDS = re.compile(r"\s*[1-9]\d{0,2}(?:,\d{3})+\s*")


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
        if not is_number(value):
            raise ValueError(f"{value!r} is not a share. {how_to_write(value, '30 % or 0.3')}")
        if value > 1:
            raise ValueError(f"{value!r} is not a share. Write '{value:g} %' or {value / 100:g}")
        share = float(value)
    if not 0 <= share <= 1:
        raise ValueError(f"{value!r} is not from 0 to 100 %. Write a share such as 30 %")
    return share


def typed_share(words: str) -> float:
    """Return a share as it is typed for an option: ``90 %``, ``90%``, ``90`` or ``0.9``.

    Raises
    ------
    ValueError
        If it is none from 0 to 100 %; the message says what to write.

    Examples
    --------
    >>> typed_share("90 %"), typed_share("90"), typed_share("0.9")
    (0.9, 0.9, 0.9)
    """
    if not is_plain_number(words):
        return parse_share(words)
    number = float(words)
    return parse_share(f"{words} %" if number > 1 else number)


def is_plain_number(words: str) -> bool:
    """Return whether words are a number without a unit."""
    return _PLAIN.fullmatch(words) is not None


def shares_as_numbers(words: str) -> str:
    """Return words in which a number stands for each percentage.

    Examples
    --------
    >>> shares_as_numbers("power > 80 %")
    'power > 0.8'
    """
    return _PERCENT.sub(lambda found: f" {float(found[1]) / 100:.12g} ", words).strip()


def percentage(value: object) -> float | None:
    """Return the share that a percentage such as ``30 %`` is; None for anything else."""
    found = match(_PERCENT, value)
    return None if found is None else float(found[1]) / 100


def parse_rate(value: object, *, like: str = "0.2 per year or 15 % a year") -> float:
    r"""Return a rate per year.

    A percentage is the share to whom it happens within the time that is named, so its rate is
    :math:`-\log(1 - p)` in that time; a number is events per that time.

    Parameters
    ----------
    value : str or number
        Such as ``15 % a year``, ``10 % in 24 weeks``, ``1.2 per year`` or ``10 per month``; a
        number is per year.
    like : str
        An example for those who wrote something else.

    Raises
    ------
    ValueError
        If it is no such rate; the message says what to write.

    Examples
    --------
    >>> round(parse_rate("15 % a year"), 4), parse_rate("10 per month")
    (0.1625, 120.0)
    """
    if is_number(value):
        return _not_negative(float(value), value)
    if within := match(_WITHIN, value):
        return _rate_of_share(float(within[1]) / 100, _time_named(within[2], value), value)
    found = match(_PER_TIME, value)
    if found is None:
        share = percentage(value)
        if share == 0:
            return 0.0  # whatever the time
        if begun := match(_SHARE_OF_ALL, value):
            words = begun[1]
            fix = f"Write {words} a year, or such as {words} in 24 weeks"
            raise ValueError(f"{value!r} is not a rate: it does not say within what time. {fix}")
        raise ValueError(f"{value!r} is not a rate. {how_to_write(value, like)}")
    number, percent, unit = found.groups()
    singular = unit.lower().removesuffix("s")
    if singular not in PER_YEAR:
        raise ValueError(f"{unit!r} is not a unit of time. Write day, week, month or year")
    if not percent:
        return _not_negative(float(number) * PER_YEAR[singular], value)
    return _rate_of_share(float(number) / 100, 1 / PER_YEAR[singular], value)


def starting_share(value: object) -> re.Match[str] | None:
    """Return the match whose first group is the percentage of such as ``10 % in 24 weeks``."""
    return match(_WITHIN, value)


def _time_named(words: str, value: object) -> float:
    """Return the years of ``24 weeks``, or of ``year`` alone."""
    try:
        return parse_duration(words if words[0].isdigit() else f"1 {words}")
    except ValueError as error:
        raise ValueError(f"{value!r}: {error}") from None


def _rate_of_share(share: float, years: float, value: object) -> float:
    """Return the constant hazard under which a share has left, or had the event, by a time."""
    if not 0 <= share < 1:
        raise ValueError(f"{value!r} is not a share below 100 %. Write such as 15 % a year")
    if not years > 0:
        raise ValueError(f"{value!r} names no time. Write such as 10 % in 24 weeks")
    return _not_negative(-math.log1p(-share) / years, value)


def _not_negative(rate: float, value: object) -> float:
    if not 0 <= rate <= _FASTEST:
        fix = "Write such as 0.2 per year"
        raise ValueError(f"{value!r} is not a rate from 0 to {_FASTEST:g} a year. {fix}")
    return rate


def parse_ratio(value: object) -> tuple[int, ...]:
    """Return an allocation ratio such as ``1:2``.

    Examples
    --------
    >>> parse_ratio("1:2")
    (1, 2)
    """
    ratio = match(_RATIO, value)
    if ratio is None:
        raise ValueError(f"{value!r} is not a ratio. Write such as 1:2, in the order of the arms")
    return tuple(int(part) for part in ratio[0].split(":"))


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
    if not is_text(value):
        return ""
    mends = (mended(value) for mended in _MENDS)
    return next((words for words in mends if words), "")


def mend_number(value: object) -> str:
    """Return what to write instead of a value where nothing but a number can stand.

    Examples
    --------
    >>> mend_number("120 patients"), mend_number("10k"), mend_number(120.0)
    ('Write 120.', 'Write 10000.', 'Write 120.')
    >>> mend_number("0.05")
    'Write 0.05, without quotes.'
    >>> mend_number("3 months")
    'Write a number without a unit; what is a time counts in years: 0.25.'
    """
    if is_number(value) and float(value).is_integer():
        return f"Write {int(value)}."
    if is_text(value) and _PLAIN.fullmatch(value):
        return f"Write {value.strip()}, without quotes."
    if found := match(_WITH_WORDS, value):
        if (unit := found[2].lower().removesuffix("s")) in PER_YEAR:
            years = float(found[1]) / PER_YEAR[unit]
            return f"Write a number without a unit; what is a time counts in years: {years:.4g}."
        thousand = 1000 if found[2].lower() == "k" else 1
        return f"Write {float(found[1]) * thousand:.12g}."
    return mend(value)


def mend_whole(value: object) -> str:
    """Return what to write where nothing but a whole number can stand.

    Examples
    --------
    >>> mend_whole("280"), mend_whole("66 %"), mend_whole("120 patients"), mend_whole("2.5")
    ('Write 280, without quotes.', '', 'Write 120.', '')
    """
    if is_text(value) and value.strip().isdecimal():
        return f"Write {int(value)}, without quotes."
    is_part = is_text(value) and _PLAIN.fullmatch(value)
    return "" if is_part or percentage(value) is not None else mend_number(value)


def _mend_thousands(value: str) -> str:
    plain = value.strip().replace(",", "")
    return f"Write it without commas: {plain}." if _THOUSANDS.fullmatch(value) else ""


def _mend_comma(value: str) -> str:
    if not _COMMA.fullmatch(value):
        return ""
    return f"Write a point, not a comma: {value.strip().replace(',', '.', 1)}."


def _mend_date(value: str) -> str:
    fix = "Dates are not read: write a time since the first site opened, such as 18 months."
    return fix if is_date(value) else ""


def _mend_percentage(value: str) -> str:
    share = percentage(value)
    return "" if share is None else f"Write {share:g}."


def _mend_ratio(value: str) -> str:
    fix = (
        "Give the part of this arm alone, such as 2, or one ratio for all arms in their order: "
        "'allocation: 1:2' beside 'arms:'."
    )
    return fix if _RATIO.fullmatch(value) else ""


_MENDS = (_mend_thousands, _mend_comma, _mend_date, _mend_percentage, _mend_ratio)
