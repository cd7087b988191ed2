"""Loops over patients who serve several randomizations: sixteen of these at a time.

Each number of the sixteen is added up in the order in which NumPy adds up a row: in parts of at
most 128 numbers, every eighth of a part on its own, then halves together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lupusim.common.arrays import BoolArray, FloatArray, IntArray, StateArray
from lupusim.common.compiled.loops import inlined, loop, ready

_LANES = 16  # bits of a word: which randomizations put a patient on an arm
_DEEPEST = 64  # halves in halves of a row
_Pair = tuple[FloatArray, FloatArray]
_Words = NDArray[np.int32]


def labeled_sums(event: BoolArray, order: IntArray, labels: StateArray) -> FloatArray:
    """Do what `lupusim.analysis.survival.rank_sums.labeled_sums` does."""
    found = np.empty((3, len(labels), len(event)))
    parts = _parts(event.shape[1])
    _labeled(ready(event), ready(order), ready(labels), parts, found)
    return found


def sums_on_arm(values: FloatArray, labels: StateArray, arm: int) -> FloatArray:
    """Do what `lupusim.analysis.survival.exit_sums.sums_on_arm` does."""
    found = np.empty((len(labels), len(values)))
    _summed(ready(values), ready(labels), arm, _parts(values.shape[1]), found)
    return found


def _parts(n: int) -> IntArray:
    """Return begin, end and end of whole eights of each part, and how many halves end with it."""
    return np.array(_halves(0, n), dtype=np.int64)


def _halves(begin: int, n: int) -> list[list[int]]:
    if n <= 128:
        return [[begin, begin + n, begin + n - n % 8, 0]]
    half = n // 2 - n // 2 % 8
    found = _halves(begin, half) + _halves(begin + half, n - half)
    found[-1][-1] += 1
    return found


@loop("void(i1[:, :, ::1], i8, i8, i1, i4[::1])")
def _pack(labels: StateArray, first: int, row: int, arm: int, words: _Words) -> None:
    """Write for each patient a bit for each randomization that puts him on the arm."""
    words[:] = 0
    none = np.int32(0)
    for number in range(first, min(first + _LANES, len(labels))):
        bit = np.int32(1) << np.int32(number - first)
        for k in range(words.size):
            words[k] |= bit if labels[number, row, k] == arm else none


@inlined
def _join(eights: FloatArray) -> None:
    """Write the sum of the eighths of a part behind them."""
    for j in range(_LANES):
        low = (eights[0, j] + eights[1, j]) + (eights[2, j] + eights[3, j])
        high = (eights[4, j] + eights[5, j]) + (eights[6, j] + eights[7, j])
        eights[8, j] = low + high


@loop("i8(f8[:, ::1], i8, i8)")
def _merge(totals: FloatArray, depth: int, n_halves: int) -> int:
    """Add the last totals to those before them, so many times; return how many are left."""
    for here in range(depth, depth - n_halves, -1):
        for j in range(totals.shape[1]):
            totals[here - 1, j] += totals[here, j]
    return depth - n_halves + 1


@inlined
def _leave(word: int, treated: _Words) -> None:
    """Count a patient on his arms."""
    for j in range(_LANES):
        treated[j] += (word >> np.int32(j)) & np.int32(1)


@inlined
def _have_event(
    word: int, inverse: float, counts: tuple[_Words, _Words], sums: _Pair, at: int
) -> None:
    """Count him, and add the shares of the arms at his event, and their squares."""
    treated, observed = counts
    shares, squares = sums
    for j in range(_LANES):
        bit = (word >> np.int32(j)) & np.int32(1)
        treated[j] += bit
        observed[j] += bit
        share = treated[j] * inverse
        shares[at, j] += share
        squares[at, j] += share * share


@loop("void(i4[::1], b1[::1], f8[::1], i8[:, ::1], f8[:, :, ::1])")
def _add_events(
    words: _Words, event: BoolArray, inverse: FloatArray, parts: IntArray, found: FloatArray
) -> None:
    """Write sums of shares, of their squares, and events, of patients from the last to leave on."""
    treated, observed = np.zeros(_LANES, np.int32), np.zeros(_LANES, np.int32)
    shares, squares = np.empty((9, _LANES)), np.empty((9, _LANES))
    depth = 0
    for part in range(len(parts)):
        begin, end, rest, n_halves = parts[part]
        shares[:] = 0.0
        squares[:] = 0.0
        for k in range(begin, end):
            if k == rest:
                _join(shares)
                _join(squares)
            if event[k]:
                at = (k - begin) & 7 if k < rest else 8
                _have_event(words[k], inverse[k], (treated, observed), (shares, squares), at)
            else:
                _leave(words[k], treated)
        if rest == end:
            _join(shares)
            _join(squares)
        found[0, depth], found[1, depth] = shares[8], squares[8]
        _merge(found[0], depth, n_halves)
        depth = _merge(found[1], depth, n_halves)
    found[2, 0] = observed


@loop("void(b1[:, ::1], i8[:, ::1], i1[:, :, ::1], i8[:, ::1], f8[:, :, ::1])")
def _labeled(
    event: BoolArray, order: IntArray, labels: StateArray, parts: IntArray, found: FloatArray
) -> None:
    known, words = np.empty(labels.shape[2], np.int32), np.empty(event.shape[1], np.int32)
    inverse, sums = 1.0 / np.arange(1, words.size + 1), np.empty((3, _DEEPEST, _LANES))
    for row in range(len(event)):
        for first in range(0, len(labels), _LANES):
            _pack(labels, first, row, 1, known)
            for k in range(words.size):
                words[k] = known[order[row, k]]
            _add_events(words, event[row], inverse, parts, sums)
            for j in range(min(_LANES, len(labels) - first)):
                expected, squares = sums[0, 0, j], sums[1, 0, j]
                found[0, first + j, row] = sums[2, 0, j]
                found[1, first + j, row] = expected
                found[2, first + j, row] = expected - squares


@inlined
def _add_eight(words: _Words, values: FloatArray, k: int, eights: FloatArray) -> None:
    """Add the values of eight patients to their arms."""
    for j in range(_LANES):
        bit = np.int32(j)
        for i in range(8):
            eights[i, j] += ((words[k + i] >> bit) & np.int32(1)) * values[k + i]


@loop("void(i4[::1], f8[::1], i8[:, ::1], f8[:, ::1])")
def _add_values(words: _Words, values: FloatArray, parts: IntArray, found: FloatArray) -> None:
    """Write the sums of the values of those who are on an arm."""
    eights = np.empty((9, _LANES))
    depth = 0
    for part in range(len(parts)):
        begin, end, rest, n_halves = parts[part]
        eights[:] = 0.0
        for k in range(begin, rest, 8):
            _add_eight(words, values, k, eights)
        _join(eights)
        for k in range(rest, end):
            for j in range(_LANES):
                eights[8, j] += ((words[k] >> np.int32(j)) & np.int32(1)) * values[k]
        found[depth] = eights[8]
        depth = _merge(found, depth, n_halves)


@loop("void(f8[:, ::1], i1[:, :, ::1], i1, i8[:, ::1], f8[:, ::1])")
def _summed(
    values: FloatArray, labels: StateArray, arm: int, parts: IntArray, found: FloatArray
) -> None:
    words, sums = np.empty(values.shape[1], np.int32), np.empty((_DEEPEST, _LANES))
    for row in range(len(values)):
        for first in range(0, len(labels), _LANES):
            _pack(labels, first, row, arm, words)
            _add_values(words, values[row], parts, sums)
            for j in range(min(_LANES, len(labels) - first)):
                found[first + j, row] = 0.0 + sums[0, j]
