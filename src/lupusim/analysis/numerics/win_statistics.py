"""Win ratio, win odds and net benefit on a hierarchy of outcomes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.columns import arm_masks, lead_shape
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.numerics.win_levels import Level
from lupusim.analysis.results import TestResult, wald_result
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.common.shown import Shown

_N_SUMS = 5  # of all levels together


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WinStatistics(Shown):
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

    Examples
    --------
    >>> from lupusim.analysis import larger_is_better
    >>> win_statistics([larger_is_better([3.0, 1.0, 2.0, 2.0])], [1, 0, 1, 0]).wins.tolist()
    0.75
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


@takes_labels
def win_statistics(
    levels: Sequence[Level],
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
    levels : sequence of Level
        From the most important to the least; see `later_is_better`, `sooner_is_better`,
        `larger_is_better`, `smaller_is_better`, and `FollowUpLevel` for what grows with time.
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
    >>> from lupusim.analysis import larger_is_better
    >>> result = win_statistics([larger_is_better([3, 1, 2, 0])], [1, 1, 0, 0])
    >>> float(result.wins), float(result.losses), float(result.net_benefit.estimate)
    (0.75, 0.25, 0.5)
    """
    lead = _lead(levels, arm, included)
    n_replicates, n_patients = (lead or (1,))[0], np.shape(arm)[-1]
    compared = [one.pairs() for one in levels]
    masks = arm_masks(arm, included, n_patients)
    sums = np.zeros((_N_SUMS + 3 * len(compared), n_replicates))
    for row in range(n_replicates):
        control, experimental = (
            np.flatnonzero(mask[row if len(mask) > 1 else 0]) for mask in masks
        )
        if control.size and experimental.size:
            sums[:, row] = _pair_sums(of(row, experimental, control) for of in compared)
    return _statistics(sums.reshape(-1, *lead), level)


def _lead(levels: Sequence[Level], arm: ArrayLike, included: ArrayLike | None) -> tuple[int, ...]:
    if not levels:
        raise ValueError("levels is empty, give at least one, such as larger_is_better(values)")
    columns = {
        f"level {number}": column
        for number, one in enumerate(levels, start=1)
        for column in one.columns.values()
    }
    return lead_shape(arm=arm, included=included, **columns)


def pair_shares(
    levels: Sequence[Level], patients: IntArray, others: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return of each patient of a trial the shares of some others that lose, and that win.

    Parameters
    ----------
    levels : sequence of Level
        Of one trial, from the most important to the least.
    patients, others : (n,) integer arrays
        Their positions.

    Returns
    -------
    won, lost : (n_patients,) arrays
    """
    won, lost = deque(_decided(of.pairs()(0, patients, others) for of in levels), maxlen=1).pop()
    return won.mean(axis=1), lost.mean(axis=1)


def _decided(
    pairs: Iterable[tuple[BoolArray, BoolArray]],
) -> Iterator[tuple[BoolArray, BoolArray]]:
    """Yield which pairs are won and lost by the first level, by the first two ..."""
    levels = iter(pairs)
    won, lost = next(levels)
    yield won, lost
    for wins, losses in levels:
        open_pair = ~(won | lost)
        won |= wins & open_pair
        lost |= losses & open_pair
        yield won, lost


def _pair_sums(pairs: Iterable[tuple[BoolArray, BoolArray]]) -> list[float]:
    """Return the shares of wins and losses, and their covariance matrix.

    Then the shares of pairs won, lost and tied by the first level, by the first two ...
    """
    by_level = []
    for won, lost in _decided(pairs):
        by_level.append((np.count_nonzero(won), np.count_nonzero(lost)))
    covariance = np.zeros((2, 2))
    # SPEED: sums of bytes as products with ones; whole numbers, so exact (benchmarks/analyses.py)
    kinds = [kind.astype(np.float32) for kind in (won, lost)]
    for axis in (0, 1):
        n, n_other = won.shape[axis], won.shape[1 - axis]
        one = np.ones(n_other, dtype=np.float32)
        # some kernels of BLAS look at what lies behind an array, and warn of it
        with np.errstate(invalid="ignore"):
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
