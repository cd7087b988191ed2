"""Loops over patients: the sums of control variates, of log-rank tests and of Cox models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lupusim.common.arrays import BoolArray, FloatArray, StateArray
from lupusim.common.compiled.loops import loop, ready

if TYPE_CHECKING:
    from lupusim.analysis.survival.exit_sums import Table
    from lupusim.analysis.survival.logrank_looks import Exits
    from lupusim.analysis.survival.ordering import Room

_Pair = tuple[FloatArray, FloatArray]
_Cells = NDArray[np.uint32]
_Table = tuple[_Pair, int, float]
_Columns = tuple[_Pair, tuple[BoolArray, StateArray], _Table]


def added_until(date: FloatArray, exits: Exits, table: Table) -> FloatArray:
    """Do what `lupusim.analysis.survival.exit_sums.added_until` does."""
    found = np.empty(date.size)
    _added(*_columns(exits, table), date, found)
    return found


def added_by_each(date: FloatArray, exits: Exits, table: Table) -> FloatArray:
    """Do what `lupusim.analysis.survival.exit_sums.added_by_each` does."""
    added = np.empty(exits.time.shape)
    _added_by_each(*_columns(exits, table), date, added)
    return added


def share_sums(arm: StateArray, event: BoolArray, room: Room) -> FloatArray:
    """Do what `lupusim.analysis.survival.rank_sums.share_sums` does."""
    found, at_event = np.empty((3, len(arm))), room.at_event[: len(arm)]
    _share_sums(ready(arm), ready(event), at_event, found)
    _add_squares(at_event, found[2])
    return found


def sums_at_ratio(share: FloatArray, ratio: FloatArray, work: FloatArray) -> FloatArray:
    """Do what `lupusim.analysis.survival.cox_beside.sums_at_ratio` does."""
    found = np.empty((2, len(share)))
    _sums_at_ratio(ready(share), ready(ratio), work, found)
    _add_squares(work, found[1])
    return found


def _add_squares(values: FloatArray, found: FloatArray) -> None:
    if _ADDS_PAIRS:
        _square_sums(values, found)
    else:
        found[:] = np.einsum("ij,ij->i", values, values)


def _columns(exits: Exits, table: Table) -> _Columns:
    times = ready(exits.time), ready(exits.enrollment_time)
    kinds = ready(exits.event), ready(exits.arm)
    flat = table.adds.flatten(), table.mean.flatten()
    return times, kinds, (flat, table.mean.shape[1], 1.0 / table.width)


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


@loop("void(UniTuple(f8[::1], 2), Tuple((b1[::1], i1[::1])), i4, UniTuple(f8, 2), u4[:, ::1])")
def _find_cells(
    times: _Pair,
    kinds: tuple[BoolArray, StateArray],
    n_cells: int,
    until: tuple[float, float],
    cells: _Cells,
) -> None:
    """Write where in the flat tables what each patient adds, and its mean, are to be found."""
    (exit_time, came), (event, arm), (date, cells_a_year) = times, kinds, until
    last, one = n_cells - 1.0, np.int32(1)
    for k in range(arm.size):
        # whatever is not a number is 0: a place outside of the table would be read
        there = (date - came[k]) * cells_a_year
        there = there if there > 0.0 else 0.0
        there = there if there < last else last
        time = exit_time[k] * cells_a_year
        seen = np.int32(event[k] & (time <= there))
        time = time if time < there else there
        time = time if time > 0.0 else 0.0
        # SPEED: rounded up so, eight patients fit into a vector instruction
        cell, end = np.int32(time), np.int32(there)
        cell += one if cell < time else np.int32(0)
        end += one if end < there else np.int32(0)
        cells[0, k] = (np.int32(2) * arm[k] + seen) * n_cells + cell
        cells[1, k] = arm[k] * n_cells + end


@loop("void(UniTuple(f8[::1], 2), u4[:, ::1], f8[::1])")
def _look_up(tables: _Pair, cells: _Cells, added: FloatArray) -> None:
    adds, mean = tables
    for k in range(added.size):
        added[k] = adds[cells[0, k]] - mean[cells[1, k]]


@loop(
    "void(UniTuple(f8[:, ::1], 2), Tuple((b1[:, ::1], i1[:, ::1])), "
    "Tuple((UniTuple(f8[::1], 2), i4, f8)), f8[::1], f8[::1])"
)
def _added(
    times: _Pair,
    kinds: tuple[BoolArray, StateArray],
    table: _Table,
    date: FloatArray,
    found: FloatArray,
) -> None:
    n, (tables, n_cells, cells_a_year) = times[0].shape[1], table
    cells, added = np.empty((2, n), np.uint32), np.empty(n)
    for row in range(date.size):
        in_row = (times[0][row], times[1][row]), (kinds[0][row], kinds[1][row])
        _find_cells(in_row[0], in_row[1], n_cells, (date[row], cells_a_year), cells)
        _look_up(tables, cells, added)
        found[row] = 0.0 + _pairwise_sum(added, 0, n)


@loop(
    "void(UniTuple(f8[:, ::1], 2), Tuple((b1[:, ::1], i1[:, ::1])), "
    "Tuple((UniTuple(f8[::1], 2), i4, f8)), f8[::1], f8[:, ::1])"
)
def _added_by_each(
    times: _Pair,
    kinds: tuple[BoolArray, StateArray],
    table: _Table,
    date: FloatArray,
    added: FloatArray,
) -> None:
    tables, n_cells, cells_a_year = table
    cells = np.empty((2, times[0].shape[1]), np.uint32)
    for row in range(date.size):
        in_row = (times[0][row], times[1][row]), (kinds[0][row], kinds[1][row])
        _find_cells(in_row[0], in_row[1], n_cells, (date[row], cells_a_year), cells)
        _look_up(tables, cells, added[row])


@loop("f8(f8[::1], i8, f8, f8)")
def _with_rest(values: FloatArray, begin: int, even: float, odd: float) -> float:
    """Return a sum of squares with those from `begin` on."""
    for k in range(begin, values.size, 2):
        even += values[k] * values[k]
        odd += values[k + 1] * values[k + 1] if k + 1 < values.size else 0.0
    return even + odd


@loop("void(f8[:, ::1], f8[::1])")
def _square_sums(values: FloatArray, found: FloatArray) -> None:
    """Write sums of squares as `numpy.einsum` adds them up: in pairs, the last of eight first.

    Four rows at a time, so that no addition waits for the one before it.
    """
    last, rest = len(values) - 1, values.shape[1] - values.shape[1] % 8
    for row in range(0, len(values), 4):
        one, two, three = min(row + 1, last), min(row + 2, last), min(row + 3, last)
        a = b = c = d = e = f = g = h = 0.0
        for begin in range(0, rest, 8):
            for k in range(begin + 6, begin - 1, -2):
                a += values[row, k] * values[row, k]
                b += values[row, k + 1] * values[row, k + 1]
                c += values[one, k] * values[one, k]
                d += values[one, k + 1] * values[one, k + 1]
                e += values[two, k] * values[two, k]
                f += values[two, k + 1] * values[two, k + 1]
                g += values[three, k] * values[three, k]
                h += values[three, k + 1] * values[three, k + 1]
        found[row] = _with_rest(values[row], rest, a, b)
        found[one] = _with_rest(values[one], rest, c, d)
        found[two] = _with_rest(values[two], rest, e, f)
        found[three] = _with_rest(values[three], rest, g, h)


@loop("void(i1[:, ::1], b1[:, ::1], f8[:, ::1], f8[:, ::1])")
def _share_sums(arm: StateArray, event: BoolArray, share: FloatArray, found: FloatArray) -> None:
    n = arm.shape[1]
    treated, inverse = np.empty(n, np.int32), 1.0 / np.arange(1, n + 1)
    for row in range(len(arm)):
        at_risk, observed, here = np.int32(0), np.int32(0), share[row]
        for k in range(n):
            at_risk += arm[row, k]
            treated[k] = at_risk
            observed += arm[row, k] & event[row, k]
        for k in range(n):
            here[k] = (treated[k] * inverse[k]) * event[row, k]
        found[0, row] = observed
        found[1, row] = 0.0 + _pairwise_sum(here, 0, n)


@loop("void(f8[:, ::1], f8[::1], f8[:, ::1], f8[:, ::1])")
def _sums_at_ratio(
    share: FloatArray, ratio: FloatArray, work: FloatArray, found: FloatArray
) -> None:
    n = share.shape[1]
    for row in range(len(share)):
        here, excess = work[row], ratio[row] - 1.0
        for k in range(n):
            here[k] = share[row, k] / (share[row, k] * excess + 1.0)
        found[0, row] = 0.0 + _pairwise_sum(here, 0, n)


def _adds_pairs() -> bool:
    """Return whether this NumPy adds up so: others have wider vectors, or round less often."""
    values = 1.0 / np.arange(1.0, 1596.0).reshape(5, -1)
    for n in (*range(1, 40), 319):
        each, found = values[:, :n].copy(), np.empty(5)
        _square_sums(each, found)
        if not np.array_equal(found, np.einsum("ij,ij->i", each, each)):
            return False
    return True


_ADDS_PAIRS = _adds_pairs()
