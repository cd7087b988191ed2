"""Array types for signatures, blocks of replicates, and tables of patients column by column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.intp]
StateArray: TypeAlias = NDArray[np.int8]
BoolArray: TypeAlias = NDArray[np.bool_]
_LARGEST_BYTE, _TWO_BYTES = 2**8 - 1, 2**16
_Table = TypeVar("_Table")
_Number = TypeVar("_Number", bound=np.generic)

BLOCK_SIZE = 48_000
"""Patients per block: its arrays stay in cache, and the calls that each block costs weigh little
(benchmarks/analyses.py; a log-rank test is a fifth faster than with a third of it)."""


def blocks(n_replicates: int, n_patients: int) -> Iterator[slice]:
    """Yield slices of replicates whose patients fit into cache together."""
    size = max(1, BLOCK_SIZE // max(n_patients, 1))
    for start in range(0, n_replicates, size):
        yield slice(start, min(start + size, n_replicates))


def without_repeats(column: NDArray[_Number]) -> NDArray[_Number]:
    """Return the part of an array that broadcasting has repeated along its axes, to be read once.

    Examples
    --------
    >>> without_repeats(np.broadcast_to(np.intp(7), (800, 300))).tolist()
    [[7]]
    """
    return column[tuple(slice(None) if step else slice(1) for step in column.strides)]


def count_rows(mask: BoolArray) -> NDArray[Any]:
    """Return how many of each row of an (n_replicates, n_patients) array are true.

    Examples
    --------
    >>> count_rows(np.array([[True, False, True], [False, False, False]])).tolist()
    [2, 0]
    """
    # SPEED: bytes are added up four times as fast as numbers of eight bytes, and numbers of two
    # bytes three times (benchmarks/cases.py)
    small, n_patients = mask.view(np.uint8), mask.shape[1]
    if n_patients <= _LARGEST_BYTE:
        return np.asarray(np.einsum("ij->i", small), dtype=np.intp)
    wide = np.uint16 if n_patients < _TWO_BYTES else np.uint32
    return np.asarray(np.add.reduce(small, axis=1, dtype=wide), dtype=np.intp)


def read_only(array: FloatArray) -> FloatArray:
    """Return a copy of `array` that nobody can change."""
    frozen = np.array(array, dtype=float)
    frozen.setflags(write=False)
    return frozen


def each_column(table: _Table, change: Callable[[NDArray[Any]], NDArray[Any]]) -> _Table:
    """Return a table of patients with each of its columns changed.

    Parameters
    ----------
    table : dataclass, mapping, sequence or array
        Its arrays of two axes and more, (n_replicates, n_patients, ...), are columns, also
        inside of what it holds; all else stays as it is.
    change : callable
        Takes a column, returns another.
    """
    changed: _Table = _changed(table, change)
    return changed


def _changed(part: Any, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Any:
    if isinstance(part, np.ndarray):
        return change(part) if part.ndim > 1 else part
    if isinstance(part, Mapping):
        return {name: _changed(value, change) for name, value in part.items()}
    if isinstance(part, tuple | list):
        return tuple(_changed(value, change) for value in part)
    if is_dataclass(part) and not isinstance(part, type):
        held = {one.name: _changed(getattr(part, one.name), change) for one in fields(part)}
        return replace(part, **held)
    return part


def first_columns(table: _Table, n_patients: int) -> _Table:
    """Return a table of those patients who come first in each replicate."""
    return each_column(table, lambda column: column[:, :n_patients])


def one_row(table: _Table) -> _Table:
    """Return a table of the patients of all replicates as if they were those of one."""
    return each_column(table, lambda column: column.reshape(1, -1, *column.shape[2:]))
