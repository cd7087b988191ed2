"""What a process does with the memory of freed arrays."""

from __future__ import annotations

import os
from functools import cache

import numpy as np

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # parameters of mallopt in <malloc.h>
_LARGEST_KEPT = 31 * 2**20  # bytes; glibc takes no more than 32 MB
_MOST_KEPT = 128 * 2**20


@cache
def keep_freed_memory() -> None:
    """Make the C library keep the memory of freed arrays in the process.

    SPEED: it hands arrays above a limit back to the system and has to fetch them again,
    page by page (benchmarks/cases.py: a third more trials a second; benchmarks/calibration.py:
    half as many vectors again). The limits are those of mallopt(3); Dask sets the second one so
    low that its workers take twice as long. Where there is no such function, freeing one large
    array lifts the first limit as well.
    """
    import ctypes

    np.empty(_LARGEST_KEPT, dtype=np.uint8)
    if os.name == "posix" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
        mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT)


def release_freed_memory() -> None:
    """Give the system back what is kept of freed arrays, where that can be done.

    SPEED: pages that a copied process shares are copied by whoever writes into them first, though
    nobody reads them any more (`event_rate`: 0.1 s of its first block).
    """
    import ctypes

    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
