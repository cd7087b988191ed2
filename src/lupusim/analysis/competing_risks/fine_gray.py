"""Fine and Gray's subdistribution hazard ratio of two arms, censored at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.competing_risks.cause_counts import (
    CENSORED,
    OF_ANOTHER,
    OF_CAUSE,
    ends,
    just_before,
)
from lupusim.analysis.numerics.columns import flags
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.numerics.strata import strata_or_none
from lupusim.analysis.outcomes import SurvivalOutcome
from lupusim.analysis.results import TestResult, ratio_or, wald_result
from lupusim.analysis.survival.cox import RiskSets, maximized
from lupusim.analysis.survival.cox_beside import logrank_of
from lupusim.analysis.survival.cox_regression import hazard_ratio_of
from lupusim.analysis.survival.sorting import survival_columns
from lupusim.analysis.verdicts import (
    RatioToBeat,
    verdict,
)
from lupusim.common.arrays import FloatArray, IntArray, blocks
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, TestMethod, Verdict
from lupusim.trial.test_method import named_test

_ROUNDING = 1e-12


@takes_labels
def fine_gray_weighted(
    time: ArrayLike,
    event: ArrayLike,
    is_cause: ArrayLike,
    arm: ArrayLike,
    *,
    stratum: ArrayLike | None = None,
    included: ArrayLike | None = None,
) -> TestResult:
    r"""Estimate the subdistribution hazard ratio of two arms, weighted for random censoring.

    Who had a competing event stays at risk with the weight :math:`\hat G(t-) / \hat G(T-)`,
    the probability not to be censored until t: nobody's time of censoring behind such an
    event is needed. With strata each has risk sets and weights of its own. Breslow's ties;
    the standard error is robust and knows that the weights are estimated, as Fine and Gray's,
    and crr's of R's cmprsk. The one of R's finegray and coxph takes the weights as known.

    Parameters
    ----------
    time : (n_replicates, n_patients) or (n_patients,) array
        Time at risk, 0 or above, in any unit.
    event, is_cause : arrays of 0 and 1
        Whether an event of any cause ended it; whether it was the cause looked at.
    arm : array of 0 and 1
        1 = experimental, 0 = control; shape as `time` or (n_patients,).
    stratum : array or None
        Any labels, at most 4096 different ones; each has its own baseline hazard.
    included : boolean array or None
        Who belongs to the analysis set; None means all.

    Returns
    -------
    TestResult
        `estimate` is the log subdistribution hazard ratio, with Wald's z and 95 % interval.
        Undefined where no finite ratio is the likeliest.

    Raises
    ------
    ValueError
        If shapes don't fit, times are negative or not numbers, or flags are not 0 or 1.

    References
    ----------
    Fine and Gray (1999), *Journal of the American Statistical Association* 94, 496-509,
    equations 7 and 8.

    Examples
    --------
    >>> result = fine_gray_weighted(
    ...     [1.0, 2.0, 3.0, 4.0, 5.0], [1, 1, 1, 1, 0], [1, 0, 1, 1, 0], [1, 1, 0, 1, 0]
    ... )
    >>> round(float(result.estimate), 4)
    0.3401
    """
    columns = survival_columns(time, event, arm, stratum=stratum, included=included)
    cause = flags("is_cause", is_cause)
    estimate, error = np.zeros(columns.n_replicates), np.zeros(columns.n_replicates)
    for block in blocks(columns.n_replicates, columns.n_patients):
        strata = [_weighted(counts) for counts in ends(columns, cause, block)]
        estimate[block], error[block] = _fit(strata)
    return wald_result(estimate.reshape(columns.lead), error.reshape(columns.lead), level=0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weighted:
    """Risk sets of the subdistribution at the distinct times of each trial, in one stratum."""

    counts: FloatArray  # how many end then, and how; (n_replicates, 2 arms, 3 kinds, n_times)
    at_risk: FloatArray  # patients under observation just before; (n_replicates, n_times)
    uncensored: FloatArray
    """Probability not to be censored before, of both arms together (Kaplan-Meier); (n_replicates,
    n_times)."""
    gone: FloatArray
    """Competing events before, each over the probability not to be censored before it;
    (n_replicates, 2, n_times)."""
    exposed: FloatArray
    """Patients at risk, and those with a competing event by their weights; (n_replicates, 2,
    n_times)."""

    @property
    def events(self) -> FloatArray:
        """Events of the cause, (n_replicates, n_times)."""
        return np.asarray(self.counts[:, :, OF_CAUSE].sum(axis=1))

    def compared(self) -> RiskSets:
        """Return what each event compares."""
        events = self.events
        row, slot = np.nonzero(events)
        each = np.repeat(np.arange(row.size), events[row, slot].astype(np.intp))
        row, slot = row[each], slot[each]
        return RiskSets(
            row=row,
            control=self.exposed[row, 0, slot],
            experimental=self.exposed[row, 1, slot],
            observed=self.counts[:, 1, OF_CAUSE].sum(axis=1),
        )


def _weighted(counts: FloatArray) -> _Weighted:
    by_arm = counts.sum(axis=2)[..., ::-1].cumsum(axis=2)[..., ::-1]
    at_risk = by_arm.sum(axis=1)
    censored = counts[:, :, CENSORED].sum(axis=1)
    stay = 1 - ratio_or(censored, at_risk, 0.0)
    uncensored = just_before(np.asarray(np.cumprod(stay, axis=1), dtype=float), 1.0)
    each = ratio_or(counts[:, :, OF_ANOTHER], uncensored[:, np.newaxis], 0.0)
    gone = each.cumsum(axis=2) - each
    return _Weighted(
        counts=counts,
        at_risk=at_risk,
        uncensored=uncensored,
        gone=gone,
        exposed=by_arm + uncensored[:, np.newaxis] * gone,
    )


def _fit(strata: Sequence[_Weighted]) -> tuple[FloatArray, FloatArray]:
    """Return log ratio and robust standard error of a block of trials, (n_replicates,) each."""
    sets = [stratum.compared() for stratum in strata]
    together = RiskSets(
        row=np.concatenate([one.row for one in sets]),
        control=np.concatenate([one.control for one in sets]),
        experimental=np.concatenate([one.experimental for one in sets]),
        observed=np.sum([one.observed for one in sets], axis=0),
    )
    estimate, information = maximized(together)
    ratio = np.exp(estimate)[:, np.newaxis]
    spread = np.sqrt(np.sum([_spread(stratum, ratio) for stratum in strata], axis=0))
    spread[spread < _ROUNDING] = 0.0  # patients who are all alike
    return estimate, ratio_or(spread, information, np.inf)


def _spread(sets: _Weighted, ratio: FloatArray) -> FloatArray:
    """Return the sum of the squared influences of all patients on the score.

    Patients who end alike, at one time on one arm, have the same influence.
    """
    total = sets.exposed[:, 0] + ratio * sets.exposed[:, 1]
    mean = ratio_or(ratio * sets.exposed[:, 1], total, 0.0)
    hazard = ratio_or(sets.events, total, 0.0)
    own, later, kept = [], [], []
    for arm in (0, 1):
        push = (arm - mean) * ratio**arm * hazard
        weighted = push * sets.uncensored
        kept.append(weighted[:, ::-1].cumsum(axis=1)[:, ::-1])
        own.append(push.cumsum(axis=1))
        later.append(kept[arm] - weighted)
    moved = ratio_or(sets.gone[:, 0] * kept[0] + sets.gone[:, 1] * kept[1], sets.at_risk, 0.0)
    censored = sets.counts[:, :, CENSORED].sum(axis=1)
    passed = (moved * ratio_or(censored, sets.at_risk, 0.0)).cumsum(axis=1)
    spread = np.zeros(ratio.shape[0])
    for arm in (0, 1):
        influence = {
            CENSORED: moved - own[arm] - passed,
            OF_CAUSE: arm - mean - own[arm] - passed,
            OF_ANOTHER: -own[arm] - ratio_or(later[arm], sets.uncensored, 0.0) - passed,
        }
        for kind, value in influence.items():
            spread += (sets.counts[:, arm, kind] * value**2).sum(axis=1)
    return spread


@named_test("fine_gray")
@dataclass(frozen=True, slots=True, kw_only=True)
class FineGrayTest(RatioToBeat):
    """Wald's test of the subdistribution's log hazard ratio, stratified where there are strata.

    After a competing event a patient stays at risk until data cutoff, end of follow-up or
    the dropout that would have come: an analysis of real data, which does not know the
    last, weights instead and expects the same.
    """

    effect: ClassVar = "log subdistribution hazard ratio"
    outcome: ClassVar = SurvivalOutcome
    nearly: ClassVar = "ranks"
    keeps_competing: ClassVar = True
    estimated_by: ClassVar = "Cox's partial likelihood"
    strata: ClassVar = "used"
    covariates: ClassVar = True
    information_unit: ClassVar = "events"

    def __call__(
        self,
        outcome: SurvivalOutcome,
        *,
        better: Better,
        sided: int,
        stratum: IntArray,
        covariates: FloatArray | None = None,
    ) -> Verdict:
        """Return the verdict on every replicate."""
        result = hazard_ratio_of(outcome.subdistribution(), stratum, covariates)
        return self.judged(result, better, sided)


@named_test("subdistribution_logrank")
@dataclass(frozen=True, slots=True, kw_only=True)
class SubdistributionLogrankTest(TestMethod):
    """Log-rank test of the subdistribution (Gray's, up to its weights), as `FineGrayTest`."""

    effect: ClassVar = "log subdistribution hazard ratio"
    outcome: ClassVar = SurvivalOutcome
    nearly: ClassVar = "ranks"
    keeps_competing: ClassVar = True
    estimated_by: ClassVar = "Cox's partial likelihood"
    strata: ClassVar = "used"
    information_unit: ClassVar = "events"

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        return verdict(logrank_of(outcome.subdistribution(), stratum), better, sided)


@named_test("fine_gray_weighted")
@dataclass(frozen=True, slots=True, kw_only=True)
class FineGrayWeightedTest(RatioToBeat):
    """Wald's test of the subdistribution's log hazard ratio, weighted for random censoring.

    Strata have weights of their own. It needs no time of censoring of those who had a
    competing event, which `FineGrayTest` takes from the simulation.
    """

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
        words: Any = {"stratum": strata_or_none(stratum), "included": outcome.at_risk}
        result = fine_gray_weighted(*outcome.causes(), **words)
        return self.judged(result, better, sided)
