"""How a quantity is spread over replicates: counts that add up exactly, and their quantiles."""

from __future__ import annotations

import math

import numpy as np

from lupusim.arrays import FloatArray, IntArray

Counts = dict[int, int]
"""Replicates by value, or by the number of a bin."""

QUANTILES = (0.1, 0.5, 0.9)
_WHOLE = {"n_enrolled", "events"}  # counted by their exact value
_CONTINUOUS = {"duration", "cost"}
# Bins of a fixed relative width: 1/1024 to 1/512, for 5 years two or three days. Whole numbers,
# so that the sums do not depend on the order of the blocks.
_BINS_PER_OCTAVE = 512
_MOST_BINS = 10_000
_ROUNDING = 1e-9  # of a rank: p n of a whole number is that number
_LOWEST = 2.0**-40  # what is smaller, or not above 0, is in the bin of 0


def counted(name: str, values: FloatArray) -> Counts | None:
    """Return how many replicates have which value; None for a quantity without quantiles.

    Parameters
    ----------
    name : str
        Of the quantity.
    values : (n,) array
        Finite.
    """
    if name not in _WHOLE | _CONTINUOUS:
        return None
    keys = _bins(values) if name in _CONTINUOUS else values.astype(np.intp)
    lowest, highest = int(keys.min(initial=0)), int(keys.max(initial=0))
    if highest - lowest > _MOST_BINS:
        found, n = np.unique(keys, return_counts=True)
    else:  # SPEED: a third of the time
        n = np.bincount(keys - lowest)
        found = np.flatnonzero(n)
        n, found = n[found], found + lowest
    return dict(zip(found.tolist(), n.tolist(), strict=True))


def _bins(values: FloatArray) -> IntArray:
    """Return the number of each value's bin; exact arithmetic, alike on every machine."""
    part, octave = np.frexp(np.maximum(values, _LOWEST))
    place = np.floor((2 * part - 1) * _BINS_PER_OCTAVE).astype(np.intp)
    numbers: IntArray = octave.astype(np.intp) * _BINS_PER_OCTAVE + place
    return numbers


def _lower_edge(number: int) -> float:
    octave, place = divmod(number, _BINS_PER_OCTAVE)
    edge = math.ldexp((1 + place / _BINS_PER_OCTAVE) / 2, octave)
    return 0.0 if edge <= _LOWEST else edge


def quantile(name: str, counts: Counts, probability: float) -> tuple[float, float]:
    r"""Return a quantile over replicates and its Monte Carlo standard error.

    Of a whole number it is the smallest value that at least this share of the replicates do
    not exceed; within a bin of a continuous quantity it is interpolated. The standard error
    is half the distance between the quantiles at
    :math:`p \pm \sqrt{p (1 - p) / n}`, between which the true one lies as often as within one
    standard error (the order statistics are binomial, whatever the distribution).

    Parameters
    ----------
    name : str
        Of the quantity.
    counts : Counts
        From :func:`counted`, added up.
    probability : float
        Between 0 and 1.

    References
    ----------
    David and Nagaraja (2003), *Order Statistics*, 3rd ed., section 7.1.
    """
    if not counts:
        return math.nan, math.nan
    keys = sorted(counts)
    reached = np.cumsum([counts[key] for key in keys])
    n = int(reached[-1])
    apart = math.sqrt(probability * (1 - probability) / n)
    at = _interpolated if name in _CONTINUOUS else _exact
    low, middle, high = (
        at(keys, reached, min(max(p, 0.0), 1.0) * n)
        for p in (probability - apart, probability, probability + apart)
    )
    return middle, (high - low) / 2


def _place(reached: IntArray, rank: float) -> int:
    return min(int(np.searchsorted(reached, rank - _ROUNDING)), len(reached) - 1)


def _exact(keys: list[int], reached: IntArray, rank: float) -> float:
    return float(keys[_place(reached, rank)])


def _interpolated(keys: list[int], reached: IntArray, rank: float) -> float:
    place = _place(reached, rank)
    before = float(reached[place - 1]) if place else 0.0
    share = (rank - before) / (float(reached[place]) - before)
    low, high = _lower_edge(keys[place]), _lower_edge(keys[place] + 1)
    return low + min(max(share, 0.0), 1.0) * (high - low)
