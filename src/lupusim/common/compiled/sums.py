"""Loops over patients: the sums of control variates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, StateArray
from lupusim.common.compiled.loops import loop, ready

if TYPE_CHECKING:
    from lupusim.analysis.survival.exit_sums import Table
    from lupusim.analysis.survival.logrank_looks import Exits

_Pair = tuple[FloatArray, FloatArray]
_Columns = tuple[_Pair, tuple[BoolArray, StateArray], _Pair]


def added_until(date: FloatArray, exits: Exits, table: Table) -> FloatArray:
    """Do what `lupusim.analysis.survival.exit_sums.added_until` does."""
    found = np.empty(date.size)
    _added(*_columns(exits, table), date, 1.0 / table.width, found)
    return found


def added_by_each(date: FloatArray, exits: Exits, table: Table) -> FloatArray:
    """Do what `lupusim.analysis.survival.exit_sums.added_by_each` does."""
    added = np.empty(exits.time.shape)
    _added_by_each(*_columns(exits, table), date, 1.0 / table.width, added)
    return added


def _columns(exits: Exits, table: Table) -> _Columns:
    times = ready(exits.time), ready(exits.enrollment_time)
    kinds = ready(exits.event), ready(exits.arm)
    return times, kinds, (np.array(table.adds), np.array(table.mean))


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
    "void(UniTuple(f8[::1], 2), Tuple((b1[::1], i1[::1])), Tuple((f8[:, :, ::1], f8[:, ::1])), "
    "f8, f8, f8[::1])"
)
def _added_in_row(
    times: tuple[FloatArray, FloatArray],
    kinds: tuple[BoolArray, StateArray],
    tables: tuple[FloatArray, FloatArray],
    date: float,
    cells_a_year: float,
    added: FloatArray,
) -> None:
    (exit_time, came), (event, arm), (adds, mean) = times, kinds, tables
    last = mean.shape[1] - 1.0
    for k in range(added.size):
        # whatever is not a number is 0: a place outside of the table would be read
        there = (date - came[k]) * cells_a_year
        there = there if there > 0.0 else 0.0
        there = there if there < last else last
        time = exit_time[k] * cells_a_year
        seen = np.int64(event[k] and time <= there)
        time = time if time < there else there
        cell = np.int64(np.ceil(time if time > 0.0 else 0.0))
        added[k] = adds[arm[k], seen, cell] - mean[arm[k], np.int64(np.ceil(there))]


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
    n = times[0].shape[1]
    added = np.empty(n)
    for row in range(date.size):
        in_row = (times[0][row], times[1][row]), (kinds[0][row], kinds[1][row])
        _added_in_row(in_row[0], in_row[1], tables, date[row], cells_a_year, added)
        found[row] = 0.0 + _pairwise_sum(added, 0, n)


@loop(
    "void(UniTuple(f8[:, ::1], 2), Tuple((b1[:, ::1], i1[:, ::1])), "
    "Tuple((f8[:, :, ::1], f8[:, ::1])), f8[::1], f8, f8[:, ::1])"
)
def _added_by_each(
    times: tuple[FloatArray, FloatArray],
    kinds: tuple[BoolArray, StateArray],
    tables: tuple[FloatArray, FloatArray],
    date: FloatArray,
    cells_a_year: float,
    added: FloatArray,
) -> None:
    for row in range(date.size):
        in_row = (times[0][row], times[1][row]), (kinds[0][row], kinds[1][row])
        _added_in_row(in_row[0], in_row[1], tables, date[row], cells_a_year, added[row])
