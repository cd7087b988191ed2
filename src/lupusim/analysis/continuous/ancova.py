"""Analysis of covariance: a difference of means, adjusted."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.continuous.two_means import pooled_t_test
from lupusim.analysis.numerics.aliases import told_apart, without
from lupusim.analysis.numerics.columns import arm_masks, codes, lead_shape, three_axes, two_axes
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.numerics.newton import is_regular
from lupusim.analysis.numerics.strata import diagonal, stratum_columns_of
from lupusim.analysis.numerics.student_t import student_result
from lupusim.analysis.outcomes import NumberOutcome
from lupusim.analysis.results import TestResult
from lupusim.analysis.verdicts import verdict
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, TestMethod, Verdict
from lupusim.trial.test_method import named_test

_ARM = 1  # its column


@takes_labels
def ancova(
    values: ArrayLike,
    arm: ArrayLike,
    covariates: ArrayLike,
    *,
    stratum: ArrayLike | None = None,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> TestResult:
    """Compare two means by least squares, adjusted for covariates.

    Parameters
    ----------
    values : (n_replicates, n_patients) or (n_patients,) array
        What is compared, such as the change from baseline.
    arm : array of 0 and 1
        1 = experimental, 0 = control; shape as `values` or (n_patients,).
    covariates : (n_replicates, n_patients, n_covariates) or (n_patients, n_covariates) array
        Such as the baseline value; finite for everybody.
    stratum : array or None
        Any labels: each has a mean of its own. Those that a trial lacks change nothing.
    included : boolean array or None
        Who belongs to the analysis set; None means all. Who is not may have any value.
    level : float
        Of the interval.

    Returns
    -------
    TestResult
        `estimate` is the adjusted difference, experimental minus control; `z` is the normal
        quantile with the p-value of t. Undefined where covariates and strata tell the arm,
        there are no degrees of freedom, or nothing is left to vary. Covariates that don't vary,
        or that others tell, are left out.

    Raises
    ------
    ValueError
        If shapes don't fit, values or covariates are not finite, or flags are not 0 or 1.

    References
    ----------
    Fisher (1932), *Statistical Methods for Research Workers*, 4th ed., section 49.1.

    Examples
    --------
    >>> values, arm = [3.1, 4.0, 5.2, 4.4, 1.9, 2.8, 3.5, 2.2], [1, 1, 1, 1, 0, 0, 0, 0]
    >>> baseline = [[1.0], [2], [3], [2], [1], [2], [3], [1]]
    >>> float(ancova(values, arm, baseline).estimate.round(4))
    1.3592
    """
    adjust = three_axes(covariates)
    one = np.zeros(np.shape(covariates)[:-1])
    lead = lead_shape(values=values, arm=arm, included=included, covariates=one, stratum=stratum)
    shape = ((lead or (1,))[0], adjust.shape[1])
    control, experimental = arm_masks(arm, included, shape[1])
    member = np.broadcast_to(control | experimental, shape)
    column = np.where(member, two_axes(values), 0.0)
    if not np.isfinite(column).all():
        raise ValueError("values hold one that is not a finite number")
    strata, lacking = stratum_columns_of(codes(stratum)[0], member)
    adjust = np.concatenate([np.broadcast_to(adjust, (*shape, adjust.shape[2])), strata], axis=2)
    design = _design(np.broadcast_to(experimental, shape), adjust, member)
    estimate, error, degrees = _least_squares(design, column, lacking)
    return student_result(
        estimate.reshape(lead), error.reshape(lead), degrees.reshape(lead), level=level
    )


def _design(experimental: BoolArray, covariates: FloatArray, member: BoolArray) -> FloatArray:
    """Return the columns 1, arm, covariates around their means; 0 for who is not included."""
    n = np.maximum(member.sum(axis=1), 1)[:, np.newaxis, np.newaxis]
    inside = covariates * member[:, :, np.newaxis]
    centered = (inside - inside.sum(axis=1, keepdims=True) / n) * member[:, :, np.newaxis]
    front = np.stack([member, experimental & member], axis=2)
    return np.concatenate([front, centered], axis=2)


def _least_squares(
    design: FloatArray, column: FloatArray, lacking: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the arm's coefficient, its standard error and the degrees of freedom."""
    n_columns = design.shape[2]
    squares = np.einsum("rip,riq->rpq", design, design)
    squares += diagonal(lacking, n_columns - lacking.shape[1])
    stays = np.ones(squares.shape[:2], dtype=bool)
    if (irregular := ~is_regular(squares)).any():
        stays[irregular] = told_apart(squares[irregular], _order(n_columns))
        squares = without(squares, stays)
    inverse = np.linalg.inv(squares)
    products = np.einsum("rip,ri->rp", design, column) * stays
    coefficients = np.einsum("rpq,rq->rp", inverse, products)
    member = design[:, :, 0]
    residual = (column - np.einsum("rip,rp->ri", design, coefficients)) * member
    degrees = member.sum(axis=1) - stays.sum(axis=1) + lacking.sum(axis=1)
    variance = (residual**2).sum(axis=1) / np.maximum(degrees, 1)
    scale = np.maximum((column**2).sum(axis=1), 1e-300)
    variance = np.where((residual**2).sum(axis=1) > 1e-24 * scale, variance, 0.0)
    error = np.sqrt(variance * inverse[:, _ARM, _ARM])
    return coefficients[:, _ARM], np.where(stays[:, _ARM], error, np.inf), degrees


def _order(n_columns: int) -> list[int]:
    """Return the columns in the order in which they stay: 1, strata, covariates, the arm."""
    return [0, *range(n_columns - 1, _ARM, -1), _ARM]


@named_test("ancova")
@dataclass(frozen=True, slots=True, kw_only=True)
class AncovaTest(TestMethod):
    """Difference of means, adjusted for the baseline (if any), covariates and the strata."""

    effect: ClassVar = "difference of means"
    outcome: ClassVar = NumberOutcome
    nearly: ClassVar = "values"
    estimated_by: ClassVar = "least squares"
    strata: ClassVar = "used"
    covariates: ClassVar = True

    def __call__(
        self,
        outcome: NumberOutcome,
        *,
        better: Better,
        sided: int,
        stratum: IntArray,
        covariates: FloatArray | None = None,
    ) -> Verdict:
        """Return the verdict on every replicate."""
        columns = (outcome.values, outcome.arm)
        parts = [] if outcome.baseline is None else [outcome.baseline[:, :, None]]
        if covariates is not None:
            parts.append(covariates)
        if parts or np.any(stratum):
            nothing = np.zeros((*outcome.arm.shape, 0))
            adjust = np.concatenate([*parts, nothing], axis=2)
            result = ancova(*columns, adjust, stratum=stratum, included=outcome.included)
        else:
            result = pooled_t_test(*columns, included=outcome.included)
        return verdict(result, better, sided)
