"""Loops over sorted patients: who is at risk at each event time, and the sums of a Cox model."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.compiled.loops import loop

_NONE = np.int64(-(2**62))  # no stratum and no time
Columns = tuple[IntArray, IntArray, FloatArray, FloatArray, FloatArray, FloatArray]


def group_columns(keys: IntArray, bits: int) -> Columns:
    """Do what `lupusim.analysis.survival.rank_sums.group_columns` does."""
    keys = np.ascontiguousarray(keys)
    first = np.zeros(len(keys) + 1, dtype=np.int64)
    _count_groups(keys, first)
    n_groups = int(first[-1])
    row, position = np.empty(n_groups, dtype=np.intp), np.empty(n_groups, dtype=np.intp)
    found = np.empty((4, n_groups))
    _fill_groups(keys, bits, first, (row, position), found)
    return row, position, found[0], found[1], found[2], found[3]


def share_sums(
    row: IntArray, control: FloatArray, experimental: FloatArray, ratio: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Do what `lupusim.analysis.survival.cox.share_sums` does."""
    total, spread = np.zeros(ratio.size), np.zeros(ratio.size)
    _share_sums(row, (control, experimental), ratio, total, spread)
    return total, spread


@loop("void(i8[:, ::1], i8[::1])")
def _count_groups(keys: IntArray, first: IntArray) -> None:
    """Count the distinct event times before each row."""
    for row in range(len(keys)):
        n, before = 0, _NONE
        for k in range(keys.shape[1]):
            key = keys[row, k]
            if not key & 2:
                n += (key >> 2) != before
                before = key >> 2
        first[row + 1] = first[row] + n


@loop("void(i8[:, ::1], i8, i8[::1], UniTuple(i8[::1], 2), f8[:, ::1])")
def _fill_groups(
    keys: IntArray,
    bits: int,
    first: IntArray,
    places: tuple[IntArray, IntArray],
    found: FloatArray,
) -> None:
    """Go through each row backwards: who stands behind an event in its stratum is at risk."""
    row_of, position = places
    for row in range(len(keys)):
        at_risk = treated = 0
        stratum, moment = _NONE, _NONE
        group = first[row + 1]
        for k in range(keys.shape[1] - 1, -1, -1):
            key = keys[row, k]
            own = key >> (63 - bits)
            if own != stratum:
                at_risk = treated = 0
                stratum = own
            at_risk += 1
            treated += key & 1
            if key & 2:
                continue
            if key >> 2 != moment:
                moment = key >> 2
                group -= 1
                row_of[group] = row
                found[0, group] = found[1, group] = 0.0
            position[group] = k
            found[0, group] += 1.0
            found[1, group] += key & 1
            found[2, group], found[3, group] = at_risk, treated


@loop("void(i8[::1], UniTuple(f8[::1], 2), f8[::1], f8[::1], f8[::1])")
def _share_sums(
    row: IntArray,
    at_risk: tuple[FloatArray, FloatArray],
    ratio: FloatArray,
    total: FloatArray,
    spread: FloatArray,
) -> None:
    control, experimental = at_risk
    for event in range(row.size):
        weight = ratio[row[event]] * experimental[event]
        share = weight / (control[event] + weight)
        total[row[event]] += share
        spread[row[event]] += share * (1 - share)
