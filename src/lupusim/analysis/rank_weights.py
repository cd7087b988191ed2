"""Weights of a log-rank test, from the survival of both arms together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lupusim.analysis.ordering import FLAGS
from lupusim.analysis.rank_sums import EventGroups, row_sums
from lupusim.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledCurve:
    """Survival of both arms together at the distinct event times of many trials.

    Parameters
    ----------
    row : (n_groups,) integer array
        Replicate of each event time, rising.
    time : (n_groups,) array
        The event times, in the unit of the analysis.
    before, log_step : (n_groups,) arrays
        Survival just before, and what the events add to its log (0 for the last patient).
    n_replicates : int
    """

    row: IntArray
    time: FloatArray
    before: FloatArray
    log_step: FloatArray
    n_replicates: int


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
    """

    until: float

    def __post_init__(self) -> None:
        if not self.until > 0:
            raise ValueError(f"until={self.until!r} must be a time above 0")

    def weigh(self, curve: PooledCurve) -> FloatArray:
        """Return the weights, shape (n_groups,)."""
        early = np.where(curve.time <= self.until, curve.log_step, 0.0)
        floor = np.exp(row_sums(curve.row, early, curve.n_replicates))
        return np.asarray(1 / np.maximum(curve.before, floor[curve.row]))


def pooled_curve(groups: EventGroups, keys: IntArray) -> PooledCurve:
    """Return the survival of both arms together at the event times of sorted trials."""
    left = groups.at_risk - groups.events
    log_step = np.log(np.where(left > 0, left, groups.at_risk) / groups.at_risk)
    total = np.append(0.0, np.cumsum(log_step))
    first_of_row = np.searchsorted(groups.row, groups.row)
    bits = keys[groups.row, groups.position] & ~FLAGS
    return PooledCurve(
        row=groups.row,
        time=bits.view(np.float64),
        before=np.exp(total[:-1] - total[first_of_row]),
        log_step=log_step,
        n_replicates=keys.shape[0],
    )
