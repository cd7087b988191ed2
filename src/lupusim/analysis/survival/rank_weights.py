"""Weights of a log-rank test, from the survival of both arms together."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from lupusim.analysis.survival.rank_sums import EventGroups
from lupusim.analysis.survival.sorting import FLAGS
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass

_NOT_THE_SIGN = np.int64(2**63 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledCurve:
    """Survival of both arms together at the distinct event times, trial by trial.

    In a trial with strata each stratum has a curve of its own.
    """

    curve: IntArray  # number of the curve that each event time belongs to, from 0, rising
    time: FloatArray  # the event times, in the unit of the analysis; (n_groups,)
    before: FloatArray
    log_step: FloatArray
    """`before` and `log_step`: survival just before, and what the events add to its log (0 for the
    last patient); (n_groups,)."""


class RankWeight(Protocol):
    """Says how much each event time counts."""

    def weigh(self, curve: PooledCurve) -> FloatArray:
        """Return the weights, shape (n_groups,)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FlemingHarrington:
    r"""Weights :math:`S(t-)^\rho (1 - S(t-))^\gamma`.

    Parameters
    ----------
    rho, gamma : float
        0 or above; (0, 0) is the log-rank test, (0, 1) looks at late differences.

    Raises
    ------
    ValueError
        If one is below 0 or not a finite number.

    References
    ----------
    Fleming and Harrington (1991), *Counting Processes and Survival Analysis*, section 7.2.

    Examples
    --------
    >>> from lupusim.analysis import weighted_logrank
    >>> time, event, arm = [2.0, 3, 5, 8, 13, 21], [1, 1, 1, 0, 1, 1], [0, 0, 1, 0, 1, 1]
    >>> late = weighted_logrank(time, event, arm, weight=FlemingHarrington(gamma=1.0))
    >>> float(late.z.round(4))
    -0.1005
    """

    rho: float = 0.0
    gamma: float = 0.0

    def __post_init__(self) -> None:
        for name in ("rho", "gamma"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise ValueError(f"{name}={value!r} must be a finite number, 0 or above")

    def weigh(self, curve: PooledCurve) -> FloatArray:
        """Return the weights, shape (n_groups,)."""
        weight: FloatArray = curve.before**self.rho * (1 - curve.before) ** self.gamma
        return weight


@dataclass(frozen=True, slots=True, kw_only=True)
class MagirrBurman:
    r"""Modest weights :math:`1 / \max(S(t-), S(t^*))` for a delayed effect.

    Parameters
    ----------
    until : float
        :math:`t^*`, in the unit of the analysis; above 0. The weight grows until then.

    Raises
    ------
    ValueError
        If `until` is not above 0.

    References
    ----------
    Magirr and Burman (2019), *Statistics in Medicine* 38, 3782-3790.

    Examples
    --------
    >>> from lupusim.analysis import weighted_logrank
    >>> time, event, arm = [2.0, 3, 5, 8, 13, 21], [1, 1, 1, 0, 1, 1], [0, 0, 1, 0, 1, 1]
    >>> modest = weighted_logrank(time, event, arm, weight=MagirrBurman(until=6.0))
    >>> float(modest.z.round(4))
    -0.8377
    """

    until: float

    def __post_init__(self) -> None:
        if not self.until > 0:
            raise ValueError(f"until={self.until!r} must be a time above 0")

    def weigh(self, curve: PooledCurve) -> FloatArray:
        """Return the weights, shape (n_groups,)."""
        early = np.where(curve.time <= self.until, curve.log_step, 0.0)
        floor = np.exp(np.bincount(curve.curve, early))
        return np.asarray(1 / np.maximum(curve.before, floor[curve.curve]))


def pooled_curve(groups: EventGroups, keys: IntArray, bits: int = 0) -> PooledCurve:
    """Return the survival of both arms together at the event times of sorted trials.

    Parameters
    ----------
    groups : EventGroups
        The event times.
    keys : (n_replicates, n_patients) integer array
        Of `lupusim.analysis.survival.sorting.sort_keys`, rising in each row.
    bits : int
        Top bits of a key that number the stratum.
    """
    left = groups.at_risk - groups.events
    log_step = np.log(np.where(left > 0, left, groups.at_risk) / groups.at_risk)
    total = np.append(0.0, np.cumsum(log_step))
    key = keys[groups.row, groups.position]
    stratum = (groups.row << bits) + (key >> (63 - bits))
    begins = np.append(True, stratum[1:] != stratum[:-1])[: stratum.size]
    curve = np.cumsum(begins) - 1
    time = ((key & ~FLAGS) << bits) & _NOT_THE_SIGN
    return PooledCurve(
        curve=curve,
        time=time.view(np.float64),
        before=np.exp(total[:-1] - total[np.flatnonzero(begins)[curve]]),
        log_step=log_step,
    )
