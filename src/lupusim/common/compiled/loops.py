"""How a loop over numbers is compiled.

What a loop adds up it adds in the order in which NumPy does, so that the bits are the same. A loop
calls none of another module: Numba would not see that it has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

_Loop = TypeVar("_Loop", bound=Callable[..., object])
_Number = TypeVar("_Number", bound=np.generic)


def ready(array: NDArray[_Number]) -> NDArray[_Number]:
    """Return an array as a loop takes it: row by row, and not read-only."""
    return np.require(array, requirements=("C", "W"))


def loop(signature: str) -> Callable[[_Loop], _Loop]:
    """Compile a function of arrays for one signature, once for all processes of this machine.

    Numba keeps it beside the module, where that can't be written in the user's cache folder, or
    in ``NUMBA_CACHE_DIR``. Optimizations that change what a sum is are left out.
    """
    compiler: Any = numba
    return cast(Callable[[_Loop], _Loop], compiler.njit(signature, cache=True, error_model="numpy"))


def inlined(function: _Loop) -> _Loop:
    """Have a short function written into the loops of its module that call it.

    So they are optimized together: a loop over lanes then uses vector instructions.
    """
    compiler: Any = numba
    return cast(_Loop, compiler.njit(inline="always", error_model="numpy")(function))
