"""How a loop over numbers is compiled.

What a loop adds up it adds in the order in which NumPy does, so that the bits are the same. A loop
calls none of another module: Numba would not see that it has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_Loop = TypeVar("_Loop", bound=Callable[..., object])


def loop(signature: str) -> Callable[[_Loop], _Loop]:
    """Compile a function of arrays for one signature, once for all processes of this machine.

    Numba keeps it beside the module, where that can't be written in the user's cache folder, or
    in ``NUMBA_CACHE_DIR``. Optimizations that change what a sum is are left out.
    """
    compiler: Any = numba
    return cast(Callable[[_Loop], _Loop], compiler.njit(signature, cache=True, error_model="numpy"))
