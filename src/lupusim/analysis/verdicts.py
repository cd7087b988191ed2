"""From a test's result to its verdict: the direction of benefit, the number of sides."""

from __future__ import annotations

import math
from dataclasses import field, replace
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from lupusim.analysis.results import TestResult, ratio_or
from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import POSITIVE, check_ranges
from lupusim.trial import Better, TestMethod, Verdict

OPPOSITE = {Better.MORE: Better.FEWER, Better.FEWER: Better.MORE}
"""For statistics that rise as events become fewer."""


class PValues(Protocol):
    """A result of a test: p-values by the alternative, and where they say nothing."""

    @property
    def p_less(self) -> FloatArray:
        """That the effect lies below its null value."""
        ...

    @property
    def p_greater(self) -> FloatArray:
        """That it lies above."""
        ...

    @property
    def p_two_sided(self) -> FloatArray:
        """That it differs."""
        ...

    @property
    def undefined(self) -> BoolArray:
        """Where the data cannot say anything."""
        ...


def p_value(result: PValues, better: Better, sided: int) -> FloatArray:
    """Return the p-value in the direction of benefit, or of both."""
    if sided == 2:
        return result.p_two_sided
    return result.p_greater if better is Better.MORE else result.p_less


def p_values(result: PValues, better: Better, sided: int) -> dict[str, FloatArray]:
    """Return a verdict's p-values by their names: as asked, of each direction, of both."""
    good, bad = p_value(result, better, 1), p_value(result, OPPOSITE[better], 1)
    both = result.p_two_sided
    return {
        "p_value": both if sided == 2 else good,
        "p_better": good,
        "p_worse": bad,
        "p_two_sided": both,
    }


def verdict(result: TestResult, better: Better, sided: int) -> Verdict:
    """Return the verdict of a test that estimates what it tests."""
    return verdict_with(result, better, sided, result)


def verdict_with(
    test: PValues,
    better: Better,
    sided: int,
    effect: TestResult,
    *,
    score_variance: FloatArray | None = None,
) -> Verdict:
    """Return the verdict of a test whose effect is estimated in another way."""
    return Verdict(
        **p_values(test, better, sided),
        estimate=effect.estimate,
        standard_error=effect.standard_error,
        lower=effect.lower,
        upper=effect.upper,
        undefined=test.undefined,
        score_variance=score_variance,
    )


def against(result: TestResult, null: float) -> TestResult:
    """Return Wald's test of an estimate against another null value than 0."""
    if null == 0:
        return result
    z = ratio_or(result.estimate - null, result.standard_error, 0.0)
    return replace(result, z=np.where(result.undefined, 0.0, z))


def worst_difference(margin: float, better: Better) -> float:
    """Return the null value of a difference that may be worse by `margin`."""
    return -margin if better is Better.MORE else margin


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioToBeat(TestMethod):
    """What tests of a ratio share: its logarithm is estimated, against a ratio to beat."""

    optional: ClassVar = ("margin",)
    margin: float = field(default=1.0, metadata=POSITIVE)
    """The ratio to beat, above 0: 1 asks for superiority."""

    def __post_init__(self) -> None:
        check_ranges(self)

    def null_value(self, better: Better) -> float:
        """Return the log of the ratio to beat."""
        return math.log(self.margin)

    def judged(self, result: TestResult, better: Better, sided: int) -> Verdict:
        """Return the verdict of a log ratio, by Wald's test against the ratio to beat."""
        return verdict(against(result, self.null_value(better)), better, sided)


def beside(column: NDArray[np.generic], *covariates: FloatArray | None) -> FloatArray:
    """Return a column (n_replicates, n_patients) and the covariates beside it, along a third axis.

    Covariates are (n_replicates, n_patients, n_covariates), or None for none.
    """
    parts = [column[:, :, None], *(part for part in covariates if part is not None)]
    return np.concatenate(parts, axis=2, dtype=float)
