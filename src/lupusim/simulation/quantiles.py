"""How a quantity is spread over replicates: counts that add up exactly, and their quantiles."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from lupusim.common.arrays import FloatArray, IntArray

Bin = tuple[int, float, float]
"""Replicates in a bin, their smallest and their largest value."""

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
_MOST_LISTS = 64  # of groups that wait to be joined
_NONE: Mapping[Any, Any] = MappingProxyType({})
_BELOW_ZERO = 10_000_000  # no bin of a number above 0 is as far from 0


class _Groups(NamedTuple):
    """Replicates in groups; all arrays are (n_groups,)."""

    keys: NDArray[Any]  # value or number of the bin that those of a group share
    n: IntArray  # how many they are
    low: FloatArray
    high: FloatArray
    """`low` and `high`: the smallest and the largest value of a group."""

    @classmethod
    def of(cls, keys: NDArray[Any], rows: Collection[Bin]) -> _Groups:
        """Return groups written row by row."""
        n, low, high = np.array(list(rows), dtype=float).reshape(-1, 3).T
        return cls(keys, n.astype(np.intp), low, high)

    def rows(self) -> dict[Any, Bin]:
        """Return the groups by their keys."""
        columns = (column.tolist() for column in self)
        return {key: (n, low, high) for key, n, low, high in zip(*columns, strict=True)}


@final
class Counts:
    """How many replicates had which value.

    Parameters
    ----------
    piles : mapping of float to int
        Replicates by value, where several share it: whole numbers, a date on which trials end.
    bins : mapping of int to (int, float, float)
        The others by the number of their bin.
    """

    __slots__ = ("_bins", "_piles")

    def __init__(self, piles: Mapping[float, int] = _NONE, bins: Mapping[int, Bin] = _NONE) -> None:
        rows = [(n, value, value) for value, n in piles.items()]
        self._piles = [_Groups.of(np.array(list(piles), dtype=float), rows)]
        self._bins = [_Groups.of(np.array(list(bins), dtype=np.intp), list(bins.values()))]

    @classmethod
    def of(cls, piles: Iterable[_Groups] = (), bins: Iterable[_Groups] = ()) -> Counts:
        """Return those of some groups, which several lists may name."""
        made = cls.__new__(cls)
        made._piles, made._bins = [*piles], [*bins]
        return made

    @property
    def piles(self) -> dict[float, int]:
        """Replicates by value, where several share it."""
        self._piles = _joined(self._piles)
        return {value: n for one in self._piles for value, (n, _, _) in one.rows().items()}

    @property
    def bins(self) -> dict[int, Bin]:
        """The others by the number of their bin."""
        self._bins = _joined(self._bins)
        return {number: row for one in self._bins for number, row in one.rows().items()}

    def add(self, other: Counts) -> None:
        """Add further replicates."""
        # SPEED: groups of many blocks are joined together (benchmarks/cases.py)
        self._piles, self._bins = [*self._piles, *other._piles], [*self._bins, *other._bins]
        if len(self._piles) > _MOST_LISTS:
            self.join()

    def join(self) -> None:
        """Join the groups of all that was added, which takes the least room."""
        self._piles, self._bins = _joined(self._piles), _joined(self._bins)

    def copy(self) -> Counts:
        """Return counts that can be added to without changing these."""
        return Counts.of(self._piles, self._bins)

    def pieces(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return from where to where how many replicates are, in rising order; (n_pieces,) each.

        Bins are cut where a pile lies inside them.
        """
        heaps = np.array(list(self.piles), dtype=float)
        heaps.sort()
        columns = [(one.low, one.high, one.n.astype(float)) for one in self._piles]
        self._bins = _joined(self._bins)
        for one in self._bins:
            cut = np.searchsorted(heaps, one.low, "right") < np.searchsorted(heaps, one.high)
            columns.append((one.low[~cut], one.high[~cut], one.n[~cut].astype(float)))
            parts = zip(one.low[cut], one.high[cut], one.n[cut], strict=True)
            columns += [_cut_up(low, high, n, heaps) for low, high, n in parts]
        if not columns:
            return np.empty(0), np.empty(0), np.empty(0)
        begin, end, n = (np.concatenate(column) for column in zip(*columns, strict=True))
        order = np.lexsort((n, end, begin))
        return begin[order], end[order], n[order]

    def __eq__(self, other: object) -> bool:
        """Return whether both hold the same numbers."""
        return type(other) is Counts and (self.piles, self.bins) == (other.piles, other.bins)

    def __hash__(self) -> int:
        """Return a number; counts that are equal have the same."""
        return hash(tuple(sorted(self.piles.items())))


def _joined(parts: list[_Groups]) -> list[_Groups]:
    """Return a single list of groups, their keys rising; none for no lists."""
    if len(parts) < 2:
        return parts
    keys, n, low, high = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not keys.size:
        return []
    order = np.argsort(keys)
    keys = keys[order]
    first = _first_of_each(keys)
    n, low, high = n[order], low[order], high[order]
    low, high = np.minimum.reduceat(low, first), np.maximum.reduceat(high, first)
    return [_Groups(keys[first], np.add.reduceat(n, first), low, high)]


def _cut_up(
    low: float, high: float, n: int, heaps: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the pieces of a bin in which some piles lie."""
    edges = np.concatenate([[low], heaps[(low < heaps) & (heaps < high)], [high]])
    return edges[:-1], edges[1:], n * (np.diff(edges) / (high - low))


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
    return Counts.of(piles=[_whole(values)]) if name in _WHOLE else None


def _whole(values: FloatArray) -> _Groups:
    keys = values.astype(np.intp)
    lowest, highest = int(keys.min(initial=0)), int(keys.max(initial=0))
    if highest - lowest > _MOST_BINS:
        found, n = np.unique(keys, return_counts=True)
    else:  # SPEED: a third of the time
        n = np.bincount(keys - lowest)
        found = np.flatnonzero(n)
        n, found = n[found], found + lowest
    whole = found.astype(float)
    return _Groups(whole, n, whole, whole)


def _piles_and_bins(values: FloatArray) -> Counts:
    rising = np.sort(values)
    first = _first_of_each(rising)
    found, n = rising[first], _sizes(first, rising.size)
    is_pile = n >= max(2.0, _PILE * values.size)
    alike = found[is_pile]
    piles = [_Groups(alike, n[is_pile], alike, alike)]
    found, n = found[~is_pile], n[~is_pile]
    if not found.size:
        return Counts.of(piles)
    bins = _bins(found)  # found rises, and so do bins
    first = _first_of_each(bins)
    last = first + _sizes(first, found.size) - 1
    inside = np.add.reduceat(n, first)
    return Counts.of(piles, [_Groups(bins[first], inside, found[first], found[last])])


def _first_of_each(rising: NDArray[Any]) -> IntArray:
    """Return where each value of a rising array is first."""
    is_new = np.ones(rising.size, dtype=bool)
    np.not_equal(rising[1:], rising[:-1], out=is_new[1:])
    return np.flatnonzero(is_new)


def _sizes(first: IntArray, end: int) -> IntArray:
    """Return how many there are from each begin up to the next, of the last up to the end."""
    sizes = np.empty_like(first)
    np.subtract(first[1:], first[:-1], out=sizes[:-1])
    sizes[-1:] = end - first[-1:]
    return sizes


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
    begin, end, inside = counts.pieces()
    if not begin.size:
        return math.nan, math.nan
    reached = np.cumsum(inside)
    n = float(reached[-1])
    apart = math.sqrt(probability * (1 - probability) / n) if n >= _FEW else 1.0
    sought = (probability - apart, probability, probability + apart)
    rank = np.clip(sought, 0.0, 1.0) * n
    place = np.minimum(np.searchsorted(reached, rank - _ROUNDING), begin.size - 1)
    share = (rank - reached[place] + inside[place]) / inside[place]
    width = end[place] - begin[place]
    low, middle, high = (begin[place] + np.clip(share, 0.0, 1.0) * width).tolist()
    return middle, (high - low) / 2 if n > 1 else math.inf
