"""Loops over patients: the sums of control variates, and the date of the n-th event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lupusim.common.arrays import BoolArray, FloatArray, StateArray
from lupusim.common.compiled.loops import loop

if TYPE_CHECKING:
    from lupusim.analysis.survival.logrank_looks import Exits
    from lupusim.simulation.controls import Table

_LEAST = 1e-300  # what is smaller cannot be divided by
_Cells = NDArray[np.int32]


def added_until(date: FloatArray, exits: Exits, table: Table) -> FloatArray:
    """Do what `lupusim.simulation.controls.added_until` does."""
    found = np.empty(date.size)
    times = np.ascontiguousarray(exits.time), np.ascontiguousarray(exits.enrollment_time)
    kinds = np.ascontiguousarray(exits.event), np.ascontiguousarray(exits.arm)
    tables = np.array(table.adds), np.array(table.mean)
    _added(times, kinds, tables, date, 1.0 / table.width, found)
    return found


def nth_smallest(values: FloatArray, n: int) -> FloatArray:
    """Do what `lupusim.trial.looks.events.nth_smallest` does."""
    found, left = np.empty(len(values)), np.empty(len(values), dtype=bool)
    _nth(np.ascontiguousarray(values), n, found, left)
    rows = np.flatnonzero(left)
    if rows.size:
        found[rows] = np.partition(values[rows], n - 1, axis=1)[:, n - 1]
    return found


@loop("f8(f8[::1], i8, i8)")
def _eight_sums(values: FloatArray, begin: int, n: int) -> float:
    """Return the sum of 8 to 128 numbers: every eighth on its own, then all together."""
    a, b, c, d = values[begin], values[begin + 1], values[begin + 2], values[begin + 3]
    e, f, g, h = values[begin + 4], values[begin + 5], values[begin + 6], values[begin + 7]
    rest = begin + n - n % 8
    for k in range(begin + 8, rest, 8):
        a += values[k]
        b += values[k + 1]
        c += values[k + 2]
        d += values[k + 3]
        e += values[k + 4]
        f += values[k + 5]
        g += values[k + 6]
        h += values[k + 7]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for k in range(rest, begin + n):
        total += values[k]
    return float(total)


@loop("f8(f8[::1], i8, i8)")
def _pairwise_sum(values: FloatArray, begin: int, n: int) -> float:
    """Return the sum of `n` numbers from `begin` on, added in the order in which NumPy does."""
    if n < 8:
        total = -0.0
        for k in range(begin, begin + n):
            total += float(values[k])
        return total
    if n > 128:
        half = n // 2
        half -= half % 8
        return _pairwise_sum(values, begin, half) + _pairwise_sum(values, begin + half, n - half)
    return _eight_sums(values, begin, n)


@loop(
    "void(UniTuple(f8[:, ::1], 2), Tuple((b1[:, ::1], i1[:, ::1])), "
    "Tuple((f8[:, :, ::1], f8[:, ::1])), f8[::1], f8, f8[::1])"
)
def _added(
    times: tuple[FloatArray, FloatArray],
    kinds: tuple[BoolArray, StateArray],
    tables: tuple[FloatArray, FloatArray],
    date: FloatArray,
    cells_a_year: float,
    found: FloatArray,
) -> None:
    (exit_time, came), (event, arm), (adds, mean) = times, kinds, tables
    n, last = exit_time.shape[1], mean.shape[1] - 1.0
    added = np.empty(n)
    for row in range(date.size):
        for k in range(n):
            # whatever is not a number is 0: a place outside of the table would be read
            there = (date[row] - came[row, k]) * cells_a_year
            there = there if there > 0.0 else 0.0
            there = there if there < last else last
            time = exit_time[row, k] * cells_a_year
            seen = np.int64(event[row, k] and time <= there)
            time = time if time < there else there
            cell = np.int64(np.ceil(time if time > 0.0 else 0.0))
            added[k] = adds[arm[row, k], seen, cell] - mean[arm[row, k], np.int64(np.ceil(there))]
        found[row] = 0.0 + _pairwise_sum(added, 0, n)


@loop("b1(f8[::1], i4[::1], i4[::1])")
def _into_cells(values: FloatArray, cell: _Cells, count: _Cells) -> bool:
    """Count numbers by cells of equal width, infinite ones in the last; False if all are 0.

    Parameters
    ----------
    values : (n,) array
        To count.
    cell, count : (n,) and (n_cells,) 32-bit integer arrays
        Where to write the cell of each, and how many each cell has.
    """
    highest = 0.0
    for k in range(values.size):
        here = values[k]
        highest = here if highest < here < np.inf else highest
    count[:] = 0
    if highest < _LEAST:
        return False
    last, scale = count.size - 1.0, (count.size - 2) / highest
    for k in range(values.size):
        here = values[k] * scale
        here = here if here < last else last  # and what is not a number
        cell[k] = np.int32(here if here > 0.0 else 0.0)
    for k in range(values.size):
        count[cell[k]] += 1
    return True


@loop("f8[::1](f8[::1], i4[::1], i8, f8[::1])")
def _of_cell(values: FloatArray, cell: _Cells, here: int, inside: FloatArray) -> FloatArray:
    """Return the numbers of a cell in their order, in room for as many."""
    m = 0
    for k in range(values.size):
        if cell[k] == here:
            place = m
            while place > 0 and inside[place - 1] > values[k]:
                inside[place] = inside[place - 1]
                place -= 1
            inside[place] = values[k]
            m += 1
    return inside


@loop("void(f8[:, ::1], i8, f8[::1], b1[::1])")
def _nth(values: FloatArray, n: int, found: FloatArray, left: BoolArray) -> None:
    """Find the n-th smallest of each row by cells of equal width; `left`: where that fails."""
    cell, count = np.empty(values.shape[1], np.int32), np.empty(512, np.int32)
    inside = np.empty(64)
    for row in range(len(values)):
        left[row] = not _into_cells(values[row], cell, count)
        if left[row]:
            continue
        here, before = 0, 0
        while before + count[here] < n:
            before += count[here]
            here += 1
        if here == count.size - 1:
            found[row] = np.inf
        elif count[here] > inside.size:
            left[row] = True
        else:
            found[row] = _of_cell(values[row], cell, here, inside)[n - 1 - before]
