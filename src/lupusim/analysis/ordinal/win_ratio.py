"""Win ratio, win odds and net benefit: what all pairs of patients say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.numerics.win_levels import Level
from lupusim.analysis.numerics.win_statistics import WinStatistics, win_statistics
from lupusim.analysis.outcomes import HierarchicalOutcome
from lupusim.analysis.results import TestResult, ratio_or
from lupusim.analysis.verdicts import verdict
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, TestMethod, Verdict
from lupusim.trial.test_method import TESTS


@takes_labels
def win_ratio(
    levels: Sequence[Level],
    arm: ArrayLike,
    *,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> TestResult:
    """Return the log of wins over losses of all pairs; see :func:`win_statistics`.

    Examples
    --------
    >>> from lupusim.analysis import larger_is_better
    >>> level = larger_is_better([3.0, 1.0, 2.0, 2.0, 5.0, 4.0])
    >>> round(float(win_ratio([level], [1, 0, 1, 0, 0, 1]).estimate), 4)
    0.5108
    """
    return win_statistics(levels, arm, included=included, level=level).log_win_ratio


@takes_labels
def win_odds(
    levels: Sequence[Level],
    arm: ArrayLike,
    *,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> TestResult:
    """Return the log of the win odds, ties half, of all pairs; see :func:`win_statistics`.

    Examples
    --------
    >>> from lupusim.analysis import larger_is_better
    >>> level = larger_is_better([3.0, 1.0, 2.0, 2.0, 5.0, 4.0])
    >>> round(float(win_odds([level], [1, 0, 1, 0, 0, 1]).estimate), 4)
    0.452
    """
    return win_statistics(levels, arm, included=included, level=level).log_win_odds


@takes_labels
def net_benefit(
    levels: Sequence[Level],
    arm: ArrayLike,
    *,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> TestResult:
    """Return the share of wins less that of losses of all pairs; see :func:`win_statistics`.

    Examples
    --------
    >>> from lupusim.analysis import larger_is_better
    >>> level = larger_is_better([3.0, 1.0, 2.0, 2.0, 5.0, 4.0])
    >>> round(float(net_benefit([level], [1, 0, 1, 0, 0, 1]).estimate), 4)
    0.2222
    """
    return win_statistics(levels, arm, included=included, level=level).net_benefit


def win_ratio_of(found: WinStatistics) -> TestResult:
    """Return the log win ratio."""
    return found.log_win_ratio


def win_odds_of(found: WinStatistics) -> TestResult:
    """Return the log win odds."""
    return found.log_win_odds


def net_benefit_of(found: WinStatistics) -> TestResult:
    """Return wins minus losses."""
    return found.net_benefit


@dataclass(frozen=True, slots=True, kw_only=True)
class WinTest(TestMethod):
    """A comparison of all pairs of patients, outcome after outcome."""

    outcome: ClassVar = HierarchicalOutcome
    estimated_by: ClassVar = "all pairs"
    information_unit: ClassVar = "variance"
    nearly: ClassVar = "pairs"
    independent_increments: ClassVar = False  # what decides an open pair hangs on who is in it
    measure: Callable[[WinStatistics], TestResult]  # which of the win statistics is tested
    effect: str = field()  # what that estimates
    of_shares: Callable[[float, float], float]  # the same of shares of pairs won and lost

    def of_pairs(self, won: float, lost: float) -> float:
        """Return what it estimates if such shares of all pairs are won and lost."""
        return self.of_shares(won, lost)

    def information(self, outcome: HierarchicalOutcome, verdict: Verdict) -> FloatArray:
        r"""Return the variance of the score, :math:`m^2 Var(\hat\theta)`, shape (n_replicates,).

        Here :math:`\hat\theta` is wins less losses and :math:`m = n_0 n_1 / (n_0 + n_1)`. It grows
        with the patients, and with the pairs that their follow-up decides, as the variance of
        Gehan's score does: pairs that are open yet know nothing. Statistics of two looks are
        correlated at least as its ratio says, so bounds from it hold their level or less.
        """
        error = outcome.wins().net_benefit.standard_error
        n, n_control = (np.count_nonzero(outcome.included & (outcome.arm == k), 1) for k in (1, 0))
        pairs = ratio_or(n * n_control * 1.0, n + n_control * 1.0, 0.0)
        return np.where(np.isfinite(error), (pairs * error) ** 2, 0.0)

    def __call__(
        self, outcome: HierarchicalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        return verdict(self.measure(outcome.wins()), better, sided)


def _ratio(won: float, lost: float) -> float:
    return math.log(won / lost)


def _odds(won: float, lost: float) -> float:
    return math.log((1 + won - lost) / (1 - won + lost))


def _benefit(won: float, lost: float) -> float:
    return won - lost


_TESTED = {
    "win_ratio": (win_ratio_of, "log win ratio", _ratio),
    "win_odds": (win_odds_of, "log win odds", _odds),
    "net_benefit": (net_benefit_of, "net benefit", _benefit),
}
for _name, (_measure, _effect, _of_shares) in _TESTED.items():
    TESTS.register(_name)(WinTest(measure=_measure, effect=_effect, of_shares=_of_shares))
