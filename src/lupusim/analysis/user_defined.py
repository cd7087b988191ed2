"""A user's own test, written as a plain function of one trial's arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from lupusim.analysis.outcomes import Outcome
from lupusim.analysis.results import ZStatistic
from lupusim.analysis.verdicts import p_values
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, TestMethod, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class FromZ(TestMethod):
    """A test whose plain function returns z.

    Examples
    --------
    >>> import numpy as np
    >>> from lupusim.analysis.user_defined import FromZ
    >>> from lupusim.trial import Analysis
    >>> def arcsine(response, arm):
    ...     treated, control = response[arm == 1], response[arm == 0]
    ...     gain = np.arcsin(np.sqrt(treated.mean())) - np.arcsin(np.sqrt(control.mean()))
    ...     return 2 * gain / np.sqrt(1 / treated.size + 1 / control.size)
    >>> Analysis(name="arcsine", test=FromZ(function=arcsine), effect="none").name
    'arcsine'
    """

    function: Callable[..., float]
    """Takes the arrays of one trial's analyzed patients, shape (n_patients,), in this order:
    ``response, arm`` of a response; ``time, event, arm`` of a time to an event (years); ``values,
    arm`` of a number; ``count, years, arm`` of a count; arm 1 is the experimental one. Returns z,
    standard normal where there is no effect and positive where the experimental arm has more
    (responses, events, of the number); NaN where the data say nothing, which counts as not
    significant."""

    def __call__(
        self, outcome: Outcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate; it has no estimate."""
        z = _each(self.function, outcome)
        undefined = ~np.isfinite(z)
        statistic = ZStatistic(z=np.where(undefined, 0.0, z), undefined=undefined)
        return _verdict(p_values(statistic, better, sided), undefined)


@dataclass(frozen=True, slots=True, kw_only=True)
class FromP(TestMethod):
    """A test whose plain function returns the p-value.

    Raises
    ------
    ValueError
        When called, if a p-value lies outside 0 to 1.
    """

    function: Callable[..., float]
    """Takes the same arrays as that of `FromZ`; returns p from 0 to 1, small in favor of the
    experimental arm (or two-sided, where the analysis is); NaN where the data say nothing. The
    analysis's number of sides changes nothing here."""

    def __call__(
        self, outcome: Outcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate; it has no estimate."""
        p = _each(self.function, outcome)
        undefined = np.isnan(p)
        if np.any((p < 0) | (p > 1)):
            worst = float(p[(p < 0) | (p > 1)][0])
            raise ValueError(f"your test returned p={worst!r}, which must lie from 0 to 1")
        p = np.where(undefined, 1.0, p)
        never = np.ones_like(p)  # of the other direction the function says nothing
        both = p if sided == 2 else np.minimum(1.0, 2 * p)
        found = {"p_value": p, "p_better": p, "p_worse": never, "p_two_sided": both}
        return _verdict(found, undefined)


def _each(function: Callable[..., float], outcome: Outcome) -> FloatArray:
    """Return what the function says of every replicate."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = [_number(function(*arrays)) for arrays in _trials(outcome)]
    return np.array(found, dtype=float)


def _number(returned: object) -> float:
    try:
        if returned is not None:  # NumPy would take it for NaN, and the mistake for no answer
            return float(np.asarray(returned, dtype=float).item())
    except (TypeError, ValueError):
        pass
    raise ValueError(f"your test returned {returned!r}, which is not one number")


def _trials(outcome: Outcome) -> Iterator[list[NDArray[np.generic]]]:
    """Yield the arrays of each trial's analyzed patients."""
    columns, analyzed = outcome.columns(), outcome.analyzed
    for row, chosen in enumerate(analyzed):
        yield [column[row][chosen] for column in columns]


def _verdict(found: dict[str, FloatArray], undefined: NDArray[np.bool_]) -> Verdict:
    unknown = np.full(undefined.shape, np.nan)
    return Verdict(
        **found,
        estimate=unknown,
        standard_error=unknown,
        lower=unknown,
        upper=unknown,
        undefined=undefined,
    )
