"""How the counts at the ends of cycles stand for what happens within them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model.rewards import Rewards

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Cycles, and what a later one counts."""

    n_cycles: int
    cycle: float  # length of a cycle, years
    discount: float  # yearly rate

    @property
    def times(self) -> FloatArray:
        """Study times (n_cycles + 1,) of the counts, years."""
        return np.asarray(np.arange(self.n_cycles + 1) * np.float64(self.cycle))

    def factors(self) -> FloatArray:
        """Return the discount factor of each count."""
        return np.asarray((1 + self.discount) ** -self.times)

    def due_in(self, rewards: Rewards) -> FloatArray:
        """Return whether rewards are due in each cycle (n_cycles,), 0 or 1."""
        begin, end = self.times[:-1], self.times[1:]
        due = (begin >= rewards.begins - _ROUNDING) & (end <= rewards.ends + _ROUNDING)
        return np.asarray(due.astype(float))


Weights = tuple[FloatArray, FloatArray]
"""Of the counts (n_cycles + 1,), in years, and of the moves in each cycle (n_cycles,)."""

Correction = Callable[[Calendar, Rewards], Weights]
"""Gives the discounted weights with which counts and moves are worth their rewards."""


def _by_counts(weights: Callable[[int], FloatArray]) -> Correction:
    """Weigh the count at each cycle's end; moves count with the end of their cycle.

    Where rewards begin or end between two cycles, that count stands for both sides.
    """

    def weigh(calendar: Calendar, rewards: Rewards) -> Weights:
        due = calendar.due_in(rewards)
        at_counts = np.concatenate([due[:1], 0.5 * (due[1:] + due[:-1]), due[-1:]])
        factors = calendar.factors() * weights(calendar.n_cycles)
        return calendar.cycle * factors * at_counts, factors[1:] * due

    return weigh


def _by_cycles(early: float, late: float, discounted_from: int) -> Correction:
    """Take a mean of the counts at both ends of each cycle; moves count whole.

    A cycle is discounted as at its beginning (`discounted_from` 0) or its end (1).
    """

    def weigh(calendar: Calendar, rewards: Rewards) -> Weights:
        n_cycles = calendar.n_cycles
        factors = calendar.factors()[discounted_from : discounted_from + n_cycles]
        each = factors * calendar.due_in(rewards)
        at_counts = np.zeros(n_cycles + 1)
        at_counts[:-1] += early * each
        at_counts[1:] += late * each
        return calendar.cycle * at_counts, each

    return weigh


def _ones(n_cycles: int) -> FloatArray:
    return np.ones(n_cycles + 1)


def _half_at_both_ends(n_cycles: int) -> FloatArray:
    weights = np.ones(n_cycles + 1)
    weights[[0, -1]] = 0.5
    return weights


def _one_two_four_thirds(n_cycles: int) -> FloatArray:
    """Return 1/3, 2/3, 4/3, 2/3, ... 1/3, as in the published code of Sick-Sicker.

    Simpson's rule has 4/3 first, and an even number of intervals.
    """
    weights = np.where(np.arange(n_cycles + 1) % 2 == 1, 2 / 3, 4 / 3)
    weights[[0, -1]] = 1 / 3
    return np.asarray(weights)


def _simpson(n_cycles: int) -> FloatArray:
    """Return the weights of Simpson's rule; of the 3/8 rule for the last three of an odd number."""
    weights = np.zeros(n_cycles + 1)
    even = n_cycles if n_cycles % 2 == 0 else n_cycles - 3
    if n_cycles == 1:
        return np.array([0.5, 0.5])
    for begin in range(0, even, 2):
        weights[begin : begin + 3] += np.array([1, 4, 1]) / 3
    if even < n_cycles:
        weights[even:] += np.array([3, 9, 9, 3]) / 8
    return weights


CORRECTIONS: dict[str, Correction] = {
    "none": _by_counts(_ones),
    "half_cycle": _by_counts(_half_at_both_ends),
    "life_table": _by_cycles(0.5, 0.5, 0),
    "beginning": _by_cycles(1.0, 0.0, 0),
    "end": _by_cycles(0.0, 1.0, 1),
    "simpson": _by_counts(_simpson),
    "simpson_as_published": _by_counts(_one_two_four_thirds),
}
"""By name: every count once (``none``: one more than there are cycles), half a count at both ends,
the mean of both ends of each cycle discounted as at its beginning, the counts at the beginnings or
the ends of cycles, Simpson's rule, and the weights 1/3, 2/3, 4/3 ... 1/3 of the published
Sick-Sicker code, which are not Simpson's."""
