"""How many patients each arm gets, within the strata and in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lupusim.analysis.numerics.binomial import binomial_row
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import remembered
from lupusim.errors import NoExactSolutionError
from lupusim.trial import Trial
from lupusim.trial.allocation import Allocation

Sizes = tuple[int, int]
"""Patients of control and of the experimental arm."""

_NEGLIGIBLE = 1e-10  # of all arm sizes together
_MOST_STEPS = 4_000_000  # of the sum over the sizes of strata


def sizes_in(trial: Trial, n_patients: int) -> Mapping[Sizes, float]:
    """Return the chance of each pair of arm sizes among so many patients of a stratum.

    Raises
    ------
    NoExactSolutionError
        If the allocation looks at who came before.
    """
    return _sizes_in(trial.allocation, trial.ratio, n_patients)


def _sizes_in(
    allocation: Allocation | None, ratio: tuple[int, ...], n_patients: int
) -> Mapping[Sizes, float]:
    assert allocation is not None  # a trial sets its default when it is made
    first, second = ratio
    found = allocation.sizes((first, second), n_patients)
    if not found:
        raise NoExactSolutionError("the arms' sizes depend on who came before")
    return found


def sizes_in_all(trial: Trial, shares: Sequence[float]) -> dict[Sizes, float]:
    """Return the chance of each pair of arm sizes of a trial whose strata have these shares."""
    if len(shares) == 1:
        return likely(sizes_in(trial, trial.n_patients))
    excess = _excess(trial, shares, trial.n_patients)
    whole, n = sum(trial.ratio), trial.n_patients
    found = {}
    for beyond, chance in excess.items():
        new = (n * trial.ratio[1] + beyond) // whole
        found[n - new, new] = chance
    return likely(found)


def _excess(trial: Trial, shares: Sequence[float], n_patients: int) -> dict[int, float]:
    """Return the chance of how far the experimental arm is beyond its part of the ratio.

    Stratum by stratum: of m patients of the first ones the next stratum has a binomial number.
    Counted in patients times the sum of the ratio.
    """
    if len(shares) * n_patients**2 > _MOST_STEPS:
        raise NoExactSolutionError(f"{len(shares)} strata of {n_patients} patients")
    own = [_excess_in(trial, m) for m in range(n_patients + 1)]
    rows, before = own, shares[0]
    for share in shares[1:-1]:
        rows = [_with_next(own, rows, m, share / (before + share)) for m in range(n_patients + 1)]
        before += share
    return _with_next(own, rows, n_patients, shares[-1] / (before + shares[-1]))


def _with_next(
    own: Sequence[Mapping[int, float]], rows: Sequence[Mapping[int, float]], m: int, share: float
) -> dict[int, float]:
    found: dict[int, float] = {}
    for here, chance in enumerate(binomial_row(m, share)):
        if chance < _NEGLIGIBLE / (m + 1):
            continue
        for beyond, first in own[here].items():
            for others, second in rows[m - here].items():
                key = beyond + others
                found[key] = found.get(key, 0.0) + float(chance) * first * second
    return found


def _excess_in(trial: Trial, m: int) -> dict[int, float]:
    whole, part = sum(trial.ratio), trial.ratio[1]
    return {new * whole - m * part: chance for (_, new), chance in sizes_in(trial, m).items()}


def likely(sizes: Mapping[Sizes, float]) -> dict[Sizes, float]:
    """Return the sizes but for those whose chance is negligible, in both tails together."""
    left, kept = _NEGLIGIBLE, {}
    for size, chance in sorted(sizes.items(), key=lambda item: item[1]):
        left -= chance
        if left < 0:
            kept[size] = chance
    return kept


class StrataSizes(NamedTuple):
    """The arm sizes within two strata, and their chances."""

    chances: FloatArray  # (n_laws,)
    sizes: IntArray  # (n_laws, 2 strata, 2 arms)

    def some(self, here: BoolArray | IntArray | slice) -> StrataSizes:
        """Return some of them."""
        return StrataSizes(self.chances[here], self.sizes[here])

    def by_pair(self) -> tuple[list[Sizes], StrataSizes, IntArray]:
        """Return the arm sizes of both strata together, these by it, and the place of each pair.

        Which stratum is the first makes no difference here: the smaller one comes first.
        """
        # SPEED: sums over hundreds of sizes in few arrays (benchmarks/table.py)
        top = int(self.sizes.sum(axis=(1, 2)).max()) + 1
        code = self.sizes @ (top, 1)  # of each stratum; (n_laws, 2)
        turned = code[:, 0] > code[:, 1]
        sizes = np.where(turned[:, None, None], self.sizes[:, ::-1], self.sizes)
        both = code.sum(axis=1)
        pairs, begin, pair = np.unique(both, return_index=True, return_inverse=True)
        whole = both * top**2 + code.min(axis=1)
        _, first, alike = np.unique(whole, return_index=True, return_inverse=True)
        chances = np.asarray(np.bincount(alike, self.chances), dtype=float)
        place = np.argsort(np.argsort(begin))[pair]  # in the order in which they come
        order = np.lexsort((first, place[first]))
        found = StrataSizes(chances[order], sizes[first[order]])
        known = [divmod(int(code), top) for code in pairs[np.argsort(begin)]]
        return known, found, place[first[order]]


def sizes_of_two(trial: Trial, share: float) -> StrataSizes:
    """Return the arm sizes within two strata, the first with this share.

    Blocks are dealt within each stratum.
    """
    n = trial.n_patients
    numbers, chances = zip(*_tails_cut(binomial_row(n, share)), strict=True)
    dealt, ratio = _dealt(trial.allocation), trial.ratio
    first, second = [dealt[*ratio, m] for m in numbers], [dealt[*ratio, n - m] for m in numbers]
    n_first, n_second = (np.array([len(w) for w, _ in each]) for each in (first, second))
    # SPEED: each of the first stratum beside each of the second (benchmarks/table.py)
    partners = np.repeat(n_second, n_first)
    one = np.repeat(np.arange(partners.size), partners)
    begin = np.repeat(n_second.cumsum() - n_second, n_first) - partners.cumsum() + partners
    other = np.arange(one.size) + begin[one]
    (weight, size), (other_weight, other_size) = (
        (np.concatenate(weights), np.concatenate(sizes))
        for weights, sizes in (zip(*each, strict=True) for each in (first, second))
    )
    chance = np.repeat(chances, n_first)[one] * weight[one] * other_weight[other]
    return StrataSizes(chance, np.stack([size[one], other_size[other]], axis=1))


class _Dealt(dict[tuple[int, ...], tuple[FloatArray, IntArray]]):
    """The chances of the arm sizes in a stratum, (n_sizes,), and these, (n_sizes, 2).

    By ratio and patients; each is worked out when it is first asked for.
    """

    def __init__(self, allocation: Allocation | None) -> None:
        self._allocation = allocation

    def __missing__(self, asked: tuple[int, ...]) -> tuple[FloatArray, IntArray]:
        *ratio, n_patients = asked
        sizes = _sizes_in(self._allocation, tuple(ratio), n_patients)
        found = self[asked] = np.array(list(sizes.values())), np.array(list(sizes))
        return found


# SPEED: trials of nearly the same size have nearly the same strata (benchmarks/table.py)
_dealt = remembered(4)(_Dealt)


def sizes_split(trial: Trial, share: float) -> StrataSizes:
    """Return the same where the allocation knows nothing of the two strata."""
    laws = [
        (chance * one * other, ((c, t), (control - c, new - t)))
        for (control, new), chance in likely(sizes_in(trial, trial.n_patients)).items()
        for c, one in _tails_cut(binomial_row(control, share))
        for t, other in _tails_cut(binomial_row(new, share))
    ]
    chances, sizes = zip(*laws, strict=True)
    return StrataSizes(np.array(chances), np.array(sizes))


def _tails_cut(chances: FloatArray) -> list[tuple[int, float]]:
    """Return the numbers that may be, with their chances; those left out are negligible."""
    order = np.argsort(chances)
    kept = np.sort(order[np.cumsum(chances[order]) > _NEGLIGIBLE])
    return [(int(k), float(chances[k])) for k in kept]
