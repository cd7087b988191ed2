"""How a quantity is spread over replicates: counts that add up exactly, and their quantiles."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import field
from itertools import pairwise

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass

Bin = tuple[int, float, float]
"""Replicates in a bin, their smallest and their largest value."""

_Piece = tuple[float, float, float]  # from, to, replicates

QUANTILES = (0.1, 0.5, 0.9)
_WHOLE = {"n_enrolled", "events"}  # counted by their exact value
_CONTINUOUS = {"duration", "cost", "estimate"}
_AT_A_LOOK = re.compile(r"look_\d+_estimate(_|$)")
# Bins of a fixed relative width: 1/1024 to 1/512, for 5 years two or three days. Whole numbers,
# so that the sums do not depend on the order of the blocks.
_BINS_PER_OCTAVE = 512
_MOST_BINS = 10_000
_PILE = 0.01  # of a block's replicates, and at least two, make a value one that is kept as it is
_FEW = 10  # replicates below which a quantile may be anything between the smallest and the largest
_ROUNDING = 1e-9  # of a rank: p n of a whole number is that number
_LOWEST = 2.0**-40  # what is smaller is in the bin of 0
_BELOW_ZERO = 10_000_000  # no bin of a number above 0 is as far from 0


@dataclass(slots=True)
class Counts:
    """How many replicates had which value."""

    piles: dict[float, int] = field(default_factory=dict)
    """Replicates by value, where several share it: whole numbers, a date on which trials end."""
    bins: dict[int, Bin] = field(default_factory=dict)  # the others by the number of their bin

    def add(self, other: Counts) -> None:
        """Add further replicates."""
        for value, n in other.piles.items():
            self.piles[value] = self.piles.get(value, 0) + n
        for number, (n, low, high) in other.bins.items():
            mine, lowest, highest = self.bins.get(number, (0, low, high))
            lowest, highest = low if low < lowest else lowest, high if high > highest else highest
            self.bins[number] = (mine + n, lowest, highest)  # SPEED: no calls of min and max

    def copy(self) -> Counts:
        """Return counts that can be added to without changing these."""
        return Counts(dict(self.piles), dict(self.bins))


def counted(name: str, values: FloatArray) -> Counts | None:
    """Return how many replicates have which value; None for a quantity without quantiles.

    Parameters
    ----------
    name : str
        Of the quantity.
    values : (n,) array
        Finite.
    """
    if name in _CONTINUOUS or _AT_A_LOOK.match(name.rpartition(": ")[2]):
        return _piles_and_bins(values)
    return Counts(piles=_whole(values)) if name in _WHOLE else None


def _whole(values: FloatArray) -> dict[float, int]:
    keys = values.astype(np.intp)
    lowest, highest = int(keys.min(initial=0)), int(keys.max(initial=0))
    if highest - lowest > _MOST_BINS:
        found, n = np.unique(keys, return_counts=True)
    else:  # SPEED: a third of the time
        n = np.bincount(keys - lowest)
        found = np.flatnonzero(n)
        n, found = n[found], found + lowest
    return dict(zip(found.astype(float).tolist(), n.tolist(), strict=True))


def _piles_and_bins(values: FloatArray) -> Counts:
    found, n = np.unique(values, return_counts=True)
    is_pile = n >= max(2.0, _PILE * values.size)
    piles = dict(zip(found[is_pile].tolist(), n[is_pile].tolist(), strict=True))
    found, n = found[~is_pile], n[~is_pile]
    numbers, first = np.unique(_bins(found), return_index=True)  # found rises, and so do bins
    if not numbers.size:
        return Counts(piles=piles)
    last = np.append(first[1:], found.size) - 1
    inside = np.add.reduceat(n, first)
    parts = zip(inside.tolist(), found[first].tolist(), found[last].tolist(), strict=True)
    return Counts(piles=piles, bins=dict(zip(numbers.tolist(), parts, strict=True)))


def _bins(values: FloatArray) -> IntArray:
    """Return the number of each value's bin; exact arithmetic, alike on every machine."""
    part, octave = np.frexp(np.maximum(np.abs(values), _LOWEST))
    place = np.floor((2 * part - 1) * _BINS_PER_OCTAVE).astype(np.intp)
    numbers: IntArray = octave.astype(np.intp) * _BINS_PER_OCTAVE + place
    return np.where(values < -_LOWEST, -numbers - _BELOW_ZERO, numbers)


def quantile(counts: Counts, probability: float) -> tuple[float, float]:
    r"""Return a quantile over replicates and its Monte Carlo standard error.

    It is the smallest value that at least this share of the replicates do not exceed, exact
    for whole numbers and wherever values pile up; between the smallest and the largest value
    of a bin it is interpolated, so that none lies where no replicate was. The standard error
    is half the distance between the quantiles at
    :math:`p \pm \sqrt{p (1 - p) / n}`, between which the true one lies as often as within one
    standard error (the order statistics are binomial, whatever the distribution); infinite of one.

    Parameters
    ----------
    counts : Counts
        From :func:`counted`, added up.
    probability : float
        Between 0 and 1.

    References
    ----------
    David and Nagaraja (2003), *Order Statistics*, 3rd ed., section 7.1.
    """
    pieces = sorted(_pieces(counts))
    if not pieces:
        return math.nan, math.nan
    reached = np.cumsum([n for _, _, n in pieces])
    n = float(reached[-1])
    apart = math.sqrt(probability * (1 - probability) / n) if n >= _FEW else 1.0
    low, middle, high = (
        _value_at(pieces, reached, min(max(p, 0.0), 1.0) * n)
        for p in (probability - apart, probability, probability + apart)
    )
    return middle, (high - low) / 2 if n > 1 else math.inf


def _pieces(counts: Counts) -> Iterator[_Piece]:
    """Yield piles, and bins cut where a pile lies inside them."""
    yield from ((value, value, float(n)) for value, n in counts.piles.items())
    heaps = np.sort(np.array(list(counts.piles), dtype=float))
    for n, low, high in counts.bins.values():
        inside = heaps[(low < heaps) & (heaps < high)].tolist()
        edges = [low, *inside, high]
        for begin, end in pairwise(edges):
            share = (end - begin) / (high - low) if high > low else 1.0
            yield begin, end, n * share


def _value_at(pieces: Sequence[_Piece], reached: FloatArray, rank: float) -> float:
    place = min(int(np.searchsorted(reached, rank - _ROUNDING)), len(pieces) - 1)
    low, high, n = pieces[place]
    share = (rank - float(reached[place]) + n) / n
    return low + min(max(share, 0.0), 1.0) * (high - low)
