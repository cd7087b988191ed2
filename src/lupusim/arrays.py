"""Array types for signatures."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.intp]
StateArray: TypeAlias = NDArray[np.int8]
BoolArray: TypeAlias = NDArray[np.bool_]


def read_only(array: FloatArray) -> FloatArray:
    """Return a copy of `array` that nobody can change."""
    frozen = np.array(array, dtype=float)
    frozen.setflags(write=False)
    return frozen
