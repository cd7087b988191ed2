"""Loops over random numbers: the stream of SFC64, and what NumPy makes of it, without its calls.

References
----------
Doty-Humphrey (2014), *PractRand*, for the generator; Marsaglia and Tsang (2000), *Journal of
Statistical Software* 5(8), for exponential numbers by a ziggurat.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import numpy as np
from numba.np.random import _constants
from numpy.typing import NDArray

from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.compiled.loops import inlined, loop

_Words = NDArray[np.uint64]
_Stream = tuple[np.uint64, np.uint64, np.uint64, np.uint64, np.uint64]
_Drawn = tuple[float, np.uint64, np.uint64, np.uint64, np.uint64]
_1, _3, _8, _11, _24, _40 = (np.uint64(n) for n in (1, 3, 8, 11, 24, 40))
_BYTE = np.uint64(255)
_UNIT = 2.0**-53
_SORTED_AT_ONCE = 256  # numbers that NumPy sorts by a network of vector instructions
_LIMIT: _Words = _constants.ke_double.astype(np.uint64)  # below it a number is inside its layer
_WIDTH: FloatArray = _constants.we_double.astype(float)
_HEIGHT: FloatArray = _constants.fe_double.astype(float)
_TAIL = float(_constants.ziggurat_exp_r)


def fill_exponential(out: FloatArray, *, rng: np.random.Generator) -> None:
    """Do what `lupusim.common.rng.fill_exponential` does."""
    if not _filled(rng, lambda words: _exponential(words, out.reshape(-1))):
        rng.standard_exponential(out=out)


def fill_sorted(out: FloatArray, *, rng: np.random.Generator) -> None:
    """Do what `lupusim.common.rng.fill_sorted` does."""
    if out.shape[1] > _SORTED_AT_ONCE and _filled(rng, lambda words: _sorted(words, out)):
        return
    if not _filled(rng, lambda words: _uniforms(words, out.reshape(-1))):
        rng.random(out=out)
    out.sort(axis=1)


def fill_within(out: BoolArray, *, scale: float, limit: float, rng: np.random.Generator) -> None:
    """Do what `lupusim.common.rng.fill_within` does."""
    if not _filled(rng, lambda words: _within(words, out, scale, limit)):
        numbers = rng.standard_exponential(out.size)
        np.less_equal(numbers * scale, limit, out=out)


def fill_largest(out: FloatArray, *, of: int, rng: np.random.Generator) -> None:
    """Do what `lupusim.common.rng.fill_largest` does."""
    if not _filled(rng, lambda words: _largest(words, out, of)):
        rng.random((out.size, of)).max(axis=1, out=out)


def _filled(rng: np.random.Generator, fill: Callable[[_Words], None]) -> bool:
    """Let a loop go on from the state of a generator, and this from that of the loop.

    False, and nothing is done, where it is another kind of generator.
    """
    state = rng.bit_generator.state
    if state["bit_generator"] != "SFC64":
        return False
    fill(cast(_Words, state["state"]["state"]))
    rng.bit_generator.state = state
    return True


@inlined
def _next(a: np.uint64, b: np.uint64, c: np.uint64, count: np.uint64) -> _Stream:
    """Return the next number of the stream, and its state from there on."""
    found = a + b + count
    a, b, c = b ^ (b >> _11), c + (c << _3), ((c << _24) | (c >> _40)) + found
    return found, a, b, c, count + _1


@inlined
def _unit(number: np.uint64) -> float:
    """Return a number of the stream as one from 0 to 1."""
    return float(np.int64(number >> _11)) * _UNIT


@loop("Tuple((f8, u8, u8, u8, u8))(u8, u8, u8, u8, u8)")
def _at_an_edge(
    number: np.uint64, a: np.uint64, b: np.uint64, c: np.uint64, count: np.uint64
) -> _Drawn:
    """Return an exponential number of which the first number of the stream does not decide."""
    while True:
        layer, drawn = (number >> _3) & _BYTE, number >> _11
        x = float(np.int64(drawn)) * _WIDTH[layer]
        if drawn < _LIMIT[layer]:
            break
        number, a, b, c, count = _next(a, b, c, count)
        if layer == 0:
            x = _TAIL - math.log1p(-_unit(number))
            break
        above = _HEIGHT[layer - _1] - _HEIGHT[layer]
        if above * _unit(number) + _HEIGHT[layer] < math.exp(-x):
            break
        number, a, b, c, count = _next(a, b, c, count)
    return x, a, b, c, count


@loop("void(u8[::1], f8[::1])")
def _exponential(words: _Words, out: FloatArray) -> None:
    a, b, c, count = words
    for k in range(out.size):
        number, a, b, c, count = _next(a, b, c, count)
        layer, drawn = (number >> _3) & _BYTE, number >> _11
        out[k] = float(np.int64(drawn)) * _WIDTH[layer]
        if drawn >= _LIMIT[layer]:
            out[k], a, b, c, count = _at_an_edge(number, a, b, c, count)
    words[0], words[1], words[2], words[3] = a, b, c, count


@loop("void(u8[::1], b1[::1], f8, f8)")
def _within(words: _Words, out: BoolArray, scale: float, limit: float) -> None:
    a, b, c, count = words
    for k in range(out.size):
        number, a, b, c, count = _next(a, b, c, count)
        layer, drawn = (number >> _3) & _BYTE, number >> _11
        x = float(np.int64(drawn)) * _WIDTH[layer]
        if drawn >= _LIMIT[layer]:
            x, a, b, c, count = _at_an_edge(number, a, b, c, count)
        out[k] = x * scale <= limit
    words[0], words[1], words[2], words[3] = a, b, c, count


@loop("void(u8[::1], f8[::1])")
def _uniforms(words: _Words, out: FloatArray) -> None:
    a, b, c, count = words
    for k in range(out.size):
        number, a, b, c, count = _next(a, b, c, count)
        out[k] = _unit(number)
    words[0], words[1], words[2], words[3] = a, b, c, count


@loop("void(u8[::1], f8[::1], i8)")
def _largest(words: _Words, out: FloatArray, of: int) -> None:
    a, b, c, count = words
    for row in range(out.size):
        largest = np.uint64(0)
        for _ in range(of):
            number, a, b, c, count = _next(a, b, c, count)
            largest = max(largest, number)
        out[row] = _unit(largest)
    words[0], words[1], words[2], words[3] = a, b, c, count


@loop("void(u8[::1], f8[:, ::1])")
def _sorted(words: _Words, out: FloatArray) -> None:
    """Sort by cells of equal width, two for each number, and what is left one by one."""
    n = out.shape[1]
    drawn, cell = np.empty(n), np.empty(n, np.int32)
    begin = np.empty(2 * n + 1, np.int32)
    for number in range(len(out)):
        row = out[number]
        _uniforms(words, drawn)
        begin[:] = 0
        for k in range(n):
            cell[k] = np.int32(drawn[k] * (2 * n))
        for k in range(n):
            begin[cell[k]] += 1
        before = np.int32(0)
        for here in range(begin.size):
            size = begin[here]
            begin[here] = before
            before += size
        for k in range(n):
            place = begin[cell[k]]
            begin[cell[k]] = place + np.int32(1)
            row[place] = drawn[k]
        for k in range(1, n):
            value, at = row[k], k
            while at > 0 and row[at - 1] > value:
                row[at] = row[at - 1]
                at -= 1
            row[at] = value


def _refuse_other_draws() -> None:
    """Raise ImportError where NumPy draws otherwise: its next version may."""
    mine, his = (np.random.Generator(np.random.SFC64(1)) for _ in range(2))
    drawn = np.empty(20_000)
    fill_exponential(drawn, rng=mine)
    if not np.array_equal(drawn, his.standard_exponential(drawn.size)):
        raise ImportError("this NumPy draws exponential numbers otherwise")


_refuse_other_draws()
