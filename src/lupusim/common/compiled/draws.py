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

from lupusim.common.arrays import FloatArray
from lupusim.common.compiled.loops import loop

_Words = NDArray[np.uint64]
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


@loop("u8(u8[::1])")
def _next(words: _Words) -> np.uint64:
    """Return the next number of the stream."""
    a, b, c, counter = words
    found: np.uint64 = a + b + counter
    words[0] = b ^ (b >> _11)
    words[1] = c + (c << _3)
    words[2] = ((c << _24) | (c >> _40)) + found
    words[3] = counter + _1
    return found


@loop("f8(u8[::1])")
def _uniform(words: _Words) -> float:
    return float(np.int64(_next(words) >> _11)) * _UNIT


@loop("void(u8[::1], f8[::1])")
def _exponential(words: _Words, out: FloatArray) -> None:
    for k in range(out.size):
        while True:
            drawn = _next(words) >> _3
            layer, drawn = drawn & _BYTE, drawn >> _8
            x = float(np.int64(drawn)) * _WIDTH[layer]
            if drawn < _LIMIT[layer]:
                break
            if layer == 0:
                x = _TAIL - math.log1p(-_uniform(words))
                break
            above = _HEIGHT[layer - _1] - _HEIGHT[layer]
            if above * _uniform(words) + _HEIGHT[layer] < math.exp(-x):
                break
        out[k] = x


@loop("void(u8[::1], f8[::1])")
def _uniforms(words: _Words, out: FloatArray) -> None:
    a, b, c, counter = words
    for k in range(out.size):
        found = a + b + counter
        a, b, c = b ^ (b >> _11), c + (c << _3), ((c << _24) | (c >> _40)) + found
        counter += _1
        out[k] = float(np.int64(found >> _11)) * _UNIT
    words[0], words[1], words[2], words[3] = a, b, c, counter


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
