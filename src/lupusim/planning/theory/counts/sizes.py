"""How many patients each arm gets, within the strata and in all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from lupusim.analysis.numerics.binomial import binomial_row
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.errors import NoExactSolutionError
from lupusim.trial import Trial

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
    assert trial.allocation is not None  # a trial sets its default when it is made
    first, second = trial.ratio
    found = trial.allocation.sizes((first, second), n_patients)
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


def sizes_of_two(trial: Trial, share: float) -> tuple[FloatArray, IntArray]:
    """Return the chances of the arm sizes within two strata, the first with this share, and these.

    Blocks are dealt within each stratum. Shapes (n_laws,) and (n_laws, 2 strata, 2 arms).
    """
    n = trial.n_patients
    numbers, chances = zip(*_tails_cut(binomial_row(n, share)), strict=True)
    dealt = {k: sizes_in(trial, k) for k in {*numbers, *(n - m for m in numbers)}}
    first, second = [dealt[m] for m in numbers], [dealt[n - m] for m in numbers]
    n_first, n_second = (np.array([len(one) for one in each]) for each in (first, second))
    # SPEED: each of the first stratum beside each of the second (benchmarks/table.py)
    partners = np.repeat(n_second, n_first)
    one = np.repeat(np.arange(partners.size), partners)
    begin = np.repeat(n_second.cumsum() - n_second, n_first) - partners.cumsum() + partners
    other = np.arange(one.size) + begin[one]
    weights = [
        np.array([w for by_size in each for w in by_size.values()]) for each in (first, second)
    ]
    sizes = [np.array([size for by_size in each for size in by_size]) for each in (first, second)]
    chance = np.repeat(chances, n_first)[one] * weights[0][one] * weights[1][other]
    return chance, np.stack([sizes[0][one], sizes[1][other]], axis=1)


def sizes_split(trial: Trial, share: float) -> Iterator[tuple[float, tuple[Sizes, Sizes]]]:
    """Yield the same where the allocation knows nothing of the two strata."""
    for (control, new), chance in likely(sizes_in(trial, trial.n_patients)).items():
        for c, one in _tails_cut(binomial_row(control, share)):
            for t, other in _tails_cut(binomial_row(new, share)):
                yield chance * one * other, ((c, t), (control - c, new - t))


def _tails_cut(chances: FloatArray) -> list[tuple[int, float]]:
    """Return the numbers that may be, with their chances; those left out are negligible."""
    order = np.argsort(chances)
    kept = np.sort(order[np.cumsum(chances[order]) > _NEGLIGIBLE])
    return [(int(k), float(chances[k])) for k in kept]
