"""How arrivals scatter about the number that a rate lets expect: at random, or evenly."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from lupusim.common.arrays import FloatArray, blocks
from lupusim.common.frozen import dataclass


class ArrivalPattern(Protocol):
    """How the k-th arrival lies about the time at which k arrivals are expected."""

    def numbers(
        self, n_replicates: int, n: int, *, rng: np.random.Generator, after: FloatArray | None
    ) -> FloatArray:
        """Return the expected number of arrivals at the time of each of the next `n`.

        Increasing along each row, shape (n_replicates, n); `after`, (n_replicates,), is that
        of the last arrival before them, None for 0.
        """
        ...

    def within(self, n_replicates: int, n: int, *, rng: np.random.Generator) -> FloatArray:
        """Return when `n` arrive within a period of length 1; sorted, (n_replicates, n)."""
        ...

    def last_within(self, n_replicates: int, n: int, *, rng: np.random.Generator) -> FloatArray:
        """Return when the last of them arrives, the same as `within` has it; (n_replicates,)."""
        ...

    def shortened(self, times: FloatArray, n: int) -> FloatArray:
        """Return the first `n` of more arrivals within a period, as the `n` that fill it.

        Relative to the period: `times` has more than `n` columns, and so has what is returned.
        """
        ...


@dataclass(frozen=True, slots=True)
class RandomArrivals:
    """A Poisson process; within a period, uniformly distributed times.

    Examples
    --------
    >>> RandomArrivals()
    RandomArrivals()
    """

    def numbers(
        self,
        n_replicates: int,
        n: int,
        *,
        rng: np.random.Generator,
        after: FloatArray | None = None,
    ) -> FloatArray:
        """Return a unit-rate Poisson process, shape (n_replicates, n)."""
        gaps = rng.standard_exponential((n_replicates, n))
        if after is not None and n:
            gaps[:, 0] += after
        return np.cumsum(gaps, axis=1)

    def within(self, n_replicates: int, n: int, *, rng: np.random.Generator) -> FloatArray:
        """Return sorted uniform numbers, shape (n_replicates, n)."""
        from lupusim.common.rng import fill_sorted  # a check draws nothing

        times = np.empty((n_replicates, n))
        # SPEED: drawn and sorted while it is in cache (benchmarks/cases.py)
        for block in blocks(n_replicates, n):
            fill_sorted(times[block], rng=rng)
        return times

    def last_within(self, n_replicates: int, n: int, *, rng: np.random.Generator) -> FloatArray:
        """Return the largest of uniform numbers, shape (n_replicates,)."""
        from lupusim.common.rng import fill_largest

        last = np.empty(n_replicates)
        fill_largest(last, of=n, rng=rng)
        return last

    def shortened(self, times: FloatArray, n: int) -> FloatArray:
        """Return order statistics over the next one, which is the length of their period."""
        return np.asarray(times / times[:, n, None])


@dataclass(frozen=True, slots=True)
class EvenArrivals:
    """The k-th arrives when k are expected; within a period, the last at its end.

    Examples
    --------
    >>> EvenArrivals()
    EvenArrivals()
    """

    def numbers(
        self,
        n_replicates: int,
        n: int,
        *,
        rng: np.random.Generator,
        after: FloatArray | None = None,
    ) -> FloatArray:
        """Return 1, 2, 3 and so on, shape (n_replicates, n)."""
        start = np.zeros(n_replicates) if after is None else after
        return start[:, None] + np.arange(1.0, n + 1)

    def within(self, n_replicates: int, n: int, *, rng: np.random.Generator) -> FloatArray:
        """Return 1/n, 2/n ... 1, shape (n_replicates, n)."""
        return np.tile(np.arange(1.0, n + 1) / n, (n_replicates, 1))

    def last_within(self, n_replicates: int, n: int, *, rng: np.random.Generator) -> FloatArray:
        """Return ones: the end of the period."""
        return np.ones(n_replicates)

    def shortened(self, times: FloatArray, n: int) -> FloatArray:
        """Return the arrivals over the last of the first `n`."""
        return np.asarray(times / times[:, n - 1, None])


ARRIVALS: dict[str, ArrivalPattern] = {"random": RandomArrivals(), "even": EvenArrivals()}
"""Patterns by their name in files."""

RANDOM = ARRIVALS["random"]
