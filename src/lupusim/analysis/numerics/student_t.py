"""Student's t on the scale of the normal: one kind of result for every test."""

from __future__ import annotations

import numpy as np

from lupusim.analysis.results import TestResult, normal_quantile, ratio_or
from lupusim.common.arrays import FloatArray


def student_result(
    estimate: FloatArray, standard_error: FloatArray, degrees: FloatArray, *, level: float
) -> TestResult:
    """Return the t test and interval of an estimate.

    `z` is the normal quantile that has the p-value of t. Undefined where the standard error
    is 0 or not finite, or there are no degrees of freedom.
    """
    from scipy.special import ndtri, stdtr, stdtrit

    normal_quantile(level)  # checks the level
    known = np.isfinite(standard_error) & np.isfinite(estimate) & (degrees > 0)
    value, error = np.where(known, estimate, 0.0), np.where(known, standard_error, np.inf)
    freedom = np.where(known, degrees, 1.0)
    t = ratio_or(value, error, 0.0)
    tail = np.maximum(stdtr(freedom, -np.abs(t)), 1e-300)
    reach = stdtrit(freedom, (1 + level) / 2) * error
    return TestResult(
        z=np.where(t == 0, 0.0, -np.sign(t) * ndtri(tail)),
        undefined=np.asarray(~known | (error == 0)),
        estimate=value,
        standard_error=error,
        lower=value - reach,
        upper=value + reach,
    )
