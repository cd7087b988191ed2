"""Wilcoxon's rank sum test with ties."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.columns import arm_masks, lead_shape, part, two_axes
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.outcomes import CountedOutcome, NumberOutcome
from lupusim.analysis.results import TestResult, normal_quantile, ratio_or
from lupusim.analysis.verdicts import verdict
from lupusim.common.arrays import BoolArray, FloatArray, IntArray, blocks
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, TestMethod, Verdict
from lupusim.trial.test_method import named_test


@takes_labels
def wilcoxon(
    values: ArrayLike, arm: ArrayLike, *, included: ArrayLike | None = None, level: float = 0.95
) -> TestResult:
    r"""Compare two arms by Wilcoxon's rank sum test, for numbers or ordered categories.

    .. math:: z = \frac{U - n_1 n_0 / 2}
              {\sqrt{\frac{n_1 n_0}{12}\bigl(N + 1 - \frac{\sum (t^3 - t)}{N (N - 1)}\bigr)}}

    without continuity correction, :math:`t` the sizes of the ties.

    Parameters
    ----------
    values : (n_replicates, n_patients) or (n_patients,) array
        What is compared; only the order counts.
    arm : array of 0 and 1
        1 = experimental, 0 = control; shape as `values` or (n_patients,).
    included : boolean array or None
        Who belongs to the analysis set; None means all. Who is not may have any value.
    level : float
        Of the interval.

    Returns
    -------
    TestResult
        `estimate` is the probability that a patient of the experimental arm has a larger
        value than one of control, ties counting half, minus 1/2; its standard error is
        DeLong's, without the null hypothesis. Undefined where an arm is empty or all
        values are the same.

    Raises
    ------
    ValueError
        If shapes don't fit, a value is not a number, or flags are not 0 or 1.

    References
    ----------
    Wilcoxon (1945), *Biometrics Bulletin* 1, 80-83; Mann and Whitney (1947), *Annals of
    Mathematical Statistics* 18, 50-60; DeLong, DeLong and Clarke-Pearson (1988), *Biometrics*
    44, 837-845.

    Examples
    --------
    >>> result = wilcoxon([1, 2, 2, 3, 3, 4], [0, 0, 1, 0, 1, 1])
    >>> round(float(result.estimate), 4), round(float(result.z), 4)
    (0.2778, 1.1237)
    """
    lead = lead_shape(values=values, arm=arm, included=included)
    column = two_axes(values)
    control, experimental = arm_masks(arm, included, column.shape[1])
    n_replicates = (lead or (1,))[0]
    sums = np.zeros((5, n_replicates))
    for block in blocks(n_replicates, column.shape[1]):
        shape = (block.stop - block.start, column.shape[1])
        rows = np.broadcast_to(part(column, block), shape)
        arms = [np.broadcast_to(part(mask, block), shape) for mask in (control, experimental)]
        sums[:, block] = _rank_sums(rows, arms[0], arms[1])
    return _result(sums.reshape(5, *lead), level)


def _result(sums: FloatArray, level: float) -> TestResult:
    n, n0, half_pairs, tie_sum, error = sums
    pairs, total = n * n0, n + n0
    variance = pairs / 12 * (total + 1 - tie_sum / np.maximum(total * (total - 1), 1))
    undefined = np.asarray((pairs == 0) | (variance < 1e-9))
    excess = half_pairs - pairs / 2
    estimate = ratio_or(excess, pairs, 0.0)
    reach = normal_quantile(level) * np.where(pairs > 0, error, np.inf)
    return TestResult(
        z=np.where(undefined, 0.0, excess / np.sqrt(np.maximum(variance, 1e-9))),
        undefined=undefined,
        estimate=estimate,
        standard_error=np.where(pairs > 0, error, np.inf),
        lower=np.maximum(estimate - reach, -0.5),
        upper=np.minimum(estimate + reach, 0.5),
    )


def _rank_sums(values: FloatArray, control: BoolArray, experimental: BoolArray) -> FloatArray:
    """Return n of both arms, pairs won (ties half), sum of t^3 - t, and DeLong's error."""
    member = control | experimental
    values = np.where(member, values, np.inf)
    if np.isnan(values).any():
        raise ValueError("values hold one that is not a number")
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    arms = [np.take_along_axis(mask, order, axis=1) for mask in (control, experimental)]
    first, last = _tie_ends(ordered)
    below, among = [], []
    for mask in arms:
        count = np.zeros((mask.shape[0], mask.shape[1] + 1), dtype=np.int32)
        np.cumsum(mask, axis=1, out=count[:, 1:])
        low = np.take_along_axis(count, first, axis=1)
        below.append(low)
        among.append(np.take_along_axis(count, last, axis=1) - low)
    n0, n = (mask.sum(axis=1).astype(float) for mask in arms)
    wins = (below[0] + among[0] / 2) * arms[1]
    losses = (below[1] + among[1] / 2) * arms[0]
    size = (among[0] + among[1]).astype(float)
    tie_sum = ((size**2 - 1) * (arms[0] | arms[1])).sum(axis=1)
    variance = _spread(wins, arms[1], n, n0) + _spread(losses, arms[0], n0, n)
    return np.stack([n, n0, wins.sum(axis=1), tie_sum, np.sqrt(variance)])


def _sums_of_ranks(patients: FloatArray) -> FloatArray:
    """Return the same from the patients of each arm and rank, (n_replicates, 2, n_ranks)."""
    n0, n = patients.sum(axis=2).T
    control, experimental = patients[:, 0], patients[:, 1]
    below, other_below = (
        arm.cumsum(axis=1) - arm / 2 for arm in (control, experimental)
    )  # patients of an arm whom one of this rank beats, ties half
    size = control + experimental
    tie_sum = ((size**2 - 1) * size).sum(axis=1)
    variance = _spread(below, experimental, n, n0) + _spread(other_below, control, n0, n)
    half_pairs = (below * experimental).sum(axis=1)
    return np.stack([n, n0, half_pairs, tie_sum, np.sqrt(variance)])


def _tie_ends(ordered: FloatArray) -> tuple[IntArray, IntArray]:
    """Return for each place of sorted rows where its ties begin, and where they end."""
    n_replicates, n_patients = ordered.shape
    place = np.arange(n_patients)
    starts = np.ones((n_replicates, n_patients + 1), dtype=bool)
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=starts[:, 1:-1])
    first = np.maximum.accumulate(np.where(starts[:, :-1], place, 0), axis=1)
    ends = np.where(starts[:, 1:], place + 1, n_patients)
    return first, np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]


def _spread(
    placement: FloatArray, mask: BoolArray | FloatArray, n: FloatArray, n_other: FloatArray
) -> FloatArray:
    """Return the variance of the mean share of the other arm that a patient beats.

    `mask` is how many patients each place has.
    """
    share = placement / np.maximum(n_other, 1)[:, np.newaxis]
    mean = (share * mask).sum(axis=1) / np.maximum(n, 1)
    squares = ((share - mean[:, np.newaxis]) ** 2 * mask).sum(axis=1)
    return np.asarray(squares / np.maximum(n * (n - 1), 1))


@named_test("wilcoxon")
@dataclass(frozen=True, slots=True, kw_only=True)
class WilcoxonTest(TestMethod):
    """Wilcoxon's rank-sum test; strata play no role."""

    effect: ClassVar = "chance of more (ties half) minus one half"
    outcome: ClassVar = NumberOutcome
    estimated_by: ClassVar = "the values observed"
    nearly: ClassVar = "pairs"
    pools_ranks: ClassVar = True

    def of_pairs(self, won: float, lost: float) -> float:
        """Return the chance of more, less one half, if such shares of pairs are won and lost."""
        return (won - lost) / 2

    def __call__(
        self, outcome: NumberOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        result = wilcoxon(outcome.values, outcome.arm, included=outcome.included)
        return verdict(result, better, sided)

    def of_counts(self, counted: CountedOutcome, *, better: Better, sided: int) -> Verdict:
        """Return the verdict on numbers of patients of each rank."""
        return verdict(_result(_sums_of_ranks(counted.by_value), 0.95), better, sided)
