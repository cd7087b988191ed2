"""Cox regression on several covariates, with strata."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.aliases import newton_without_aliases
from lupusim.analysis.numerics.columns import part, three_axes
from lupusim.analysis.numerics.strata import strata_or_none
from lupusim.analysis.outcomes import SurvivalOutcome
from lupusim.analysis.results import TestResult, of_coefficient, ratio_or, wald_result
from lupusim.analysis.survival.cox import cox, tie_fractions
from lupusim.analysis.survival.rank_sums import event_groups, row_sums
from lupusim.analysis.survival.sorting import NOT_INCLUDED, survival_columns
from lupusim.analysis.verdicts import (
    RatioToBeat,
    beside,
)
from lupusim.common.arrays import FloatArray, IntArray, blocks
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, Verdict
from lupusim.trial.test_method import named_test


def cox_regression(
    time: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike,
    *,
    stratum: ArrayLike | None = None,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> TestResult:
    """Estimate log hazard ratios of several covariates, Efron's ties.

    Parameters
    ----------
    time, event, stratum, included, level
        See `lupusim.analysis.survival.cox`.
    covariates : (n_replicates, n_patients, n_covariates) or (n_patients, n_covariates) array
        Finite for everybody, the arm among them.

    Returns
    -------
    TestResult
        Arrays (n_replicates, n_covariates), or (n_covariates,) for a single trial, in the
        order of the covariates. Undefined where no finite hazard ratio is the likeliest. A
        covariate that doesn't vary, or that those behind it tell, is left out: undefined alone.

    Raises
    ------
    ValueError
        If shapes don't fit, times or covariates are not numbers, or flags are not 0 or 1.

    References
    ----------
    Cox (1972), *Journal of the Royal Statistical Society B* 34, 187-220.
    Efron (1977), *Journal of the American Statistical Association* 72, 557-565, section 4.

    Examples
    --------
    >>> time, event, arm = [2.0, 3, 5, 8, 13, 21], [1, 1, 1, 0, 1, 1], [0, 0, 1, 0, 1, 1]
    >>> float(cox_regression(time, event, [[a] for a in arm]).estimate.round(4)[0])
    -1.2271
    """
    values = three_axes(covariates)
    unit = _unit(values)
    values = values / unit
    nobody_treated = np.zeros(np.shape(covariates)[:-1], dtype=bool)
    columns = survival_columns(time, event, nobody_treated, stratum=stratum, included=included)
    n_replicates, n_covariates = columns.n_replicates, values.shape[-1]
    estimate = np.zeros((n_replicates, n_covariates))
    error = np.full(estimate.shape, np.inf)
    for block in blocks(n_replicates, columns.n_patients):
        keys = columns.keys(block)
        sets = _risk_sets(keys, part(values, block), columns.bits)
        estimate[block], error[block] = newton_without_aliases(
            sets.derivatives, keys.shape[0], n_covariates
        )
    shape = (*columns.lead, n_covariates)
    estimate, error = (found / unit[:, 0] for found in (estimate, error))
    return wald_result(estimate.reshape(shape), error.reshape(shape), level=level)


def _unit(values: FloatArray) -> FloatArray:
    """Return a power of two near each covariate's spread, in which rounding is told from it.

    Shape (n_replicates or 1, 1, n_covariates); dividing by it changes no bit.
    """
    spread = np.ptp(values, axis=1, keepdims=True) if values.shape[1] else np.ones((1, 1, 1))
    return np.asarray(np.exp2(np.frexp(np.where(spread > 0, spread, 1.0))[1] - 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _RiskSets:
    """Events and the patients whom each compares, in patients sorted by time."""

    values: FloatArray
    """Covariates around their means, 0 for who is not included; (n_covariates, n_replicates,
    n_patients)."""
    member: FloatArray  # 1 for who is included, else 0; (n_replicates, n_patients)
    row: IntArray
    group: IntArray
    """`row` and `group`: replicate of each event; number of the event time it belongs to."""
    place: IntArray  # of the event, in its row
    start: IntArray
    ties_end: IntArray
    end: IntArray
    """`start`, `ties_end` and `end`: places where its risk set and its ties begin, where the ties
    and the set end."""
    fraction: FloatArray  # the part of the ties that Efron takes away; (n_events,)
    before: IntArray | None  # where each patient's stratum begins; None for a single stratum

    def derivatives(self, estimate: FloatArray) -> tuple[FloatArray, FloatArray]:
        r"""Return score (n_replicates, n_covariates) and information at an estimate.

        With the hazard :math:`A_i` that each patient is exposed to, the information is
        :math:`\sum_i A_i w_i x_i x_i^T - \sum_e \bar x_e \bar x_e^T`: a product of two
        covariates is never summed over the risk set of each event.
        """
        n_replicates, n_covariates = estimate.shape
        linear = np.einsum("pij,ip->ij", self.values, estimate)
        weight = np.exp(np.clip(linear, -200, 200)) * self.member
        weighted = self.values * weight
        total = self._at_events(weight)
        # Far from a finite maximum rounding leaves no weight; such a trial ends undefined.
        hazard = ratio_or(np.ones_like(total), np.maximum(total, 0.0), 0.0)
        mean = [self._at_events(one) * hazard for one in weighted]
        weighted *= self._exposure(hazard)
        at_event = (self.row, self.place)
        score, information = np.empty_like(estimate), np.empty((*estimate.shape, n_covariates))
        for p in range(n_covariates):
            score[:, p] = row_sums(self.row, self.values[p][at_event] - mean[p], n_replicates)
            for q in range(p + 1):
                spread = np.einsum("ij,ij->i", weighted[p], self.values[q])
                spread -= row_sums(self.row, mean[p] * mean[q], n_replicates)
                information[:, p, q] = information[:, q, p] = spread
        return score, information

    def _at_events(self, values: FloatArray) -> FloatArray:
        """Return sums over each event's risk set, less Efron's part of the ties."""
        behind = np.zeros((values.shape[0], values.shape[1] + 1))
        np.cumsum(values[:, ::-1], axis=1, out=behind[:, -2::-1])
        first = behind[self.row, self.start]
        total = first if self.before is None else first - behind[self.row, self.end]
        if self.fraction.any():
            total = total - self.fraction * (first - behind[self.row, self.ties_end])
        return np.asarray(total)

    def _exposure(self, hazard: FloatArray) -> FloatArray:
        """Return the hazard (over the weight) each patient is exposed to; shape of `member`."""
        n_replicates, n_patients = self.member.shape
        place = self.row * n_patients + self.place
        size = self.member.size
        passed = np.bincount(place, hazard, size).reshape(n_replicates, n_patients).cumsum(axis=1)
        exposure = passed
        if self.fraction.any():
            exposure = passed.copy()
            spared = np.bincount(self.group, self.fraction * hazard)[self.group]
            exposure[self.row, self.place] = passed[self.row, self.ties_end - 1] - spared
        if self.before is not None:
            earlier = np.concatenate([np.zeros((n_replicates, 1)), passed], axis=1)
            exposure = exposure - np.take_along_axis(earlier, self.before, axis=1)
        return exposure


def _risk_sets(keys: IntArray, values: FloatArray, bits: int) -> _RiskSets:
    order = np.argsort(keys, axis=1)
    keys = np.take_along_axis(keys, order, axis=1)
    member = keys != NOT_INCLUDED
    columns = np.moveaxis(np.broadcast_to(values, (*keys.shape, values.shape[-1])), 2, 0)
    ordered = np.stack([np.take_along_axis(column, order, axis=1) for column in columns])
    ordered = np.where(member, ordered, 0.0)
    n_included = np.maximum(member.sum(axis=1), 1)[:, np.newaxis]
    # Around its mean a covariate's weights neither overflow nor cancel.
    ordered = (ordered - ordered.sum(axis=2, keepdims=True) / n_included) * member
    groups = event_groups(keys, bits)
    group, fraction = tie_fractions(groups)
    start = groups.position[group]
    size = groups.events[group].astype(np.intp)
    return _RiskSets(
        values=ordered,
        member=member.astype(float),
        row=groups.row[group],
        group=group,
        place=start + np.rint(fraction * size).astype(np.intp),
        start=start,
        ties_end=start + size,
        end=start + groups.at_risk[group].astype(np.intp),
        fraction=fraction,
        before=_stratum_starts(keys, bits) if bits else None,
    )


def _stratum_starts(keys: IntArray, bits: int) -> IntArray:
    """Return the place where each patient's stratum begins."""
    stratum = keys >> (63 - bits)
    begins = np.zeros(keys.shape, dtype=np.intp)
    begins[:, 1:] = np.where(stratum[:, 1:] != stratum[:, :-1], np.arange(1, keys.shape[1]), 0)
    return np.asarray(np.maximum.accumulate(begins, axis=1))


def hazard_ratio_of(
    outcome: SurvivalOutcome, stratum: IntArray, covariates: FloatArray | None
) -> TestResult:
    """Return Cox's log hazard ratio of the arm, adjusted where there are covariates."""
    columns = outcome.time, outcome.event
    words: Any = {"stratum": strata_or_none(stratum), "included": outcome.at_risk}
    if covariates is None:
        return cox(*columns, outcome.arm, **words)
    return of_coefficient(cox_regression(*columns, beside(outcome.arm, covariates), **words), 0)


@named_test("cox")
@dataclass(frozen=True, slots=True, kw_only=True)
class CoxTest(RatioToBeat):
    """Wald's test of Cox's log hazard ratio, stratified where there are strata.

    Parameters
    ----------
    margin : float
        The hazard ratio to beat, above 0: 1 asks for superiority.
    """

    effect: ClassVar = "log hazard ratio"
    outcome: ClassVar = SurvivalOutcome
    formula: ClassVar = "survival"
    nearly: ClassVar = "ranks"
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
        result = hazard_ratio_of(outcome, stratum, covariates)
        return self.judged(result, better, sided)
