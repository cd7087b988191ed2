"""Several outcomes, compared pair by pair from the most important on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from lupusim.analysis.numerics.win_levels import Level
from lupusim.analysis.numerics.win_statistics import WinStatistics, pair_shares, win_statistics
from lupusim.analysis.outcomes.outcome import Outcome
from lupusim.common.arrays import BoolArray, FloatArray, IntArray, StateArray
from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class HierarchicalOutcome(Outcome):
    """Several outcomes of every patient, from the most important to the least.

    Parameters
    ----------
    levels : sequence of Level
        What is compared of each outcome.
    included : (n_replicates, n_patients) boolean array
        Whether the patient is in the analysis.
    arm : (n_replicates, n_patients) int8 array
        0 for the control, 1 for the experimental arm.
    """

    levels: Sequence[Level]
    included: BoolArray
    arm: StateArray

    @property
    def analyzed(self) -> BoolArray:
        """Who is in the analysis."""
        return self.included

    def columns(self) -> tuple[NDArray[Any], ...]:
        """Return nothing: no plain function compares a hierarchy."""
        raise ValueError("a hierarchy of outcomes cannot be given to a plain function")

    def restricted_to(self, member: BoolArray) -> Self:
        """Return the outcome of some of the patients; of the others no level is known."""
        levels = tuple(level.known_of(member) for level in self.levels)
        return replace(self, levels=levels, included=self.included & member)

    def table(self) -> dict[str, NDArray[np.generic]]:
        """Return the bounds, or value and follow-up, of each level, and who is in the analysis."""
        known = {
            f"level_{number}_{name}": np.asarray(column)
            for number, level in enumerate(self.levels, start=1)
            for name, column in level.columns.items()
        }
        return {**known, "in_analysis": self.included}

    def wins(self, arm: int = 1) -> WinStatistics:
        """Return how the patients of an arm compare with the controls, pair by pair.

        It is computed once: what is shown of an arm and its test need the same pairs.
        """
        known = _wins.setdefault(self, {})
        if arm not in known:
            there = self.included & ((self.arm == arm) | (self.arm == 0))
            known[arm] = win_statistics(self.levels, self.arm == arm, included=there)
        return known[arm]

    def against(self, patients: IntArray, others: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return of each of some patients of one trial the shares of others that lose, and win."""
        return pair_shares(self.levels, patients, others)

    def shown(self, arm: int) -> dict[str, FloatArray]:
        """Return which shares of its pairs with controls an arm wins, loses and ties.

        In all, and on each level, counted from 1: pairs that it decides, and (`_ties`) that are
        still open after it. NaN where there are no pairs; nothing of the control itself.
        """
        if arm == 0:
            return {}
        found = self.wins(arm)
        shares = dict(zip(_PAIRS, (found.wins, found.losses, found.ties), strict=True))
        by_level = zip(found.level_wins, found.level_losses, found.level_ties, strict=True)
        for number, level in enumerate(by_level, start=1):
            shares |= {f"level_{number}_{k}": of for k, of in zip(_PAIRS, level, strict=True)}
        paired = found.wins + found.losses + found.ties > 0
        return {name: np.where(paired, share, np.nan) for name, share in shares.items()}


_PAIRS = ("wins", "losses", "ties")
_wins: WeakKeyDictionary[HierarchicalOutcome, dict[int, WinStatistics]] = WeakKeyDictionary()
