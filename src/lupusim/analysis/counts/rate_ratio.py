"""Ratio of two event rates: how many relapses per year."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.columns import arm_masks, lead_shape, two_axes
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.outcomes import CountOutcome
from lupusim.analysis.results import TestResult, wald_result
from lupusim.analysis.verdicts import RatioToBeat
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, Verdict
from lupusim.trial.test_method import named_test


@takes_labels
def rate_ratio(
    count: ArrayLike,
    exposure: ArrayLike,
    arm: ArrayLike,
    *,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> TestResult:
    r"""Compare the rates of recurrent events, robust to patients who differ.

    .. math:: \hat r = \frac{\sum c_i}{\sum e_i}, \quad
              \widehat{\mathrm{var}}(\log \hat r) = \frac{\sum (c_i - \hat r e_i)^2}
              {(\sum c_i)^2}

    in each arm: Poisson's estimate with the sandwich variance, which is Andersen and Gill's
    model with Lin, Wei, Yang and Ying's variance where the rates don't change with time.

    Parameters
    ----------
    count : (n_replicates, n_patients) or (n_patients,) array
        Events of each patient, 0 or above.
    exposure : array
        Years for which each was watched, 0 or above.
    arm : array of 0 and 1
        1 = experimental, 0 = control.
    included : boolean array or None
        Who belongs to the analysis set; None means all.
    level : float
        Of the interval.

    Returns
    -------
    TestResult
        `estimate` is the log rate ratio, experimental to control. Undefined where an arm has
        no events.

    Raises
    ------
    ValueError
        If shapes don't fit, counts or exposures are negative or not finite, or flags are
        not 0 or 1.

    References
    ----------
    Lin, Wei, Yang and Ying (2000), *Journal of the Royal Statistical Society B* 62, 711-730.

    Examples
    --------
    >>> result = rate_ratio([2, 0, 1, 3, 1, 2], [1.0] * 6, [1, 1, 1, 0, 0, 0])
    >>> round(float(result.estimate), 4), round(float(result.standard_error), 4)
    (-0.6931, 0.527)
    """
    lead = lead_shape(count=count, exposure=exposure, arm=arm, included=included)
    counts, years = two_axes(count), two_axes(exposure)
    masks = arm_masks(arm, included, counts.shape[1])
    member = masks[0] | masks[1]
    counts, years = np.where(member, counts, 0.0), np.where(member, years, 0.0)
    for name, column in (("count", counts), ("exposure", years)):
        if not (np.isfinite(column) & (column >= 0)).all():
            raise ValueError(f"{name} holds a value that is not a finite number, 0 or above")
    (log_rate0, variance0), (log_rate, variance) = (_log_rate(counts, years, m) for m in masks)
    shape = lead or (1,)
    difference = np.broadcast_to(log_rate - log_rate0, shape).reshape(lead)
    error = np.sqrt(np.broadcast_to(variance + variance0, shape)).reshape(lead)
    return wald_result(difference, error, level=level)


def _log_rate(
    counts: FloatArray, years: FloatArray, mask: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Return log rate and its variance; infinite where there are no events."""
    total, exposed = (counts * mask).sum(axis=1), (years * mask).sum(axis=1)
    known = (total > 0) & (exposed > 0)
    total, exposed = np.where(known, total, 1.0), np.where(known, exposed, 1.0)
    rate = total / exposed
    squares = ((counts - rate[:, np.newaxis] * years) ** 2 * mask).sum(axis=1)
    variance = squares / total**2
    variance[variance < _ROUNDING] = 0.0  # a rate that is the same for all
    return np.log(rate), np.where(known, variance, np.inf)


_ROUNDING = 1e-26


@named_test("rate_ratio")
@dataclass(frozen=True, slots=True, kw_only=True)
class RateRatioTest(RatioToBeat):
    """Ratio of events per year, robust to patients who differ; estimates its log."""

    effect: ClassVar = "log rate ratio"
    outcome: ClassVar = CountOutcome
    nearly: ClassVar = "rates"
    estimated_by: ClassVar = "events per year observed"
    information_unit: ClassVar = "variance"
    least_patients: ClassVar = 60

    def __call__(
        self, outcome: CountOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        result = rate_ratio(outcome.count, outcome.years, outcome.arm)
        return self.judged(result, better, sided)
