"""Cox's estimate beside the log-rank test, from what its sums leave in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.strata import strata_or_none
from lupusim.analysis.outcomes import SurvivalOutcome
from lupusim.analysis.results import wald_result
from lupusim.analysis.survival.cox import fit_of_groups, fit_of_keys
from lupusim.analysis.survival.logrank import LogrankResult, result_of_sums
from lupusim.analysis.survival.ordering import Order, Room, orders
from lupusim.analysis.survival.rank_sums import (
    RankSums,
    event_groups,
    plain_sums,
    sums_of_groups,
)
from lupusim.analysis.survival.sorting import survival_columns
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.compiled.choice import with_compiled

_LEVEL = 0.95
_STEPS = 2  # SPEED: nearly always enough (benchmarks/cases.py)
_LARGEST = 20.0  # of a log hazard ratio on the way: beyond there is no maximum
_CLOSE_ENOUGH = 3e-5  # Newton's next step would be shorter than its square


def logrank_with_cox(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    *,
    stratum: ArrayLike | None = None,
    included: ArrayLike | None = None,
) -> LogrankResult:
    """Return the log-rank test with Cox's estimate of the log hazard ratio and its interval.

    Parameters
    ----------
    time, event, arm, stratum, included
        See `lupusim.analysis.survival.logrank` and `lupusim.analysis.survival.cox`.
    """
    columns = survival_columns(time, event, arm, stratum=stratum, included=included)
    totals = np.zeros((3, columns.n_replicates))
    fit = np.zeros((2, columns.n_replicates))
    if columns.bits:
        for block, keys in columns.blocks():
            groups = event_groups(keys, columns.bits)
            totals[:, block] = sums_of_groups(groups, len(keys))
            fit[:, block] = fit_of_groups(groups, len(keys))
    else:
        for block, order, room in orders(columns):
            sums = plain_sums(order, room)
            totals[:, block], fit[:, block] = sums, cox_beside(order, sums, room)
    lead = columns.lead
    return with_estimate(totals.reshape(3, *lead), fit.reshape(2, *lead))


def with_estimate(totals: FloatArray, fit: FloatArray) -> LogrankResult:
    """Return the log-rank test of its sums, with the estimate and information of a Cox model.

    Parameters
    ----------
    totals : (3, n_replicates) array
        Observed, expected, variance.
    fit : (2, n_replicates) array
        Log hazard ratio and information; 0 for none.
    """
    observed, expected, variance = totals
    result = result_of_sums(observed, expected, variance, _LEVEL)
    with np.errstate(divide="ignore"):
        effect = wald_result(fit[0], 1 / np.sqrt(fit[1]), level=_LEVEL)
    return replace(
        result,
        estimate=effect.estimate,
        standard_error=effect.standard_error,
        lower=effect.lower,
        upper=effect.upper,
    )


def cox_beside(order: Order, sums: RankSums, room: Room) -> tuple[FloatArray, FloatArray]:
    """Return Cox's log hazard ratio and its information, of trials without strata.

    The very maximum of the partial likelihood (Efron's ties): Newton's steps from the one-step
    estimate where no events are tied, otherwise `lupusim.analysis.survival.cox`.

    Returns
    -------
    estimate, information : (n_replicates,) arrays
        Both 0 where the likelihood has no finite maximum.
    """
    n_replicates = len(order.arm)
    share, work = room.at_event[:n_replicates], room.share[:n_replicates]
    known = np.where(sums.variance > 0, sums.variance, np.inf)
    start = (sums.observed - sums.expected) / known
    estimate, information, step = _steps(share, sums.observed, start, work)
    unsettled = ~(np.abs(step) < _CLOSE_ENOUGH)
    unsettled[order.tied] = False
    rows = np.flatnonzero(unsettled)
    if rows.size:
        again = _steps(share[rows], sums.observed[rows], estimate[rows], work[: rows.size])
        estimate[rows], information[rows], step[rows] = again
        unsettled = ~(np.abs(step) < _CLOSE_ENOUGH)
    unsettled[order.tied] = True
    rows = np.flatnonzero(unsettled)
    if rows.size:
        estimate[rows], information[rows] = fit_of_keys(order.keys(rows), 0)
    return estimate, information


def _steps(
    share: FloatArray, observed: FloatArray, estimate: FloatArray, work: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Take Newton's steps; return the estimate, the information before the last, and that step.

    Parameters
    ----------
    share : (n_replicates, n_patients) array
        Of the experimental arm in the risk set of each event; 0, which adds nothing, elsewhere.
    observed, estimate : (n_replicates,) arrays
        Events on the experimental arm; where to start.
    work : (n_replicates, n_patients) array
        Is overwritten.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(_STEPS):
            # SPEED: of few numbers np.clip takes four times as long
            ratio = np.exp(np.minimum(np.maximum(estimate, -_LARGEST), _LARGEST))
            total, squares = sums_at_ratio(share, ratio, work)
            expected = total * ratio
            information = expected - squares * ratio**2
            step = (observed - expected) / information
            estimate = estimate + step
    return estimate, information, step


@with_compiled("sums")
def sums_at_ratio(share: FloatArray, ratio: FloatArray, work: FloatArray) -> FloatArray:
    """Return sums of shares and of their squares under a hazard ratio, over the ratio.

    Parameters
    ----------
    share, work : (n_replicates, n_patients) arrays
        As for `_steps`.
    ratio : (n_replicates,) array
        By which those of the experimental arm weigh more.

    Returns
    -------
    (2, n_replicates) array
    """
    found = np.empty((2, len(share)))
    np.multiply(share, (ratio - 1)[:, None], out=work)
    work += 1
    np.divide(share, work, out=work)
    found[0] = work.sum(axis=1)
    # not vecdot: BLAS adds up long rows in another order when it has more threads
    found[1] = np.einsum("ij,ij->i", work, work)
    return found


def logrank_of(outcome: SurvivalOutcome, stratum: IntArray) -> LogrankResult:
    """Return the log-rank test with Cox's estimate, stratified where there are strata."""
    columns = outcome.time, outcome.event, outcome.arm
    return logrank_with_cox(*columns, stratum=strata_or_none(stratum), included=outcome.at_risk)
