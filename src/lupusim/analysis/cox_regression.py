"""Cox regression on several covariates, with strata."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.columns import blocks, part, three_axes
from lupusim.analysis.cox import tie_fractions
from lupusim.analysis.newton import newton
from lupusim.analysis.ordering import NOT_INCLUDED, survival_columns
from lupusim.analysis.rank_sums import event_groups
from lupusim.analysis.results import TestResult, wald_result
from lupusim.arrays import FloatArray, IntArray


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
        See `lupusim.analysis.cox`.
    covariates : (n_replicates, n_patients, n_covariates) or (n_patients, n_covariates) array
        Finite for everybody, the arm among them.

    Returns
    -------
    TestResult
        Arrays (n_replicates, n_covariates), or (n_covariates,) for a single trial, in the
        order of the covariates. Undefined where a covariate doesn't vary, or no finite
        hazard ratio is the likeliest.

    Raises
    ------
    ValueError
        If shapes don't fit, times or covariates are not numbers, or flags are not 0 or 1.

    References
    ----------
    Cox (1972), *Journal of the Royal Statistical Society B* 34, 187-220.
    Efron (1977), *Journal of the American Statistical Association* 72, 557-565, section 4.
    """
    values = three_axes(covariates)
    nobody_treated = np.zeros(np.shape(covariates)[:-1], dtype=bool)
    columns = survival_columns(time, event, nobody_treated, stratum=stratum, included=included)
    n_replicates, n_covariates = columns.n_replicates, values.shape[-1]
    estimate = np.zeros((n_replicates, n_covariates))
    error = np.full(estimate.shape, np.inf)
    for block in blocks(n_replicates, columns.n_patients):
        keys = columns.keys(block)
        sets = _risk_sets(keys, part(values, block), columns.bits)
        estimate[block], error[block] = newton(sets.derivatives, keys.shape[0], n_covariates)
    shape = (*columns.lead, n_covariates)
    return wald_result(estimate.reshape(shape), error.reshape(shape), level=level)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RiskSets:
    """Events and the patients whom each compares, in patients sorted by time.

    `values` is (n_replicates, n_patients, n_covariates), 0 for who is not included, as is
    `member` (n_replicates, n_patients). The other arrays are (n_events,): the replicate, the
    place of the event, where its risk set and its ties begin, where both end, and the part
    of the ties that Efron takes away.
    """

    values: FloatArray
    member: FloatArray
    row: IntArray
    place: IntArray
    start: IntArray
    ties_end: IntArray
    end: IntArray
    fraction: FloatArray

    def derivatives(self, estimate: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return score (n_replicates, n_covariates) and information at an estimate."""
        linear = np.einsum("ijp,ip->ij", self.values, estimate)
        weight = np.exp(np.clip(linear, -200, 200)) * self.member
        weighted = self.values * weight[:, :, np.newaxis]
        squares = weighted[:, :, :, np.newaxis] * self.values[:, :, np.newaxis, :]
        total = self._sum(weight)
        mean = self._sum(weighted) / total[:, np.newaxis]
        spread = self._sum(squares) / total[:, np.newaxis, np.newaxis]
        spread -= mean[:, :, np.newaxis] * mean[:, np.newaxis, :]
        score = np.zeros_like(estimate)
        np.add.at(score, self.row, self.values[self.row, self.place] - mean)
        information = np.zeros((*estimate.shape, estimate.shape[1]))
        np.add.at(information, self.row, spread)
        return score, information

    def _sum(self, values: FloatArray) -> FloatArray:
        """Return sums over each event's risk set, less Efron's part of the ties."""
        n_replicates, n_patients = values.shape[:2]
        behind = np.zeros((n_replicates, n_patients + 1, *values.shape[2:]))
        behind[:, :-1] = values[:, ::-1].cumsum(axis=1)[:, ::-1]
        first, row = behind[self.row, self.start], self.row
        fraction = self.fraction.reshape(-1, *(1,) * (values.ndim - 2))
        ties = first - behind[row, self.ties_end]
        return np.asarray(first - behind[row, self.end] - fraction * ties)


def _risk_sets(keys: IntArray, values: FloatArray, bits: int) -> _RiskSets:
    order = np.argsort(keys, axis=1)
    keys = np.take_along_axis(keys, order, axis=1)
    member = keys != NOT_INCLUDED
    everyone = np.broadcast_to(values, (*keys.shape, values.shape[-1]))
    ordered = np.take_along_axis(everyone, order[:, :, np.newaxis], axis=1)
    ordered = np.where(member[:, :, np.newaxis], ordered, 0.0)
    n_included = np.maximum(member.sum(axis=1), 1)[:, np.newaxis, np.newaxis]
    # Around its mean a covariate's weights neither overflow nor cancel.
    ordered = (ordered - ordered.sum(axis=1, keepdims=True) / n_included) * member[:, :, None]
    groups = event_groups(keys, bits)
    group, fraction = tie_fractions(groups)
    start = groups.position[group]
    size = groups.events[group].astype(np.intp)
    return _RiskSets(
        values=ordered,
        member=member.astype(float),
        row=groups.row[group],
        place=start + np.rint(fraction * size).astype(np.intp),
        start=start,
        ties_end=start + size,
        end=start + groups.at_risk[group].astype(np.intp),
        fraction=fraction,
    )
