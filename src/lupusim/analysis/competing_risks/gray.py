"""Gray's test: the cumulative incidence of one cause in two arms, among competing causes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.competing_risks.cause_counts import ends, just_before
from lupusim.analysis.competing_risks.fine_gray import fine_gray_weighted
from lupusim.analysis.numerics.columns import flags
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.numerics.strata import strata_or_none
from lupusim.analysis.outcomes import SurvivalOutcome
from lupusim.analysis.results import ScoreStatistic, ratio_or
from lupusim.analysis.survival.sorting import SurvivalColumns, survival_columns
from lupusim.analysis.verdicts import (
    verdict_with,
)
from lupusim.common.arrays import BoolArray, FloatArray, IntArray, blocks
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, TestMethod, Verdict
from lupusim.trial.test_method import named_test

_NO_VARIANCE = 1e-12


@takes_labels
def gray(
    time: ArrayLike,
    event: ArrayLike,
    is_cause: ArrayLike,
    arm: ArrayLike,
    *,
    stratum: ArrayLike | None = None,
    included: ArrayLike | None = None,
) -> ScoreStatistic:
    r"""Compare the cumulative incidences of one cause in two arms, censored at random.

    .. math:: s = \sum_j \Bigl(d_{1j} - d_j \frac{R_{1j}}{R_{0j} + R_{1j}}\Bigr),
              \qquad R_k = Y_k \frac{1 - \hat F_k(t-)}{\hat S_k(t-)}

    :math:`R_k` estimates how many of an arm are free of the cause, though some of them had
    another one and are not seen any more: nobody's time of censoring behind such an event
    is needed. With strata the sums are made within each and added up.

    Parameters
    ----------
    time : (n_replicates, n_patients) or (n_patients,) array
        Time at risk, 0 or above, in any unit.
    event, is_cause : arrays of 0 and 1
        Whether an event of any cause ended it; whether it was the cause looked at.
    arm : array of 0 and 1
        1 = experimental, 0 = control; shape as `time` or (n_patients,).
    stratum : array or None
        Any labels, at most 4096 different ones.
    included : boolean array or None
        Who belongs to the analysis set; None means all.

    Returns
    -------
    ScoreStatistic
        `z` is negative where the experimental arm has fewer events of the cause than
        expected; its square is the chi-square statistic. Undefined where the variance is 0.

    Raises
    ------
    ValueError
        If shapes don't fit, times are negative or not numbers, or flags are not 0 or 1.

    References
    ----------
    Gray (1988), *Annals of Statistics* 16, 1141-1154; his weights with rho = 0.

    Examples
    --------
    >>> result = gray([1.0, 2.0, 3.0, 4.0, 5.0], [1, 1, 1, 1, 0], [1, 0, 1, 1, 0], [1, 1, 0, 1, 0])
    >>> round(float(result.z), 4)
    0.2351
    """
    columns = survival_columns(time, event, arm, stratum=stratum, included=included)
    cause = flags("is_cause", is_cause)
    score, variance = np.zeros(columns.n_replicates), np.zeros(columns.n_replicates)
    for block in blocks(columns.n_replicates, columns.n_patients):
        score[block], variance[block] = _sums(columns, cause, block)
    undefined = variance <= _NO_VARIANCE
    z = score / np.sqrt(np.where(undefined, np.inf, variance))
    return ScoreStatistic(
        z=z.reshape(columns.lead),
        undefined=undefined.reshape(columns.lead),
        variance=np.where(undefined, 0.0, variance).reshape(columns.lead),
    )


def _sums(
    columns: SurvivalColumns, cause: BoolArray, block: slice
) -> tuple[FloatArray, FloatArray]:
    """Return score and variance of a block of trials, (n_replicates,) each."""
    found = [
        _compare(_arm(counts[:, 0]), _arm(counts[:, 1])) for counts in ends(columns, cause, block)
    ]
    score, variance = np.sum(found, axis=0)
    return score, variance


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arm:
    """One arm at the distinct times of each trial: arrays (n_replicates, n_times)."""

    events: FloatArray
    rivals: FloatArray
    at_risk: FloatArray
    """`events`, `rivals` and `at_risk`: events of the cause and of others, patients under
    observation just before."""
    before: FloatArray
    after: FloatArray
    """`before` and `after`: free of any event just before, and behind (Kaplan-Meier)."""
    free: FloatArray  # free of the cause just before: 1 less its cumulative incidence

    @property
    def expanded(self) -> FloatArray:
        """Patients at risk, as many as there would be without any event before."""
        return ratio_or(self.at_risk, self.before, 0.0)


def _arm(counts: FloatArray) -> _Arm:
    """Return an arm from its counts of ends, (n_replicates, kinds, n_times)."""
    events, rivals = counts[:, 1], counts[:, 2]
    leaving = counts.sum(axis=1)
    at_risk = leaving[:, ::-1].cumsum(axis=1)[:, ::-1]
    after = np.asarray(np.cumprod(1 - ratio_or(events + rivals, at_risk, 0.0), axis=1), float)
    before = just_before(after, 1.0)
    incidence = (before * ratio_or(events, at_risk, 0.0)).cumsum(axis=1)
    return _Arm(
        events=events,
        rivals=rivals,
        at_risk=at_risk,
        before=before,
        after=after,
        free=1 - just_before(incidence, 0.0),
    )


def _compare(control: _Arm, treated: _Arm) -> tuple[FloatArray, FloatArray]:
    """Return score and variance, (n_replicates,) each (Gray 1988, section 2)."""
    events = control.events + treated.events
    both = control.expanded + treated.expanded
    rise = ratio_or(events, both, 0.0)
    free_after = 1 - rise.cumsum(axis=1)
    free = just_before(free_after, 1.0)
    expected = treated.expanded * treated.free
    share = ratio_or(expected, expected + control.expanded * control.free, 0.0)
    score = (treated.events - events * share).sum(axis=1)
    slope = ratio_or(control.expanded * treated.expanded, both, 0.0)
    passed = (slope * ratio_or(rise, free, 0.0)).cumsum(axis=1)
    left = passed[:, -1:] - passed
    variance = np.zeros(score.shape)
    for arm in (control, treated):
        still = ratio_or(free_after, arm.after, 0.0)
        ties = 1 - ratio_or(np.maximum(events - 1, 0.0), both * arm.before - 1, 0.0)
        own = ties * arm.before * ratio_or(rise, arm.at_risk, 0.0)
        variance += (own * (slope + (1 - still) * left) ** 2).sum(axis=1)
        ties = 1 - ratio_or(np.maximum(arm.rivals - 1, 0.0), arm.at_risk - 1, 0.0)
        rival = ties * arm.before**2 * ratio_or(arm.rivals, arm.at_risk**2, 0.0)
        variance += (rival * (still * left) ** 2).sum(axis=1)
    return score, variance


@named_test("gray")
@dataclass(frozen=True, slots=True, kw_only=True)
class GrayTest(TestMethod):
    """Gray's test of the cumulative incidences; estimates as `FineGrayWeightedTest`."""

    effect: ClassVar = "log subdistribution hazard ratio"
    outcome: ClassVar = SurvivalOutcome
    nearly: ClassVar = "ranks"
    keeps_competing: ClassVar = True
    estimated_by: ClassVar = "Fine and Gray's weighted likelihood"
    strata: ClassVar = "used"
    information_unit: ClassVar = "variance"

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        columns = outcome.causes()
        words: Any = {"stratum": strata_or_none(stratum), "included": outcome.at_risk}
        result, effect = gray(*columns, **words), fine_gray_weighted(*columns, **words)
        return verdict_with(result, better, sided, effect, score_variance=result.variance)
