"""Win ratio, win odds and net benefit on a hierarchy of outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lupusim.analysis.numerics.columns import arm_masks, checked_times, flags, lead_shape, two_axes
from lupusim.analysis.results import TestResult, wald_result
from lupusim.arrays import BoolArray, FloatArray, blocks

_Number = TypeVar("_Number", bound=np.generic)
_N_SUMS = 5  # of all levels together


@dataclass(frozen=True, slots=True, kw_only=True)
class WinLevel:
    """One outcome of a hierarchy: each patient's value lies between two bounds.

    A pair is won by the patient whose lowest possible value is above the other's highest.

    Parameters
    ----------
    low, high : (n_replicates, n_patients) or (n_patients,) arrays
        Bounds of the value; the larger, the better.
    """

    low: FloatArray
    high: FloatArray

    def known_of(self, member: BoolArray) -> WinLevel:
        """Return the level where nothing is known of who is no member, (..., n_patients)."""
        return WinLevel(
            low=np.where(member, self.low, -np.inf), high=np.where(member, self.high, np.inf)
        )


def larger_is_better(values: ArrayLike) -> WinLevel:
    """Return the level of an outcome known exactly, such as a score that should rise.

    Parameters
    ----------
    values : (n_replicates, n_patients) or (n_patients,) array
    """
    column = np.asarray(values, dtype=float)
    return WinLevel(low=column, high=column)


def smaller_is_better(values: ArrayLike) -> WinLevel:
    """Return the level of an outcome known exactly, such as a number of relapses.

    Parameters
    ----------
    values : (n_replicates, n_patients) or (n_patients,) array
    """
    return larger_is_better(-np.asarray(values, dtype=float))


def later_is_better(time: ArrayLike, event: ArrayLike) -> WinLevel:
    """Return the level of a time to an event that should come late, such as death.

    A pair is decided if the earlier time is an event; a censoring at the same time is later.

    Parameters
    ----------
    time : (n_replicates, n_patients) or (n_patients,) array
        Not negative, in any unit.
    event : array of 0 and 1
        Whether the time ended with the event.

    Raises
    ------
    ValueError
        If a time is negative or not a number, or flags are not 0 or 1.
    """
    times, happened = checked_times(time, None), flags("event", event)
    low = np.where(happened, times, np.nextafter(times, np.inf))
    high = np.where(happened, times, np.inf)
    shape = np.broadcast_shapes(np.shape(time), np.shape(event))
    return WinLevel(low=low.reshape(shape), high=high.reshape(shape))


def sooner_is_better(time: ArrayLike, event: ArrayLike) -> WinLevel:
    """Return the level of a time to an event that should come early, such as remission.

    Parameters
    ----------
    time, event
        See `later_is_better`.

    Raises
    ------
    ValueError
        If a time is negative or not a number, or flags are not 0 or 1.
    """
    late = later_is_better(time, event)
    return WinLevel(low=-late.high, high=-late.low)


@dataclass(frozen=True, slots=True, kw_only=True)
class WinStatistics:
    """Comparison of all pairs of an experimental and a control patient.

    Parameters
    ----------
    wins, losses, ties : (n_replicates,) arrays
        Shares of pairs; 0 where an arm is empty.
    level_wins, level_losses : (n_levels, n_replicates) arrays
        Shares of pairs that each level decides, of all pairs.
    level_ties : (n_levels, n_replicates) array
        Shares that are still open after it.
    net_benefit : TestResult
        Wins minus losses.
    log_win_ratio : TestResult
        Log of wins to losses; undefined where there are none of either.
    log_win_odds : TestResult
        Log of wins plus half the ties, to losses plus half the ties; undefined where one
        of the two is 0.
    """

    wins: FloatArray
    losses: FloatArray
    ties: FloatArray
    level_wins: FloatArray
    level_losses: FloatArray
    level_ties: FloatArray
    net_benefit: TestResult
    log_win_ratio: TestResult
    log_win_odds: TestResult


def win_statistics(
    levels: Sequence[WinLevel],
    arm: ArrayLike,
    *,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> WinStatistics:
    """Compare every experimental with every control patient, outcome after outcome.

    The first outcome decides if it can, otherwise the second, and so on. Variances are
    those of two-sample U statistics.

    Parameters
    ----------
    levels : sequence of WinLevel
        From the most important to the least; see `later_is_better`, `sooner_is_better`,
        `larger_is_better` and `smaller_is_better`.
    arm : (n_replicates, n_patients) or (n_patients,) array of 0 and 1
        1 = experimental, 0 = control.
    included : boolean array or None
        Who belongs to the analysis set; None means all.
    level : float
        Of the intervals.

    Returns
    -------
    WinStatistics
        Positive z in favor of the experimental arm.

    Raises
    ------
    ValueError
        If shapes don't fit, values are not numbers, flags are not 0 or 1, there is no level,
        or there are more than 16383 patients.

    References
    ----------
    Buyse (2010), *Statistics in Medicine* 29, 3245-3257 (net benefit).
    Pocock, Ariti, Collier and Wang (2012), *European Heart Journal* 33, 176-182 (win ratio).
    Bebu and Lachin (2016), *Biostatistics* 17, 178-187 (variance).
    Brunner, Vandemeulebroecke and Mütze (2021), *Statistics in Medicine* 40, 3367-3384
    (win odds).

    Examples
    --------
    >>> result = win_statistics([larger_is_better([3, 1, 2, 0])], [1, 1, 0, 0])
    >>> float(result.wins), float(result.losses), float(result.net_benefit.estimate)
    (0.75, 0.25, 0.5)
    """
    lead = _lead(levels, arm, included)
    n_replicates, n_patients = (lead or (1,))[0], levels[0].low.shape[-1]
    bounds = [_ranked(one) for one in levels]
    masks = arm_masks(arm, included, n_patients)
    sums = np.zeros((_N_SUMS + 3 * len(bounds), n_replicates))
    for row in range(n_replicates):
        control, experimental = (np.flatnonzero(_row(mask, row)) for mask in masks)
        if control.size and experimental.size:
            pairs = [
                tuple(_row(bound, row)[arm] for arm in (experimental, control) for bound in one)
                for one in bounds
            ]
            sums[:, row] = _pair_sums(pairs)
    return _statistics(sums.reshape(-1, *lead), level)


def _lead(
    levels: Sequence[WinLevel], arm: ArrayLike, included: ArrayLike | None
) -> tuple[int, ...]:
    if not levels:
        raise ValueError("levels is empty, give at least one, such as larger_is_better(values)")
    columns = {f"level {number}": one.low for number, one in enumerate(levels, start=1)}
    return lead_shape(arm=arm, included=included, **columns)


def _ranked(one: WinLevel) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Return the bounds' ranks among each other in each row, equal where the bounds are."""
    low, high = np.broadcast_arrays(two_axes(one.low), two_axes(one.high))
    n_patients = low.shape[1]
    if 2 * n_patients > np.iinfo(np.int16).max:
        raise ValueError(f"{n_patients} patients are more than pairs can be made of, at most 16383")
    if np.isnan(low).any() or np.isnan(high).any():
        raise ValueError("levels hold a value that is not a number")
    # SPEED: whole numbers of two bytes are compared twice as fast (benchmarks/analyses.py)
    ranks = np.empty((low.shape[0], 2 * n_patients), dtype=np.int16)
    for block in blocks(low.shape[0], 2 * n_patients):
        both = np.concatenate([low[block], high[block]], axis=1)
        order = np.argsort(both, axis=1)
        ordered = np.take_along_axis(both, order, axis=1)
        rises = np.zeros(ordered.shape, dtype=np.int16)
        np.not_equal(ordered[:, 1:], ordered[:, :-1], out=rises[:, 1:], casting="unsafe")
        np.put_along_axis(ranks[block], order, rises.cumsum(axis=1, dtype=np.int16), axis=1)
    return ranks[:, :n_patients], ranks[:, n_patients:]


def _row(column: NDArray[_Number], row: int) -> NDArray[_Number]:
    return np.asarray(column[row if column.shape[0] > 1 else 0])


def _pair_sums(pairs: Sequence[tuple[NDArray[np.int16], ...]]) -> list[float]:
    """Return the shares of wins and losses, and their covariance matrix.

    Then the shares of pairs won, lost and tied by the first level, by the first two ...
    """
    low, high, low0, high0 = pairs[0]
    won: BoolArray = low[:, np.newaxis] > high0
    lost: BoolArray = high[:, np.newaxis] < low0
    by_level = [(np.count_nonzero(won), np.count_nonzero(lost))]
    for low, high, low0, high0 in pairs[1:]:
        open_pair = ~(won | lost)
        won |= (low[:, np.newaxis] > high0) & open_pair
        lost |= (high[:, np.newaxis] < low0) & open_pair
        by_level.append((np.count_nonzero(won), np.count_nonzero(lost)))
    covariance = np.zeros((2, 2))
    # SPEED: sums of bytes as products with ones; whole numbers, so exact (benchmarks/analyses.py)
    kinds = [kind.astype(np.float32) for kind in (won, lost)]
    for axis in (0, 1):
        n, n_other = won.shape[axis], won.shape[1 - axis]
        one = np.ones(n_other, dtype=np.float32)
        counts = [kind @ one if axis == 0 else one @ kind for kind in kinds]
        share = np.array(counts, dtype=float) / n_other
        mean = share.mean(axis=1)
        centered = share - mean[:, np.newaxis]
        covariance += centered @ centered.T / max(n * (n - 1), 1)
    shares = [n / won.size for level in by_level for n in (*level, won.size - sum(level))]
    return [*mean, *covariance[0], covariance[1, 1], *shares]


def _statistics(sums: FloatArray, level: float) -> WinStatistics:
    wins, losses, variance, covariance, variance_lost = sums[:_N_SUMS]
    by_level = sums[_N_SUMS:]
    ties = by_level[2::3]
    benefit = wins - losses
    spread = np.maximum(variance + variance_lost - 2 * covariance, 0.0)
    some, some_lost = np.where(wins > 0, wins, 1.0), np.where(losses > 0, losses, 1.0)
    both = (wins > 0) & (losses > 0)
    relative = variance / some**2 + variance_lost / some_lost**2
    relative = np.maximum(relative - 2 * covariance / (some * some_lost), 0.0)
    inside = np.where(np.abs(benefit) < 1, benefit, 0.0)
    odds_error = 2 * np.sqrt(spread) / (1 - inside**2)
    return WinStatistics(
        wins=wins,
        losses=losses,
        ties=ties[-1],
        level_wins=np.diff(by_level[::3], axis=0, prepend=0),
        level_losses=np.diff(by_level[1::3], axis=0, prepend=0),
        level_ties=ties,
        net_benefit=wald_result(benefit, np.sqrt(spread), level=level),
        log_win_ratio=wald_result(
            np.log(some / some_lost), np.where(both, np.sqrt(relative), np.inf), level=level
        ),
        log_win_odds=wald_result(
            np.log((1 + inside) / (1 - inside)),
            np.where(np.abs(benefit) < 1, odds_error, np.inf),
            level=level,
        ),
    )
