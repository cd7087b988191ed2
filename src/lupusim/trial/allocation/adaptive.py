"""Randomization that looks at who has which arm so far: biased coin, urn, minimization.

Any ratio: with a ratio of 2 to 1 patients are randomized evenly between three cards, two of
which are the first arm, so that every single patient has an arm with probability 2/3 and 1/3
(Kuznetsova and Tymofyeyev 2012, Statistics in Medicine 31, 701-723).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from typing import ClassVar

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray, StateArray
from lupusim.common.compiled.choice import with_compiled
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import SHARE, check_ranges
from lupusim.errors import Problem
from lupusim.trial.allocation.base import ALLOCATIONS, Unblocked, without_gaps

_TWO = 2


def _cards(ratio: Sequence[int]) -> StateArray:
    """Return an arm per card, as few cards as the ratio allows."""
    divisor = math.gcd(*ratio)
    parts = [part // divisor for part in ratio]
    return np.repeat(np.arange(len(ratio), dtype=np.int8), parts)


def _worse_than_chance(probability: float, ratio: Sequence[int]) -> Iterator[Problem]:
    if probability * sum(ratio) < 1:
        yield Problem(
            key="allocation.probability",
            fault=f"{probability:g} is less than chance, and would deal for imbalance",
            fix=f"Give at least 1/{sum(ratio)}, one over the sum of the ratio, and at most 1.",
        )


def _deal(
    cards: StateArray,
    margins: Sequence[IntArray],
    weights: Callable[[IntArray], FloatArray],
    *,
    rng: np.random.Generator,
) -> StateArray:
    """Deal cards as `_dealt`, and return their arms; `cards`: the arm of each card."""
    uniform = rng.random(margins[0].shape[::-1])
    return np.asarray(cards[_dealt(cards.size, margins, weights, uniform)])


def _dealt(
    n_cards: int,
    margins: Sequence[IntArray],
    weights: Callable[[IntArray], FloatArray],
    uniform: FloatArray,
) -> StateArray:
    """Deal a card to patient after patient, in all replicates at once.

    Parameters
    ----------
    n_cards : int
        How many cards there are.
    margins : sequence of (n_replicates, n_patients) integer arrays
        For each factor, everybody's level.
    weights : callable
        Takes the cards dealt so far among patients like the next one, by factor, shape
        (n_cards, n_factors, n_replicates), and returns weights (n_cards, n_replicates).
    uniform : (n_patients, n_replicates) array
        A random number for each.
    """
    # SPEED: replicates lie last, so that each operation on a few cards and factors runs over
    # them all (benchmarks/cases.py: minimization takes half as long)
    place, places = _places(margins)
    dealt = np.zeros((n_cards, places), dtype=np.int32)
    anybody = dealt.reshape(-1)
    cards = np.empty(uniform.shape, dtype=np.int8)
    for own, number, card in zip(place, uniform, cards, strict=True):
        cumulative = np.cumsum(weights(dealt.take(own, axis=1)), axis=0)
        drawn = (number * cumulative[-1] >= cumulative).sum(axis=0)
        np.minimum(drawn, n_cards - 1, out=card, casting="unsafe")
        anybody[own + card * np.intp(places)] += 1
    return np.ascontiguousarray(cards.T)


def _places(margins: Sequence[IntArray]) -> tuple[IntArray, int]:
    """Return a place for each patient's level of each factor, and how many there are.

    Shape (n_patients, n_factors, n_replicates); replicates share none.
    """
    n_replicates = len(margins[0])
    n_levels = max(int(margin.max(initial=0)) + 1 for margin in margins)
    factor = np.arange(len(margins))[None, :, None] * n_levels
    level = np.stack([margin.T for margin in margins], axis=1) + factor
    place = level * n_replicates + np.arange(n_replicates)
    return place, len(margins) * n_levels * n_replicates


def _favor(best: BoolArray, probability: float) -> FloatArray:
    """Return weights: `probability` shared by the best cards, the rest by the others."""
    n_cards = len(best)
    n_best = best.sum(axis=0)
    n_others = np.maximum(n_cards - n_best, 1)
    uneven = np.where(best, probability / n_best, (1 - probability) / n_others)
    return np.where(n_best == n_cards, 1.0, uneven)


@ALLOCATIONS.register("biased_coin")
@dataclass(frozen=True, slots=True, kw_only=True)
class BiasedCoin(Unblocked):
    """Efron's biased coin, within each stratum.

    Parameters
    ----------
    probability : float
        Of a card that fewest patients of the stratum have so far. Where all cards are even
        the coin is fair; 1 is strict alternation in a random order.

    References
    ----------
    Efron (1971), Biometrika 58, 403-417, who proposes 2/3.

    Examples
    --------
    >>> BiasedCoin().probability
    0.6666666666666666
    """

    in_order: ClassVar[bool] = True

    probability: float = field(default=2 / 3, metadata=SHARE)

    def __post_init__(self) -> None:
        check_ranges(self)

    def problems(self, ratio: Sequence[int]) -> Iterator[Problem]:
        """Yield that its coin favors imbalance."""
        yield from _worse_than_chance(self.probability, ratio)

    def assign(
        self, ratio: Sequence[int], stratum: IntArray, *, rng: np.random.Generator
    ) -> StateArray:
        """Return the arm of each patient, shape (n_replicates, n_patients)."""

        def weights(dealt: IntArray) -> FloatArray:
            return _favor(dealt[:, 0] == dealt[:, 0].min(axis=0), self.probability)

        return _deal(_cards(ratio), [without_gaps(stratum)], weights, rng=rng)


@ALLOCATIONS.register("urn")
@dataclass(frozen=True, slots=True, kw_only=True)
class Urn(Unblocked):
    """Wei's urn, within each stratum: a ball decides, and others are added.

    Parameters
    ----------
    start : float
        Balls of each card at the start (Wei's alpha), 0 or above.
    added : float
        Balls added for every other card after each patient (Wei's beta), 0 or above; not
        both 0. With `added` 0 it is simple randomization.

    References
    ----------
    Wei (1978), Journal of the American Statistical Association 73, 559-563.

    Examples
    --------
    >>> Urn().added
    1.0
    """

    in_order: ClassVar[bool] = True

    start: float = 0.0
    added: float = 1.0

    def __post_init__(self) -> None:
        if not (self.start >= 0 and self.added >= 0 and 0 < self.start + self.added < math.inf):
            raise ValueError(
                f"start={self.start!r} and added={self.added!r} must be 0 or above, not both 0"
            )

    def assign(
        self, ratio: Sequence[int], stratum: IntArray, *, rng: np.random.Generator
    ) -> StateArray:
        """Return the arm of each patient, shape (n_replicates, n_patients)."""

        def weights(dealt: IntArray) -> FloatArray:
            others = dealt[:, 0].sum(axis=0) - dealt[:, 0]
            balls = self.start + self.added * others
            empty = balls.sum(axis=0) == 0
            return np.asarray(np.where(empty, 1.0, balls), dtype=float)

        return _deal(_cards(ratio), [without_gaps(stratum)], weights, rng=rng)


@ALLOCATIONS.register("minimization")
@dataclass(frozen=True, slots=True, kw_only=True)
class Minimization(Unblocked):
    """Pocock and Simon's minimization over the margins of the stratification factors.

    For each card the imbalance after dealing it to the next patient is the sum, over the
    factors, of the range of its counts among patients of the same level.

    Parameters
    ----------
    n_levels : tuple of int
        Levels of each factor that the trial's allocation is stratified by, in that order;
        empty for none.
    probability : float
        Of a card that leaves the least imbalance; 1 is deterministic but for ties.

    References
    ----------
    Pocock and Simon (1975), Biometrics 31, 103-115, section 3.

    Examples
    --------
    >>> Minimization().probability
    0.8
    """

    in_order: ClassVar[bool] = True

    n_levels: tuple[int, ...] = ()
    probability: float = field(default=0.8, metadata=SHARE)

    def __post_init__(self) -> None:
        check_ranges(self)
        if any(n < 1 for n in self.n_levels):
            raise ValueError(f"n_levels={self.n_levels} must each be at least 1")

    def problems(self, ratio: Sequence[int]) -> Iterator[Problem]:
        """Yield that its coin favors imbalance."""
        yield from _worse_than_chance(self.probability, ratio)

    def assign(
        self, ratio: Sequence[int], stratum: IntArray, *, rng: np.random.Generator
    ) -> StateArray:
        """Return the arm of each patient, shape (n_replicates, n_patients).

        Raises
        ------
        ValueError
            If a stratum's number is beyond what the levels make.
        """
        if stratum.max(initial=0) >= math.prod(self.n_levels):
            raise ValueError(f"stratum {stratum.max()} is none of levels {self.n_levels}")
        margins = np.unravel_index(stratum, self.n_levels) if self.n_levels else (stratum,)
        cards = _cards(ratio)
        uniform = rng.random(stratum.shape[::-1])
        return np.asarray(cards[minimized(cards.size, list(margins), uniform, self.probability)])


@with_compiled("deals")
def minimized(
    n_cards: int, margins: list[IntArray], uniform: FloatArray, probability: float
) -> StateArray:
    """Return the card of each patient by minimization, (n_replicates, n_patients).

    Parameters
    ----------
    n_cards : int
        How many cards there are.
    margins, uniform
        See `_dealt`.
    probability : float
        See `Minimization`.
    """
    if n_cards == _TWO:
        return _minimized_of_two(margins, uniform, probability)
    one_more = np.eye(n_cards, dtype=np.int32)[:, :, None, None]

    def weights(dealt: IntArray) -> FloatArray:
        after = dealt + one_more
        imbalance = (after.max(axis=1) - after.min(axis=1)).sum(axis=1)
        return _favor(imbalance == imbalance.min(axis=0), probability)

    return _dealt(n_cards, margins, weights, uniform)


def _minimized_of_two(
    margins: list[IntArray], uniform: FloatArray, probability: float
) -> StateArray:
    r"""Return the same of two cards.

    SPEED: of the counts their difference :math:`m` is enough, as with the first card they are
    farther apart than with the second by :math:`\sum |m + 1| - |m - 1| = 2 \sum \text{sign}(m)`,
    so that a patient costs half (benchmarks/cases.py).
    """
    place, places = _places(margins)
    lead = np.zeros(places, dtype=np.int32)  # of the first card
    # weights where it is behind, even, ahead
    first = np.array([probability, 1.0, 1 - probability])
    both = first + first[::-1]
    cards = np.empty(uniform.shape, dtype=np.int8)
    for own, number, card in zip(place, uniform, cards, strict=True):
        balance = np.sign(np.sign(lead.take(own)).sum(axis=0)) + 1
        card[:] = number * both.take(balance) >= first.take(balance)
        lead[own] += 1 - 2 * card
    return np.ascontiguousarray(cards.T)
