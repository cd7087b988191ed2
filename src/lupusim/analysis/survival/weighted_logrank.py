"""Weighted log-rank tests: one at a time, or the best of several (MaxCombo)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.numerics.normal_orthant import any_below
from lupusim.analysis.numerics.strata import strata_or_none
from lupusim.analysis.outcomes import SurvivalOutcome
from lupusim.analysis.results import ScoreStatistic, ratio_or
from lupusim.analysis.survival.cox_beside import logrank_of
from lupusim.analysis.survival.rank_sums import event_groups
from lupusim.analysis.survival.rank_weights import (
    FlemingHarrington,
    MagirrBurman,
    RankWeight,
    pooled_curve,
)
from lupusim.analysis.survival.sorting import survival_columns
from lupusim.analysis.verdicts import (
    verdict_with,
)
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import LONGER_THAN_0, NOT_NEGATIVE, check_ranges
from lupusim.common.shown import Shown
from lupusim.trial import Better, TestMethod, Verdict
from lupusim.trial.test_method import named_test

_NO_VARIANCE = 1e-12

MAX_COMBO_WEIGHTS: tuple[RankWeight, ...] = (
    FlemingHarrington(),
    FlemingHarrington(gamma=1.0),
    FlemingHarrington(rho=1.0),
    FlemingHarrington(rho=1.0, gamma=1.0),
)
"""The four weights of the cross-industry working group (Roychoudhury et al. 2023)."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MaxCombo(Shown):
    """Several weighted log-rank tests of the same trials, and the most extreme of them.

    Parameters
    ----------
    z : (n_replicates, n_weights) array
        Of each weight, negative in favor of the experimental arm; 0 where undefined.
    variance : (n_replicates, n_weights) array
        Of each weighted score, under the null hypothesis.
    correlation : (n_replicates, n_weights, n_weights) array
        Of the statistics, under the null hypothesis.
    undefined : (n_replicates,) boolean array
        Where one of the statistics has no variance; p is 1 there.

    Examples
    --------
    >>> time, event, arm = [2.0, 3, 5, 8, 13, 21], [1, 1, 1, 0, 1, 1], [0, 0, 1, 0, 1, 1]
    >>> round(float(max_combo(time, event, arm).p_two_sided), 3)
    0.382
    """

    z: FloatArray
    variance: FloatArray
    correlation: FloatArray
    undefined: BoolArray

    @property
    def statistic(self) -> FloatArray:
        """The z of the weight that is the most extreme."""
        most = np.abs(self.z).argmax(axis=-1)[..., None]
        return np.asarray(np.take_along_axis(self.z, most, axis=-1)[..., 0])

    @property
    def pvalue(self) -> FloatArray:
        """The two-sided p-value, by SciPy's name."""
        return self.p_two_sided

    @property
    def p_less(self) -> FloatArray:
        """One-sided p-value of the most negative z."""
        return self._p_value(self.z.min(axis=-1))

    @property
    def p_greater(self) -> FloatArray:
        """One-sided p-value of the most positive z."""
        return self._p_value(-self.z.max(axis=-1))

    @property
    def p_two_sided(self) -> FloatArray:
        """Twice the smaller of the one-sided p-values, at most 1."""
        return np.asarray(np.minimum(1.0, 2 * np.minimum(self.p_less, self.p_greater)))

    def _p_value(self, smallest: FloatArray) -> FloatArray:
        """Return how probably the least of the statistics lies below, 1 where undefined."""
        n_weights = self.z.shape[-1]
        known = ~np.reshape(self.undefined, -1)
        correlation = self.correlation.reshape(-1, n_weights, n_weights)[known]
        p_value = np.ones(known.size)
        p_value[known] = any_below(smallest.reshape(-1)[known], correlation)
        return p_value.reshape(np.shape(self.undefined))


@takes_labels
def weighted_logrank(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    *,
    weight: RankWeight,
    stratum: ArrayLike | None = None,
    included: ArrayLike | None = None,
) -> ScoreStatistic:
    r"""Compare two arms by a weighted log-rank test.

    .. math:: z = \frac{\sum_j w_j (d_{1j} - d_j Y_{1j} / Y_j)}{\sqrt{\sum_j w_j^2 V_j}}

    With strata both sums run over the event times of every stratum, whose weights come from
    its own survival.

    Parameters
    ----------
    time, event, arm, stratum, included
        See `lupusim.analysis.survival.logrank`.
    weight : RankWeight
        `FlemingHarrington` or `MagirrBurman`, or any object with their method.

    Returns
    -------
    ScoreStatistic
        `z` is negative where the experimental arm has fewer events than expected.
        Undefined where the variance is 0.

    Raises
    ------
    ValueError
        If shapes don't fit, times are negative or not numbers, or flags are not 0 or 1.

    Examples
    --------
    >>> time, event, arm = [2.0, 3, 5, 8, 13, 21], [1, 1, 1, 0, 1, 1], [0, 0, 1, 0, 1, 1]
    >>> weight = FlemingHarrington(rho=1.0)
    >>> float(weighted_logrank(time, event, arm, weight=weight).z.round(4))
    -1.1785
    """
    result = max_combo(time, event, arm, weights=(weight,), stratum=stratum, included=included)
    variance = np.where(result.undefined, 0.0, result.variance[..., 0])
    return ScoreStatistic(z=result.z[..., 0], undefined=result.undefined, variance=variance)


@takes_labels
def max_combo(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    *,
    weights: Sequence[RankWeight] = MAX_COMBO_WEIGHTS,
    stratum: ArrayLike | None = None,
    included: ArrayLike | None = None,
) -> MaxCombo:
    """Compare two arms by the most favorable of several weighted log-rank tests.

    Parameters
    ----------
    time, event, arm, stratum, included
        See `lupusim.analysis.survival.logrank`.
    weights : sequence of RankWeight
        1 to 9 of them.

    Returns
    -------
    MaxCombo

    Raises
    ------
    ValueError
        If shapes don't fit, times are negative or not numbers, flags are not 0 or 1, or
        there are no weights, or more than 9.

    References
    ----------
    Karrison (2016), *The Stata Journal* 16, 678-690.
    Roychoudhury, Anderson, Ye and Mukhopadhyay (2023), *Statistics in Biopharmaceutical
    Research* 15, 300-314.

    Examples
    --------
    >>> time, event, arm = [2.0, 3, 5, 8, 13, 21], [1, 1, 1, 0, 1, 1], [0, 0, 1, 0, 1, 1]
    >>> best = max_combo(time, event, arm)
    >>> best.z.round(3).tolist()
    [-1.033, -0.101, -1.179, -0.236]
    """
    if not 1 <= len(weights) <= 9:
        raise ValueError(
            f"weights has {len(weights)} items, give 1 to 9, such as FlemingHarrington()"
        )
    columns = survival_columns(time, event, arm, stratum=stratum, included=included)
    n_weights = len(weights)
    excess = np.zeros((columns.n_replicates, n_weights))
    covariance = np.zeros((columns.n_replicates, n_weights, n_weights))
    for block, keys in columns.blocks():
        excess[block], covariance[block] = _weighted_sums(keys, columns.bits, weights)
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    undefined = np.asarray((variance <= _NO_VARIANCE).any(axis=1))
    deviation = np.sqrt(np.where(undefined[:, np.newaxis], np.inf, variance))
    z = excess / deviation
    scale = deviation[:, :, np.newaxis] * deviation[:, np.newaxis, :]
    no_correlation = np.broadcast_to(np.eye(n_weights), covariance.shape)
    finite = np.where(np.isfinite(scale), scale, 0.0)
    correlation = ratio_or(covariance, finite, no_correlation)
    return MaxCombo(
        z=z.reshape(*columns.lead, n_weights),
        variance=variance.reshape(*columns.lead, n_weights),
        correlation=correlation.reshape(*columns.lead, n_weights, n_weights),
        undefined=undefined.reshape(columns.lead),
    )


def _weighted_sums(
    keys: IntArray, bits: int, weights: Sequence[RankWeight]
) -> tuple[FloatArray, FloatArray]:
    """Return weighted observed minus expected, and its covariance, for sorted trials."""
    groups = event_groups(keys, bits)
    curve = pooled_curve(groups, keys, bits)
    share = groups.arm_at_risk / groups.at_risk
    spread = (groups.at_risk - groups.events) / np.maximum(groups.at_risk - 1, 1)
    variance = groups.events * share * (1 - share) * spread
    excess = groups.arm_events - groups.events * share
    values = [weight.weigh(curve) for weight in weights]
    sums = np.zeros((keys.shape[0], len(weights)))
    covariance = np.zeros((*sums.shape, len(weights)))
    seen, begins = np.unique(groups.row, return_index=True)
    for i, weight in enumerate(values):
        # SPEED: reduceat takes a fifth of the time of bincount (benchmarks/analyses.py)
        sums[seen, i] = np.add.reduceat(weight * excess, begins)
        weighted = weight * variance
        for j, other in enumerate(values[: i + 1]):
            covariance[seen, i, j] = np.add.reduceat(weighted * other, begins)
            covariance[:, j, i] = covariance[:, i, j]
    return sums, covariance


_LATE = MAX_COMBO_WEIGHTS.index(FlemingHarrington(gamma=1.0))


def _weighted(
    outcome: SurvivalOutcome, weight: RankWeight, *, better: Better, sided: int, stratum: IntArray
) -> Verdict:
    columns, strata = (outcome.time, outcome.event, outcome.arm), strata_or_none(stratum)
    result = weighted_logrank(*columns, weight=weight, stratum=strata, included=outcome.at_risk)
    effect = logrank_of(outcome, stratum)
    return verdict_with(result, better, sided, effect, score_variance=result.variance)


@named_test("fleming_harrington")
@dataclass(frozen=True, slots=True, kw_only=True)
class FlemingHarringtonTest(TestMethod):
    """Log-rank test with weights S^rho (1 - S)^gamma within strata; estimates as `LogrankTest`.

    Parameters
    ----------
    rho, gamma : float
        0 or above; (0, 1) looks at late differences.
    """

    effect: ClassVar = "log hazard ratio"
    outcome: ClassVar = SurvivalOutcome
    optional: ClassVar = ("rho", "gamma")
    estimated_by: ClassVar = "Cox's partial likelihood"
    strata: ClassVar = "used"
    nearly: ClassVar = "ranks"
    information_unit: ClassVar = "variance"
    rho: float = field(default=0.0, metadata=NOT_NEGATIVE)
    gamma: float = field(default=1.0, metadata=NOT_NEGATIVE)

    def __post_init__(self) -> None:
        check_ranges(self)

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        weight = FlemingHarrington(rho=self.rho, gamma=self.gamma)
        return _weighted(outcome, weight, better=better, sided=sided, stratum=stratum)

    def counts_at(self, times: FloatArray, survival: FloatArray) -> FloatArray:
        """Return the weight of an event at each time."""
        return np.asarray(survival**self.rho * (1 - survival) ** self.gamma)


@named_test("magirr_burman")
@dataclass(frozen=True, slots=True, kw_only=True)
class MagirrBurmanTest(TestMethod):
    """Modestly weighted log-rank test, within strata; estimates as `LogrankTest`."""

    effect: ClassVar = "log hazard ratio"
    outcome: ClassVar = SurvivalOutcome
    required: ClassVar = ("until",)
    estimated_by: ClassVar = "Cox's partial likelihood"
    strata: ClassVar = "used"
    nearly: ClassVar = "ranks"
    information_unit: ClassVar = "variance"
    until: float = field(default=1.0, metadata=LONGER_THAN_0)
    """Years over which the weights grow, above 0."""

    def __post_init__(self) -> None:
        check_ranges(self)

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        weight = MagirrBurman(until=self.until)
        return _weighted(outcome, weight, better=better, sided=sided, stratum=stratum)

    def counts_at(self, times: FloatArray, survival: FloatArray) -> FloatArray:
        """Return the weight of an event at each time."""
        floor = survival[np.minimum(np.searchsorted(times, self.until), times.size - 1)]
        return np.asarray(1 / np.maximum(np.maximum(survival, floor), np.finfo(float).tiny))


@named_test("max_combo")
@dataclass(frozen=True, slots=True, kw_only=True)
class MaxComboTest(TestMethod):
    """The best of four Fleming-Harrington tests, within strata; estimates as `LogrankTest`.

    Two-sided p-values are twice the smaller of the one-sided ones. Its information is that of the
    test of late differences, whose statistics at two looks are the least alike of the four: bounds
    from it hold their level or less.
    """

    effect: ClassVar = "log hazard ratio"
    outcome: ClassVar = SurvivalOutcome
    estimated_by: ClassVar = "Cox's partial likelihood"
    strata: ClassVar = "used"
    nearly: ClassVar = "ranks"
    information_unit: ClassVar = "variance"
    independent_increments: ClassVar = False

    @property
    def best_of(self) -> tuple[FlemingHarringtonTest, ...]:
        """The four weighted log-rank tests."""
        shapes = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
        return tuple(FlemingHarringtonTest(rho=rho, gamma=gamma) for rho, gamma in shapes)

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        columns, strata = (outcome.time, outcome.event, outcome.arm), strata_or_none(stratum)
        result = max_combo(*columns, stratum=strata, included=outcome.at_risk)
        late = np.where(result.undefined, 0.0, result.variance[..., _LATE])
        effect = logrank_of(outcome, stratum)
        return verdict_with(result, better, sided, effect, score_variance=late)
