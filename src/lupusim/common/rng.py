"""The only place that makes random generators: one named stream per purpose, and its numbers."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from lupusim.common.arrays import BLOCK_SIZE, BoolArray, FloatArray, blocks
from lupusim.common.compiled.choice import with_compiled


def stream(seed: int, *name: int | str) -> np.random.Generator:
    """Return the generator reserved for one purpose.

    The same seed and name give the same numbers on every machine, in whatever order and
    on however many cores the streams are asked for; different names are independent.

    Parameters
    ----------
    seed : int
        Seed of the whole run, 0 or above.
    *name : int or str
        What the numbers are for, such as ``stream(1, "block", 7, "arm", "placebo")``.

    Raises
    ------
    ValueError
        If `seed` is negative or not a whole number.

    Examples
    --------
    >>> bool(stream(1, "dropout").random() == stream(1, "dropout").random())
    True
    >>> bool(stream(1, "dropout").random() == stream(1, "enrollment").random())
    False
    """
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed={seed!r} must be a whole number, 0 or above")
    key = [part if isinstance(part, int) else crc32(part.encode()) for part in name]
    # SPEED: SFC64 draws exponentials 15 to 30 % faster than PCG64 (benchmarks/engine.py).
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))


@with_compiled("draws")
def fill_exponential(out: FloatArray, *, rng: np.random.Generator) -> None:
    """Fill an array with unit-exponential numbers."""
    rng.standard_exponential(out=out)


@with_compiled("draws")
def fill_sorted(out: FloatArray, *, rng: np.random.Generator) -> None:
    """Fill each row of an (n_replicates, n) array with sorted uniform numbers from 0 to 1."""
    rng.random(out=out)
    out.sort(axis=1)


@with_compiled("draws")
def fill_within(out: BoolArray, *, scale: float, limit: float, rng: np.random.Generator) -> None:
    """Fill an (n,) array with whether unit-exponential numbers, times `scale`, are up to `limit`.

    They are the numbers, in the order, of :func:`fill_exponential`, of which nobody else is told.
    """
    drawn = np.empty(min(out.size, BLOCK_SIZE))  # one after the other: it stays in cache
    for part in blocks(out.size, 1):
        here = out[part]
        times = drawn[: here.size]
        fill_exponential(times, rng=rng)
        times *= scale
        np.less_equal(times, limit, out=here)


@with_compiled("draws")
def fill_largest(out: FloatArray, *, of: int, rng: np.random.Generator) -> None:
    """Fill an (n,) array with the largest in each row of :func:`fill_sorted`, of so many numbers.

    Nothing is sorted.
    """
    drawn = np.empty((min(out.size, max(1, BLOCK_SIZE // max(of, 1))), of))
    for part in blocks(out.size, of):
        numbers = drawn[: out[part].size]
        rng.random(out=numbers)
        numbers.max(axis=1, out=out[part])
