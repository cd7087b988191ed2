"""Array types for signatures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.intp]
StateArray: TypeAlias = NDArray[np.int8]
BoolArray: TypeAlias = NDArray[np.bool_]

BLOCK_SIZE = 48_000
"""Patients per block: its arrays stay in cache, and the calls that each block costs weigh little
(benchmarks/analyses.py; a log-rank test is a fifth faster than with a third of it)."""


def blocks(n_replicates: int, n_patients: int) -> Iterator[slice]:
    """Yield slices of replicates whose patients fit into cache together."""
    size = max(1, BLOCK_SIZE // max(n_patients, 1))
    for start in range(0, n_replicates, size):
        yield slice(start, min(start + size, n_replicates))


def read_only(array: FloatArray) -> FloatArray:
    """Return a copy of `array` that nobody can change."""
    frozen = np.array(array, dtype=float)
    frozen.setflags(write=False)
    return frozen
