"""Randomization that is the same whoever came before: simple, and in permuted blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import ClassVar

import numpy as np

from lupusim.common.arrays import IntArray, StateArray, without_repeats
from lupusim.common.frozen import dataclass
from lupusim.errors import Problem
from lupusim.trial.allocation.base import ALLOCATIONS, Unblocked, without_gaps

_FEW_STRATA = 64  # beyond, only those strata are dealt with in which there is somebody
_TABLE_LIMIT = 1000  # with more distinct blocks than this, blocks are shuffled instead


@ALLOCATIONS.register("simple")
@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleRandomization(Unblocked):
    """Every patient is randomized independently.

    Examples
    --------
    >>> SimpleRandomization()
    SimpleRandomization()
    """

    remembers: ClassVar[bool] = False
    in_order: ClassVar[bool] = True

    def sizes(self, ratio: tuple[int, int], n_patients: int) -> Mapping[tuple[int, int], float]:
        """Return the chance of each pair of arm sizes: binomial."""
        share, n = ratio[1] / sum(ratio), n_patients
        logs = [
            math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(n + 1)
        ]
        return {
            (n - k, k): math.exp(log + k * math.log(share) + (n - k) * math.log1p(-share))
            for k, log in enumerate(logs)
        }

    def numbers(
        self, ratio: Sequence[int], n_patients: IntArray, *, rng: np.random.Generator
    ) -> IntArray | None:
        """Return how many of the first patients of a stratum are on each arm, drawn."""
        shares = np.array(ratio) / sum(ratio)
        further = rng.multinomial(np.diff(n_patients, axis=1, prepend=0), shares)
        return np.asarray(further.cumsum(axis=1))

    def assign(
        self,
        ratio: Sequence[int],
        stratum: IntArray,
        *,
        rng: np.random.Generator,
    ) -> StateArray:
        """Return the arm of each patient, shape (n_replicates, n_patients)."""
        cards = np.repeat(np.arange(len(ratio), dtype=np.int8), ratio)
        return np.asarray(cards[rng.integers(cards.size, size=stratum.shape)])


@lru_cache(maxsize=1024)
def _dealt(first: int, second: int, n: int) -> tuple[tuple[int, float], ...]:
    """Return how many of `n` places of a block are of its second arm, and the chance of each."""
    # SPEED: sums over strata ask for the same blocks at each number of patients
    ways = math.comb(first + second, n)
    return tuple(
        (k, math.comb(second, k) * math.comb(first, n - k) / ways)
        for k in range(max(0, n - first), min(n, second) + 1)
    )


@ALLOCATIONS.register("permuted_block")
@dataclass(frozen=True, slots=True, kw_only=True)
class PermutedBlocks:
    """Randomization in permuted blocks, within each stratum.

    Parameters
    ----------
    block_size : int
        Patients per block; a multiple of the sum of the allocation ratio.

    Examples
    --------
    >>> PermutedBlocks(block_size=4).block_size
    4
    """

    remembers: ClassVar[bool] = False
    in_order: ClassVar[bool] = True

    block_size: int

    def problems(self, ratio: Sequence[int]) -> Iterator[Problem]:
        """Yield that a block does not hold the ratio a whole number of times."""
        total = sum(ratio)
        if self.block_size < 1 or self.block_size % total:
            yield Problem(
                key="allocation.block_size",
                fault=f"{self.block_size} is no multiple of {total}, the sum of the ratio",
                fix=f"Give {total}, {2 * total}, {3 * total} ...",
            )

    def among(self, ratio: Sequence[int], whole: Sequence[int]) -> PermutedBlocks:
        """Return blocks of some of the arms, each as often as in a block of all."""
        return PermutedBlocks(block_size=self.block_size // sum(whole) * sum(ratio))

    def sizes(self, ratio: tuple[int, int], n_patients: int) -> Mapping[tuple[int, int], float]:
        """Return the chance of each pair of arm sizes.

        A last block that is not filled deals its places as if drawn without replacement.
        """
        whole, rest = divmod(n_patients, self.block_size)
        each = self.block_size // sum(ratio)
        first, second = ratio[0] * each, ratio[1] * each
        return {
            (whole * first + rest - k, whole * second + k): chance
            for k, chance in _dealt(first, second, rest)
        }

    def numbers(
        self, ratio: Sequence[int], n_patients: IntArray, *, rng: np.random.Generator
    ) -> IntArray | None:
        """Return how many of the first patients of a stratum are on each arm, drawn.

        What a look sees of an unfilled block the next look sees too.
        """
        places = np.array(ratio) * (self.block_size // sum(ratio))
        blocks, rest = np.divmod(n_patients, self.block_size)
        opened = np.zeros((len(n_patients), places.size), dtype=np.intp)
        found = []
        for look in range(n_patients.shape[1]):
            if look:
                opened *= (blocks[:, look] == blocks[:, look - 1])[:, None]
            further = rest[:, look] - opened.sum(axis=1)
            opened += _drawn_from(places - opened, further, rng=rng)
            found.append(blocks[:, look, None] * places + opened)
        return np.stack(found, axis=1)

    def assign(
        self,
        ratio: Sequence[int],
        stratum: IntArray,
        *,
        rng: np.random.Generator,
    ) -> StateArray:
        """Return the arm of each patient, shape (n_replicates, n_patients).

        Raises
        ------
        ValueError
            If the block size is no multiple of the sum of the ratio.
        """
        repeats, rest = divmod(self.block_size, sum(ratio))
        if rest or repeats < 1:
            raise ValueError(
                f"block_size={self.block_size} must be a multiple of {sum(ratio)}, "
                "the sum of the allocation ratio"
            )
        block = np.repeat(np.arange(len(ratio), dtype=np.int8), np.multiply(ratio, repeats))
        n_strata = int(without_repeats(stratum).max(initial=0)) + 1
        if n_strata == 1:
            return self._sequence(block, stratum.shape, rng)
        if n_strata > _FEW_STRATA:
            return self._where_met(block, without_gaps(stratum), rng)
        arm = np.empty(stratum.shape, dtype=np.int8)
        place = np.arange(stratum.shape[1])
        for level in range(n_strata):
            here = stratum == level
            sequence = self._sequence(block, stratum.shape, rng)
            # the first of a sequence, as many as there are, go to them in their order
            arm[here] = sequence[place < np.count_nonzero(here, axis=1)[:, None]]
        return arm

    def _sequence(
        self, block: StateArray, shape: tuple[int, ...], rng: np.random.Generator
    ) -> StateArray:
        """Return permuted blocks end to end, cut to `shape`."""
        n_replicates, n_patients = shape
        n_blocks = -(-n_patients // self.block_size)
        blocks = self._permuted(block, (n_replicates, n_blocks), rng)
        return np.asarray(blocks.reshape(n_replicates, -1)[:, :n_patients])

    def _where_met(
        self, block: StateArray, stratum: IntArray, rng: np.random.Generator
    ) -> StateArray:
        """Return the arms of patients in many strata: blocks are drawn where one is opened."""
        n_replicates, n_patients = stratum.shape
        order = np.argsort(stratum, axis=1, kind="stable")
        ascending = np.take_along_axis(stratum, order, axis=1)
        place = np.arange(n_patients)
        first = np.diff(ascending, axis=1, prepend=-1) > 0
        rank = np.empty_like(stratum)
        begin = np.maximum.accumulate(np.where(first, place, 0), axis=1)
        np.put_along_axis(rank, order, place - begin, axis=1)
        own = np.arange(n_replicates)[:, np.newaxis] * (int(stratum.max()) + 1) + stratum
        opened, number = np.unique(own * n_patients + rank // self.block_size, return_inverse=True)
        blocks = self._permuted(block, (opened.size,), rng)
        return np.asarray(blocks[number.reshape(stratum.shape), rank % self.block_size])

    def _permuted(
        self, block: StateArray, size: tuple[int, ...], rng: np.random.Generator
    ) -> StateArray:
        """Return so many permuted blocks, each along the last axis."""
        counts = np.bincount(block)
        n_distinct = math.factorial(block.size) // math.prod(map(math.factorial, counts.tolist()))
        if n_distinct <= _TABLE_LIMIT:
            # SPEED: every distinct block is listed once, and blocks are drawn by number
            # (benchmarks/engine.py).
            table = _distinct_permutations(block, counts)
            return table.take(rng.integers(len(table), size=size), axis=0)
        return np.asarray(block[np.argsort(rng.random((*size, block.size)), axis=-1)])


def _drawn_from(left: IntArray, n_drawn: IntArray, *, rng: np.random.Generator) -> IntArray:
    """Return how many places of each arm are drawn of those left, without replacement.

    Parameters
    ----------
    left : (n_replicates, n_arms) array
        Places of each arm.
    n_drawn : (n_replicates,) array
        How many are drawn.
    """
    found, others = np.empty_like(left), left.sum(axis=1)
    for arm in range(left.shape[1]):
        others = others - left[:, arm]
        found[:, arm] = rng.hypergeometric(left[:, arm], others, n_drawn)
        n_drawn = n_drawn - found[:, arm]
    return found


def _distinct_permutations(block: StateArray, counts: IntArray) -> StateArray:
    """Return every distinct order of a block, a row each."""
    rows: list[tuple[int, ...]] = [()]
    for _ in range(block.size):
        rows = [
            (*row, arm)
            for row in rows
            for arm in range(counts.size)
            if row.count(arm) < counts[arm]
        ]
    return np.array(rows, dtype=np.int8)
