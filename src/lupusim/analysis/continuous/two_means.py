"""Comparison of two means: Welch's and Student's t test."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.columns import arm_masks, lead_shape, two_axes
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.numerics.student_t import student_result
from lupusim.analysis.outcomes import NumberOutcome
from lupusim.analysis.results import TestResult
from lupusim.analysis.verdicts import verdict
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, TestMethod, Verdict
from lupusim.trial.test_method import TESTS

_ROUNDING = 1e-26


@takes_labels
def welch_test(
    values: ArrayLike, arm: ArrayLike, *, included: ArrayLike | None = None, level: float = 0.95
) -> TestResult:
    """Compare two means, each arm with a variance of its own.

    Parameters
    ----------
    values : (n_replicates, n_patients) or (n_patients,) array
        What is compared, in any unit.
    arm : array of 0 and 1
        1 = experimental, 0 = control; shape as `values` or (n_patients,).
    included : boolean array or None
        Who belongs to the analysis set; None means all. Who is not may have any value.
    level : float
        Of the interval.

    Returns
    -------
    TestResult
        `estimate` is the mean of the experimental arm minus that of control; `z` is the
        normal quantile with the p-value of t. Undefined where an arm has fewer than two
        patients, or nothing varies.

    Raises
    ------
    ValueError
        If shapes don't fit, values are not finite, or flags are not 0 or 1.

    References
    ----------
    Welch (1947), *Biometrika* 34, 28-35.

    Examples
    --------
    >>> values, arm = [3.1, 4.0, 5.2, 4.4, 1.9, 2.8, 3.5, 2.2], [1, 1, 1, 1, 0, 0, 0, 0]
    >>> round(float(welch_test(values, arm).p_two_sided), 4)
    0.0325
    """
    n, mean, variance, lead = _moments(values, arm, included)
    part = variance / np.maximum(n, 1)
    error = np.sqrt(part.sum(axis=0))
    weight = (part**2 / np.maximum(n - 1, 1)).sum(axis=0)
    degrees = error**4 / np.where(weight > 0, weight, 1.0)
    return _result(n, mean, (error, degrees), lead, level)


@takes_labels
def pooled_t_test(
    values: ArrayLike, arm: ArrayLike, *, included: ArrayLike | None = None, level: float = 0.95
) -> TestResult:
    """Compare two means, both arms with one variance.

    Parameters
    ----------
    values, arm, included, level
        See `welch_test`.

    Returns
    -------
    TestResult
        See `welch_test`.

    Raises
    ------
    ValueError
        If shapes don't fit, values are not finite, or flags are not 0 or 1.

    References
    ----------
    Student (1908), *Biometrika* 6, 1-25.

    Examples
    --------
    >>> values, arm = [3.1, 4.0, 5.2, 4.4, 1.9, 2.8, 3.5, 2.2], [1, 1, 1, 1, 0, 0, 0, 0]
    >>> round(float(pooled_t_test(values, arm).p_two_sided), 4)
    0.031
    """
    n, mean, variance, lead = _moments(values, arm, included)
    degrees = n.sum(axis=0) - 2
    pooled = ((n - 1) * variance).sum(axis=0) / np.maximum(degrees, 1)
    error = np.sqrt(pooled * (1 / np.maximum(n, 1)).sum(axis=0))
    return _result(n, mean, (error, degrees), lead, level)


def _moments(
    values: ArrayLike, arm: ArrayLike, included: ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray, tuple[int, ...]]:
    """Return n, mean and variance of control and experimental arm, (2, n_replicates)."""
    lead = lead_shape(values=values, arm=arm, included=included)
    column = two_axes(values)
    masks: list[BoolArray] = list(arm_masks(arm, included, column.shape[1]))
    column = np.where(masks[0] | masks[1], column, 0.0)
    if not np.isfinite(column).all():
        raise ValueError("values hold one that is not a finite number")
    totals = []
    for mask in masks:
        n = np.broadcast_to(mask.sum(axis=1).astype(float), column.shape[:1])
        mean = (column * mask).sum(axis=1) / np.maximum(n, 1)
        away = column - mean[:, np.newaxis]  # SPEED: in the same memory (benchmarks/table.py)
        np.multiply(away, away, out=away)
        squares = np.multiply(away, mask, out=away).sum(axis=1)
        squares[squares < _ROUNDING * n * mean**2] = 0.0  # a value that is the same for all
        totals.append((n, mean, squares / np.maximum(n - 1, 1)))
    n, mean, variance = np.array(totals).transpose(1, 0, 2)
    return n, mean, variance, lead


def _result(
    n: FloatArray,
    mean: FloatArray,
    spread: tuple[FloatArray, FloatArray],
    lead: tuple[int, ...],
    level: float,
) -> TestResult:
    error = np.where((n >= 2).all(axis=0), spread[0], np.inf)
    estimate, degrees = mean[1] - mean[0], np.maximum(spread[1], 1e-6)
    return student_result(
        estimate.reshape(lead), error.reshape(lead), degrees.reshape(lead), level=level
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MeansTest(TestMethod):
    """A test of two means; strata play no role."""

    effect: ClassVar = "difference of means"
    outcome: ClassVar = NumberOutcome
    nearly: ClassVar = "values"
    estimated_by: ClassVar = "the values observed"

    compare: Callable[..., TestResult]  # takes values, arm and `included`

    def __call__(
        self, outcome: NumberOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        result = self.compare(outcome.values, outcome.arm, included=outcome.included)
        return verdict(result, better, sided)


TESTS.register("t_test")(MeansTest(compare=pooled_t_test))
TESTS.register("welch")(MeansTest(compare=welch_test))
