"""Numbers as they are printed: never more digits than the simulation has earned."""

from __future__ import annotations

import math

from lupusim.simulation.tally import Mean, limits_of_share

_MOST_DECIMALS = 6
_SMALL = 0.1  # of a share
_LARGE = 100  # a count, all of whose digits are shown
_NEARLY_ALL = 0.99
_ROUNDING = 1e-7  # sums of squares leave a spread of this size where every value is the same


def rounded(mean: Mean) -> str:
    """Return a Monte Carlo estimate with its standard error, rounded to its precision.

    Examples
    --------
    >>> rounded(Mean(value=0.81234, mcse=0.0039))
    '0.812 (0.004)'
    >>> rounded(Mean(value=1.0, mcse=0.0)), rounded(Mean(value=3 / 13, mcse=0.0))
    ('1 (0)', '0.2308 (0)')
    >>> rounded(Mean(value=-0.0025, mcse=0.013))
    '0.00 (0.01)'
    >>> rounded(Mean(value=0.24396, mcse=math.inf, n=1))
    '0.244 (of one)'
    >>> rounded(Mean(value=0.2, mcse=math.nan))
    'none'
    """
    if math.isnan(mean.value) or math.isnan(mean.mcse):  # in some resamples it does not exist
        return "none"
    if math.isinf(mean.mcse):
        return f"{mean.value:.3g} (of one)"
    if mean.mcse <= _ROUNDING * abs(mean.value):
        digits = 6 if abs(mean.value) >= _LARGE else 4
        return f"{mean.value:.{digits}g} (0)"
    decimals = min(max(-math.floor(math.log10(mean.mcse)), 0), _MOST_DECIMALS)
    value = round(mean.value, decimals) + 0.0  # no sign before a zero
    return f"{value:.{decimals}f} ({mean.mcse:.{decimals}f})"


def _is_none_or_all(mean: Mean) -> bool:
    return (mean.mcse == 0 or mean.n == 1) and mean.n > 0 and mean.value in (0.0, 1.0)


def share(mean: Mean) -> str:
    """Return a share of replicates; where none or all had it, with a 95 % limit in words.

    Then the estimated standard error is 0, as if it were certain: the limit is Wilson's. Any
    other share without an error was computed, not simulated.

    Examples
    --------
    >>> share(Mean(value=0.0, mcse=0.0, n=1000)), share(Mean(value=1.0, mcse=0.0, n=1000))
    ('0 (below 0.004)', '1 (above 0.996)')
    >>> share(Mean(value=0.5, mcse=0.016, n=1000)), share(Mean(value=0.806004, mcse=0.0))
    ('0.50 (0.02)', '0.8060 (exact)')
    """
    if mean.mcse == 0 and 0 < mean.value < 1:
        return f"{mean.value:.4f} (exact)"
    if not _is_none_or_all(mean):
        return rounded(mean)
    lower, upper = limits_of_share(mean)
    missing = upper if mean.value == 0 else 1 - lower
    decimals = -math.floor(math.log10(missing))
    limit = math.ceil(missing * 10**decimals) / 10**decimals
    if mean.value == 0:
        return f"0 (below {limit:.{decimals}f})"
    return f"1 (above {1 - limit:.{decimals}f})"


def grouped(number: int) -> str:
    """Return a whole number with thin groups of three, such as ``10 000``."""
    return f"{number:,}".replace(",", " ")


def cell(value: object, form: str = "{:.4g}") -> str:
    """Return a value of a table: numbers in a form, nothing for one that does not exist."""
    if not isinstance(value, float):
        return str(value)
    return "" if math.isnan(value) else form.format(value)


def root(mean_square: Mean) -> str:
    """Return the root of a mean of squares, with its standard error by the delta method."""
    value = mean_square.value**0.5
    return rounded(Mean(value=value, mcse=mean_square.mcse / (2 * value) if value else 0.0))


def where_defined(mean: Mean, n_replicates: int) -> str:
    """Return of which share of the replicates a mean is, where it is not of nearly all.

    Examples
    --------
    >>> where_defined(Mean(value=0.2, mcse=0.1, n=90), 1000)
    '; 9 % defined'
    >>> where_defined(Mean(value=0.2, mcse=0.1, n=995), 1000)
    ''
    """
    if mean.n >= _NEARLY_ALL * n_replicates:
        return ""
    return f"; {100 * mean.n / n_replicates:.0f} % defined"


def error_in_hundred(mean: Mean) -> str:
    """Return :func:`in_hundred` of an error, with its standard error where that is not small.

    Examples
    --------
    >>> error_in_hundred(Mean(value=0.033, mcse=0.0056))
    '3.3 (standard error 0.6)'
    >>> error_in_hundred(Mean(value=0.022, mcse=0.0015))
    '2.2'
    """
    of = f" (standard error {100 * mean.mcse:.1f})" if mean.mcse > _SMALL * mean.value else ""
    return f"{in_hundred(mean)}{of}"


def in_hundred(mean: Mean) -> str:
    """Return a share as a count of 100; where no or every replicate had it, its 95 % limit.

    It is rounded as the share is, so that a sentence and the table below it say the same.

    Examples
    --------
    >>> in_hundred(Mean(value=0.8123, mcse=0.004)), in_hundred(Mean(value=0.024, mcse=0.002))
    ('81', '2.4')
    >>> in_hundred(Mean(value=0.735, mcse=0.02)), in_hundred(Mean(value=0.0125, mcse=0.006))
    ('73', '1.3')
    >>> in_hundred(Mean(value=0.0, mcse=0.0, n=1000))
    'fewer than 0.4'
    """
    if _is_none_or_all(mean):
        lower, upper = limits_of_share(mean)
        if mean.value == 0:
            return f"fewer than {math.ceil(1000 * upper) / 10:.1f}"
        return f"more than {math.floor(1000 * lower) / 10:.1f}"
    if _SMALL <= mean.value <= _NEARLY_ALL:
        return f"{100 * round(mean.value, 2):.0f}"
    return f"{100 * round(mean.value, 3):.1f}"
