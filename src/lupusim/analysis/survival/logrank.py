"""Log-rank test, plain and stratified."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.results import TestResult, normal_quantile, ratio_or
from lupusim.analysis.survival.ordering import orders
from lupusim.analysis.survival.rank_sums import RankSums, grouped_sums, plain_sums
from lupusim.analysis.survival.sorting import SurvivalColumns, survival_columns
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass

_NO_VARIANCE = 1e-9  # below what one single event gives in a trial of 10**8 patients


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LogrankResult(TestResult):
    """Log-rank test with Peto's one-step estimate of the log hazard ratio.

    Parameters
    ----------
    observed, expected, variance : (n_replicates,) arrays
        Events on the experimental arm: seen, expected without effect, and their
        hypergeometric variance; sums over strata.

    Examples
    --------
    >>> time, event, arm = [2.0, 3, 5, 8, 13, 21], [1, 1, 1, 0, 1, 1], [0, 0, 1, 0, 1, 1]
    >>> logrank(time, event, arm).expected.round(3).tolist()
    3.85
    """

    observed: FloatArray
    expected: FloatArray
    variance: FloatArray


@takes_labels
def logrank(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    *,
    stratum: ArrayLike | None = None,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> LogrankResult:
    r"""Compare the hazards of two arms by the log-rank test.

    .. math:: z = \frac{O - E}{\sqrt V}, \quad E = \sum_j d_j \frac{Y_{1j}}{Y_j}, \quad
              V = \sum_j d_j \frac{Y_{1j}}{Y_j}\Bigl(1 - \frac{Y_{1j}}{Y_j}\Bigr)
                  \frac{Y_j - d_j}{Y_j - 1}

    over the distinct event times (Mantel 1966); strata add up. The estimate is Peto's
    one-step log hazard ratio :math:`(O - E)/V` with standard error :math:`1/\sqrt V`
    (Yusuf et al. 1985).

    Parameters
    ----------
    time : (n_replicates, n_patients) or (n_patients,) array
        Time at risk, 0 or above, in any unit; at equal times events precede censorings.
        Times closer than a relative 1e-14 count as tied.
    event : array of 0 and 1
        Whether the time ended with the event; shape as `time` or (n_patients,).
    arm : array of 0 and 1
        1 = experimental, 0 = control; shape as `time` or (n_patients,).
    stratum : array or None
        Any labels, at most 4096 different ones.
    included : boolean array or None
        Who belongs to the analysis set; None means all. A patient of time 0 without event
        counts for nothing unless somebody has an event at time 0.
    level : float
        Of the two-sided interval of the log hazard ratio.

    Returns
    -------
    LogrankResult
        `z` is negative where the experimental arm has fewer events than expected.
        Undefined where the variance is 0.

    Raises
    ------
    ValueError
        If shapes don't fit, times are negative or not numbers, or flags are not 0 or 1.

    References
    ----------
    Mantel (1966), *Cancer Chemotherapy Reports* 50, 163-170.
    Yusuf, Peto, Lewis, Collins and Sleight (1985), *Progress in Cardiovascular Diseases* 27,
    335-371, appendix.

    Examples
    --------
    >>> result = logrank([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 0], [0, 0, 1, 1])
    >>> float(result.observed), round(float(result.expected), 3), round(float(result.z), 3)
    (1.0, 2.167, -1.698)
    """
    columns = survival_columns(time, event, arm, stratum=stratum, included=included)
    observed, expected, variance = (total.reshape(columns.lead) for total in rank_sums(columns))
    return result_of_sums(observed, expected, variance, level)


def result_of_sums(
    observed: FloatArray, expected: FloatArray, variance: FloatArray, level: float
) -> LogrankResult:
    """Return the result of the sums over strata and event times; see `LogrankResult`."""
    undefined = variance <= _NO_VARIANCE
    known = np.where(undefined, 0.0, variance)
    error = ratio_or(np.ones_like(known), np.sqrt(known), np.inf)
    estimate = ratio_or(observed - expected, known, 0.0)
    reach = normal_quantile(level) * error
    return LogrankResult(
        z=ratio_or(observed - expected, np.sqrt(known), 0.0),
        undefined=undefined,
        estimate=estimate,
        standard_error=error,
        lower=estimate - reach,
        upper=estimate + reach,
        observed=observed,
        expected=expected,
        variance=known,
    )


def rank_sums(columns: SurvivalColumns) -> RankSums:
    """Return observed, expected and variance of `logrank` alone, each (n_replicates,).

    Works block by block, so that memory does not grow with the replicates.
    """
    totals = np.zeros((3, columns.n_replicates))
    if columns.bits:
        for block, keys in columns.blocks():
            totals[:, block] = grouped_sums(keys, columns.bits)
    else:
        for block, order, room in orders(columns):
            totals[:, block] = plain_sums(order, room)
    return RankSums(*totals)
