"""Cox regression on the arm alone, with strata: the hazard ratio of a trial."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.results import TestResult, wald_result
from lupusim.analysis.survival.rank_sums import EventGroups, event_groups, row_sums
from lupusim.analysis.survival.sorting import SurvivalColumns, survival_columns
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.compiled.choice import with_compiled
from lupusim.common.frozen import dataclass

_MOST_STEPS = 30
_LONGEST_STEP = 2.0  # on the log hazard ratio
_CLOSE_ENOUGH = 1e-10


@takes_labels
def cox(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    *,
    stratum: ArrayLike | None = None,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> TestResult:
    r"""Estimate the hazard ratio of two arms by Cox's partial likelihood, Efron's ties.

    .. math:: U(\beta) = \sum_j \sum_{k=0}^{d_j - 1} \Bigl(\ldots
              - \frac{e^\beta (Y_{1j} - \frac{k}{d_j} d_{1j})}
                     {Y_{0j} - \frac{k}{d_j} d_{0j} + e^\beta (Y_{1j} - \frac{k}{d_j} d_{1j})}
              \Bigr)

    is brought to 0 by Newton's method, in all replicates together.

    Parameters
    ----------
    time : (n_replicates, n_patients) or (n_patients,) array
        Time at risk, 0 or above, in any unit; at equal times events precede censorings.
    event : array of 0 and 1
        Whether the time ended with the event; shape as `time` or (n_patients,).
    arm : array of 0 and 1
        1 = experimental, 0 = control; shape as `time` or (n_patients,).
    stratum : array or None
        Any labels, at most 4096 different ones; each stratum has its own baseline hazard.
    included : boolean array or None
        Who belongs to the analysis set; None means all.
    level : float
        Of the interval.

    Returns
    -------
    TestResult
        `estimate` is the log hazard ratio, below 0 in favor of fewer events on the
        experimental arm; Wald's z and interval. Undefined where no finite hazard ratio is
        the likeliest (no events, or none on one arm).

    Raises
    ------
    ValueError
        If shapes don't fit, times are negative or not numbers, or flags are not 0 or 1.

    References
    ----------
    Cox (1972), *Journal of the Royal Statistical Society B* 34, 187-220.
    Efron (1977), *Journal of the American Statistical Association* 72, 557-565, section 4.

    Examples
    --------
    >>> result = cox([1.0, 2.0, 3.0, 4.0, 5.0], [1, 1, 1, 1, 0], [0, 1, 0, 0, 1])
    >>> round(float(result.estimate), 4), round(float(result.standard_error), 4)
    (-0.8455, 1.1634)
    """
    columns = survival_columns(time, event, arm, stratum=stratum, included=included)
    return _fit(columns, 1.0, level)


@takes_labels
def cox_breslow(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    *,
    stratum: ArrayLike | None = None,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> TestResult:
    """Estimate the hazard ratio of two arms by Cox's partial likelihood, Breslow's ties.

    Parameters
    ----------
    time, event, arm, stratum, included, level
        See `cox`.

    Returns
    -------
    TestResult
        See `cox`; the same where no events are tied.

    Raises
    ------
    ValueError
        If shapes don't fit, times are negative or not numbers, or flags are not 0 or 1.

    References
    ----------
    Breslow (1974), *Biometrics* 30, 89-99.

    Examples
    --------
    >>> time, event, arm = [2.0, 3, 5, 8, 13, 21], [1, 1, 1, 0, 1, 1], [0, 0, 1, 0, 1, 1]
    >>> float(cox_breslow(time, event, arm).estimate.round(4))
    -1.2271
    """
    columns = survival_columns(time, event, arm, stratum=stratum, included=included)
    return _fit(columns, 0.0, level)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSets:
    """What each event compares: arrays (n_events,), and (n_replicates,) for `observed`."""

    row: IntArray
    control: FloatArray
    experimental: FloatArray
    observed: FloatArray


def tie_fractions(groups: EventGroups) -> tuple[IntArray, FloatArray]:
    """Return for each single event its group, and how much of the group Efron takes away."""
    size = groups.events.astype(np.intp)
    group = np.repeat(np.arange(size.size), size)
    first = np.repeat(np.cumsum(size) - size, size)
    return group, (np.arange(group.size) - first) / groups.events[group]


def _fit(columns: SurvivalColumns, tie_weight: float, level: float) -> TestResult:
    estimate = np.zeros(columns.n_replicates)
    information = np.zeros(columns.n_replicates)
    for block, keys in columns.blocks():
        estimate[block], information[block] = fit_of_keys(keys, columns.bits, tie_weight)
    with np.errstate(divide="ignore"):
        error = 1 / np.sqrt(information)
    return wald_result(estimate.reshape(columns.lead), error.reshape(columns.lead), level=level)


def fit_of_keys(
    keys: IntArray, bits: int, tie_weight: float = 1.0
) -> tuple[FloatArray, FloatArray]:
    """Return the log hazard ratio and its information of sorted trials; 0 where there is none.

    Parameters
    ----------
    keys, bits
        See `lupusim.analysis.survival.rank_sums.event_groups`.
    tie_weight : float
        1 for Efron's ties, 0 for Breslow's.
    """
    return fit_of_groups(event_groups(keys, bits), keys.shape[0], tie_weight)


def fit_of_groups(
    groups: EventGroups, n_replicates: int, tie_weight: float = 1.0
) -> tuple[FloatArray, FloatArray]:
    """Return the same from the event times of so many trials."""
    return maximized(_risk_sets(groups, n_replicates, tie_weight))


def _risk_sets(groups: EventGroups, n_replicates: int, tie_weight: float) -> RiskSets:
    group, fraction = tie_fractions(groups)
    arm_events = groups.arm_events[group]
    taken = fraction * tie_weight
    experimental = groups.arm_at_risk[group] - taken * arm_events
    everybody = groups.at_risk[group] - taken * groups.events[group]
    return RiskSets(
        row=groups.row[group],
        control=everybody - experimental,
        experimental=experimental,
        observed=row_sums(groups.row, groups.arm_events, n_replicates),
    )


def maximized(sets: RiskSets) -> tuple[FloatArray, FloatArray]:
    """Return the log hazard ratio and its information; information 0 where there is none."""
    n_replicates = sets.observed.size
    finite = _has_finite_maximum(sets)
    estimate, information = np.zeros(n_replicates), np.zeros(n_replicates)
    step = np.full(n_replicates, np.inf)
    for _ in range(_MOST_STEPS):
        expected, information = share_sums(
            sets.row, sets.control, sets.experimental, np.exp(estimate)
        )
        score = sets.observed - expected
        step = score / np.where(finite, information, np.inf)
        estimate = estimate + np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        if (np.abs(step) < _CLOSE_ENOUGH).all():
            break
    return estimate, np.where(finite & (np.abs(step) < _CLOSE_ENOUGH), information, 0.0)


@with_compiled("ranks")
def share_sums(
    row: IntArray, control: FloatArray, experimental: FloatArray, ratio: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the expected events on the experimental arm and their variance, (n_replicates,) each.

    Parameters
    ----------
    row, control, experimental
        See `RiskSets`.
    ratio : (n_replicates,) array
        Of the hazards.
    """
    weight = ratio[row] * experimental
    share = weight / (control + weight)
    return row_sums(row, share, ratio.size), row_sums(row, share * (1 - share), ratio.size)


def _has_finite_maximum(sets: RiskSets) -> BoolArray:
    """Return whether the score passes 0: some events could have been on the other arm."""
    n_replicates, nothing = sets.observed.size, 1e-9
    forced = row_sums(sets.row, (sets.control < nothing).astype(float), n_replicates)
    possible = row_sums(sets.row, (sets.experimental > nothing).astype(float), n_replicates)
    return np.asarray((forced < sets.observed) & (sets.observed < possible))
