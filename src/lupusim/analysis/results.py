"""What every test gives back: z or p, and the estimate with its interval."""

from __future__ import annotations

from statistics import NormalDist
from typing import ClassVar

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.shown import Shown


def normal_quantile(level: float) -> float:
    """Return the two-sided critical value of the standard normal, 1.96 for 0.95.

    Raises
    ------
    ValueError
        If `level` does not lie strictly between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level={level!r} must lie between 0 and 1, such as 0.95")
    return NormalDist().inv_cdf((1 + level) / 2)


def normal_cdf(z: FloatArray) -> FloatArray:
    """Return the standard normal distribution function, same shape as `z`."""
    from scipy.special import ndtr

    return np.asarray(ndtr(z), dtype=float)


def ratio_or(
    numerator: FloatArray, denominator: FloatArray, otherwise: float | FloatArray
) -> FloatArray:
    """Return `numerator` / `denominator`, and `otherwise` where the denominator is 0."""
    alike = np.shape(numerator) == np.shape(denominator) and np.ndim(otherwise) == 0
    if alike and np.all(denominator):  # SPEED: most often there is no 0 (benchmarks/cases.py)
        return np.asarray(numerator / denominator, dtype=float)
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator), np.shape(otherwise))
    quotient = np.array(np.broadcast_to(otherwise, shape), dtype=float)
    np.divide(numerator, denominator, out=quotient, where=np.asarray(denominator != 0))
    return quotient


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ZStatistic(Shown):
    """A test statistic that is standard normal when there is no effect.

    Parameters
    ----------
    z : (n_replicates,) array
        0 where undefined; 0-d if the input was a single trial. Its sign is the effect's
        on the experimental arm.
    undefined : (n_replicates,) boolean array
        Where the statistic is 0/0 (no events, no variation, an empty arm): then `z` is 0
        and every p-value is 1, so that it counts as not significant.

    Examples
    --------
    >>> from lupusim.analysis import one_sample_logrank
    >>> one_sample_logrank([1.0, 2.0], [1, 0], lambda time: time).z.round(4).tolist()
    -1.1547
    """

    z: FloatArray
    undefined: BoolArray

    @property
    def statistic(self) -> FloatArray:
        """The statistic z, by SciPy's name."""
        return self.z

    @property
    def pvalue(self) -> FloatArray:
        """The two-sided p-value, by SciPy's name."""
        return self.p_two_sided

    @property
    def p_less(self) -> FloatArray:
        """One-sided p-value against the alternative that the effect is below its null value."""
        return np.where(self.undefined, 1.0, normal_cdf(self.z))

    @property
    def p_greater(self) -> FloatArray:
        """One-sided p-value against the alternative that the effect is above its null value."""
        return np.where(self.undefined, 1.0, normal_cdf(-self.z))

    @property
    def p_two_sided(self) -> FloatArray:
        """Two-sided p-value."""
        return np.where(self.undefined, 1.0, 2 * normal_cdf(-np.abs(self.z)))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ScoreStatistic(ZStatistic):
    """A z statistic that is a score over its standard deviation."""

    variance: FloatArray
    """Of the score, when there is no effect; 0 where undefined; (n_replicates,)."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TestResult(ZStatistic):
    """A z statistic with the estimate that belongs to it.

    Parameters
    ----------
    estimate, standard_error : (n_replicates,) arrays
        Where there is no information: the null value, and infinity.
    lower, upper : (n_replicates,) arrays
        Two-sided interval; where there is no information, everything that is possible.

    Examples
    --------
    >>> from lupusim.analysis import welch_test
    >>> values, arm = [3.1, 4.0, 5.2, 4.4, 1.9, 2.8, 3.5, 2.2], [1, 1, 1, 1, 0, 0, 0, 0]
    >>> result = welch_test(values, arm)
    >>> round(float(result.pvalue), 4)
    0.0325
    """

    __test__: ClassVar[bool] = False  # pytest must not collect it

    estimate: FloatArray
    standard_error: FloatArray
    lower: FloatArray
    upper: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ExactResult(Shown):
    """P-values of an exact test.

    Parameters
    ----------
    p_less, p_greater, p_two_sided : (n_replicates,) arrays
        The alternative: the effect on the experimental arm is below, above, or not its
        null value.
    undefined : (n_replicates,) boolean array
        Where the data cannot say anything; p is 1 there.

    Examples
    --------
    >>> from lupusim.analysis import fisher_exact
    >>> response, arm = [1, 1, 1, 0, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]
    >>> round(float(fisher_exact(response, arm).p_two_sided), 4)
    0.4857
    """

    p_less: FloatArray
    p_greater: FloatArray
    p_two_sided: FloatArray
    undefined: BoolArray

    @property
    def pvalue(self) -> FloatArray:
        """The two-sided p-value, by SciPy's name."""
        return self.p_two_sided


def of_coefficient(result: TestResult, number: int) -> TestResult:
    """Return the result of one of the coefficients along the last axis."""
    names = ("z", "undefined", "estimate", "standard_error", "lower", "upper")
    return TestResult(**{name: getattr(result, name)[..., number] for name in names})


def wald_result(
    estimate: FloatArray, standard_error: FloatArray, *, level: float, null: float = 0.0
) -> TestResult:
    """Return the Wald test and interval of an approximately normal estimate.

    Where the standard error is infinite or not a number, the estimate becomes `null`; there,
    and where the error is 0, the test is undefined.
    """
    known = np.isfinite(standard_error) & np.isfinite(estimate)
    value = np.where(known, estimate, null)
    error = np.where(known, standard_error, np.inf)
    reach = normal_quantile(level) * error
    return TestResult(
        z=ratio_or(value - null, error, 0.0),
        undefined=np.asarray(~known | (error == 0)),
        estimate=value,
        standard_error=error,
        lower=value - reach,
        upper=value + reach,
    )
