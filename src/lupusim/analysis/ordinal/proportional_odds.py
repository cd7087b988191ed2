"""Proportional odds model of an ordered state, experimental against control."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.columns import arm_masks, lead_shape
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.numerics.newton import newton
from lupusim.analysis.outcomes import CountedOutcome, NumberOutcome
from lupusim.analysis.results import TestResult, wald_result
from lupusim.analysis.verdicts import verdict
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, TestMethod, Verdict
from lupusim.trial.test_method import named_test


@takes_labels
def proportional_odds(
    category: ArrayLike, arm: ArrayLike, *, included: ArrayLike | None = None, level: float = 0.95
) -> TestResult:
    r"""Estimate the common log odds ratio of a higher category, by maximum likelihood.

    .. math:: \mathrm{logit}\, P(Y \le k) = \theta_k - \beta\, \mathrm{arm}

    Parameters
    ----------
    category : (n_replicates, n_patients) or (n_patients,) array of whole numbers
        From 0 to 100, in their order; only the order counts.
    arm : array of 0 and 1
        1 = experimental, 0 = control; shape as `category` or (n_patients,).
    included : boolean array or None
        Who belongs to the analysis set; None means all.
    level : float
        Of the interval.

    Returns
    -------
    TestResult
        `estimate` is :math:`\beta`, above 0 where the experimental arm is in higher
        categories. Undefined where an arm is empty, fewer than two categories occur, or no
        finite odds ratio is the likeliest.

    Raises
    ------
    ValueError
        If shapes don't fit, categories are no whole numbers from 0 to 100, or flags are not
        0 or 1.

    Notes
    -----
    The score test of this model is Wilcoxon's: see `wilcoxon`.

    References
    ----------
    McCullagh (1980), *Journal of the Royal Statistical Society B* 42, 109-142.

    Examples
    --------
    >>> arm = [1, 1, 1, 1, 0, 0, 0, 0]
    >>> float(proportional_odds([1, 2, 2, 3, 0, 1, 2, 1], arm).estimate.round(4))
    2.4972
    """
    lead = lead_shape(category=category, arm=arm, included=included)
    counts = _counts(category, arm, included, (lead or (1,))[0])
    return _of_counts(counts, lead=lead, level=level)


def _of_counts(counts: FloatArray, *, lead: tuple[int, ...], level: float = 0.95) -> TestResult:
    """Return the estimate from the patients of each arm and category.

    `counts` is (n_replicates, 2, n_categories), `lead` a result's shape.
    """
    estimate, error = np.zeros(counts.shape[0]), np.full(counts.shape[0], np.inf)
    occurs = counts.sum(axis=1) > 0
    # Thresholds around an empty category can't be told apart: leave such categories out.
    for pattern in np.unique(occurs, axis=0):
        rows = np.flatnonzero((occurs == pattern).all(axis=1))
        if pattern.sum() >= 2:
            estimate[rows], error[rows] = _fit(counts[rows][:, :, pattern])
    return wald_result(estimate.reshape(lead), error.reshape(lead), level=level)


def _counts(
    category: ArrayLike, arm: ArrayLike, included: ArrayLike | None, n_replicates: int
) -> FloatArray:
    """Return how many of each arm are in each category; (n_replicates, 2, n_categories)."""
    values = np.atleast_2d(np.asarray(category))
    whole = values.astype(np.intp)
    if not (np.equal(whole, values) & (whole >= 0) & (whole <= 100)).all():
        raise ValueError("category holds a value that is not a whole number from 0 to 100")
    masks = arm_masks(arm, included, values.shape[1])
    n_categories = int(whole.max(initial=0)) + 1
    shape = (n_replicates, values.shape[1])
    cell: IntArray = np.arange(n_replicates)[:, np.newaxis] * n_categories + whole
    counted = [
        np.bincount(cell[np.broadcast_to(mask, shape)], minlength=n_replicates * n_categories)
        for mask in masks
    ]
    return np.stack([one.reshape(n_replicates, n_categories) for one in counted], 1).astype(float)


def _fit(counts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return log odds ratio and standard error; every category occurs in every replicate."""
    n_replicates, _, n_categories = counts.shape
    below = counts.sum(axis=1).cumsum(axis=1)[:, :-1]
    total = counts.sum(axis=(1, 2))[:, np.newaxis]
    start = np.concatenate([np.log(below / (total - below)), np.zeros((n_replicates, 1))], axis=1)

    def derivatives(estimate: FloatArray) -> tuple[FloatArray, FloatArray]:
        score = np.zeros_like(estimate)
        information = np.zeros((n_replicates, n_categories, n_categories))
        for arm in (0, 1):
            direction = np.eye(n_categories)[:-1]  # thresholds, and minus the effect
            direction[:, -1] = -arm
            first, second = _of_arm(counts[:, arm], estimate @ direction.T, direction)
            score += first
            information += second
        return score, information

    estimate, error = newton(derivatives, n_replicates, n_categories, start=start)
    return estimate[:, -1], error[:, -1]


def _of_arm(
    counts: FloatArray, linear: FloatArray, direction: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the score and the observed information that one arm contributes."""
    n_replicates, n_parameters = counts.shape[0], direction.shape[1]
    below = 1 / (1 + np.exp(-np.clip(linear, -500, 500)))
    slope = below * (1 - below)
    bend = slope * (1 - 2 * below)
    nothing, everything = np.zeros((n_replicates, 1)), np.ones((n_replicates, 1))
    edges = np.concatenate([nothing, below, everything], axis=1)
    chance = np.maximum(np.diff(edges, axis=1), 1e-300)
    flat = np.zeros((n_replicates, 1, n_parameters))
    gradient = np.concatenate([flat, slope[:, :, np.newaxis] * direction, flat], axis=1)
    gradient = np.diff(gradient, axis=1)
    ratio = counts / chance
    # Each threshold bends the categories on its two sides, in opposite directions.
    curvature = np.einsum(
        "rk,kp,kq->rpq", bend * (ratio[:, :-1] - ratio[:, 1:]), direction, direction
    )
    square = np.einsum("rk,rkp,rkq->rpq", ratio / chance, gradient, gradient)
    return np.einsum("rk,rkp->rp", ratio, gradient), square - curvature


@named_test("proportional_odds")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProportionalOddsTest(TestMethod):
    """Wald's test of the common odds ratio of a higher rank; estimates its log."""

    effect: ClassVar = "log common odds ratio of a higher rank"
    outcome: ClassVar = NumberOutcome
    estimated_by: ClassVar = "maximum likelihood"
    nearly: ClassVar = "pairs"
    fitted: ClassVar = True
    needs_ranks: ClassVar = True

    def __call__(
        self, outcome: NumberOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        result = proportional_odds(outcome.values, outcome.arm, included=outcome.included)
        return verdict(result, better, sided)

    def of_counts(self, counted: CountedOutcome, *, better: Better, sided: int) -> Verdict:
        """Return the verdict on numbers of patients of each rank."""
        by_rank = counted.by_value
        return verdict(_of_counts(by_rank, lead=(len(by_rank),)), better, sided)
