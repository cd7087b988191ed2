"""Numbers of patients by look, arm, stratum and outcome: drawn, or all that there can be."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from itertools import accumulate, product

import numpy as np

from lupusim.analysis.numerics.binomial import binomial_rows
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.counts.cells import Cell, kinds_of, shares_of
from lupusim.planning.theory.counts.joint import Outcomes
from lupusim.planning.theory.counts.sizes import sizes_in_all
from lupusim.trial import Trial

_NEGLIGIBLE = 1e-9  # chance of all numbers that are left out, of each arm
_LEAST = 1e-15
_CORNERS = 4  # of so many tables most are too unlikely to count
_CODES = 2**62
_PAIR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Patients of one stratum of the allocation and of the test, who fare alike."""

    share: float  # of the population
    stratum: int  # of the test
    kind: int  # number of their law


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Numbers:
    """How many patients there are, many trials at once."""

    counts: IntArray
    """In the analysis of each look: (n_trials, n_looks, n_arms, n_strata, n_outcomes)."""
    weights: FloatArray
    """Chance of each, or how often it is drawn, (n_trials,); of several kinds (n_trials, n_kinds).
    """

    def distinct(self) -> Numbers:
        """Return numbers that several trials have only once, if they are told apart at no cost."""
        # SPEED: few tables are met by a million trials (benchmarks/table.py)
        rows = self.counts.reshape(len(self.counts), -1)
        code = codes_of(rows)
        if code is None:
            return self
        _, first, place = np.unique(code, return_index=True, return_inverse=True)
        kinds = self.weights.reshape(len(rows), -1).T
        weights = np.stack([np.bincount(place, weights=one) for one in kinds], axis=1)
        shape = first.size, *self.weights.shape[1:]
        return Numbers(counts=self.counts[first], weights=weights.reshape(shape))


def codes_of(rows: IntArray) -> IntArray | None:
    """Return a number for each row, the same where rows are; None where numbers do not suffice."""
    low = rows.min(axis=0)
    ranges = (rows.max(axis=0) - low + 1).tolist()
    if math.prod(ranges) > _CODES:
        return None
    steps = np.array([1, *accumulate(ranges[:-1], operator.mul)], dtype=np.int64)
    return np.asarray((rows - low) @ steps)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counted:
    """A trial whose outcome is numbers of patients, and their law."""

    trial: Trial
    patients: tuple[int, ...]  # in the analysis of each look
    groups: tuple[tuple[Group, ...], ...]  # by stratum of the allocation
    outcomes: Outcomes  # by arm and kind of patients, perhaps under many truths

    @classmethod
    def of(
        cls,
        trial: Trial,
        patients: Sequence[int],
        cells: tuple[Sequence[Cell], Sequence[str]],
        outcomes: Outcomes,
    ) -> Counted:
        """Return the law of a trial from its cells, the factors of its test, and cells' outcomes.

        The strata of the allocation come first among the factors of the cells.
        """
        all_cells, tested = cells
        kinds, stratum = kinds_of(trial, all_cells), _numbers(all_cells, tested)
        groups = []
        for _, who in shares_of(all_cells, trial.stratify_by):
            alike: dict[tuple[int, int], float] = {}
            for k in who:
                key = stratum[k], kinds[k]
                alike[key] = alike.get(key, 0.0) + all_cells[k].share
            groups.append(
                tuple(Group(share=share, stratum=s, kind=k) for (s, k), share in alike.items())
            )
        first = [kinds.index(kind) for kind in range(max(kinds) + 1)]
        by_kind = Outcomes(
            values=outcomes.values,
            n_values=outcomes.n_values,
            chances=outcomes.chances[..., first, :],
        )
        return cls(trial=trial, patients=tuple(patients), groups=tuple(groups), outcomes=by_kind)

    @property
    def n_strata(self) -> int:
        """Strata of the test."""
        return 1 + max(group.stratum for stratum in self.groups for group in stratum)

    @property
    def laws(self) -> list[tuple[int, int]]:
        """Stratum of the test, and kind of patients, of those whose outcomes are drawn together."""
        keys = {(g.stratum, g.kind): None for stratum in self.groups for g in stratum}
        return list(keys)

    @property
    def n_draws(self) -> int:
        """Random numbers that one trial takes."""
        n_arms, n_looks = len(self.trial.arms), len(self.patients)
        n_outcomes = self.outcomes.values.shape[1]
        sizes = sum(1 + n_arms * max(1, len(stratum)) for stratum in self.groups)
        outcomes: int = n_arms * len(self.laws) * (n_outcomes - 1)
        return n_looks * (sizes + outcomes)

    def drawn(
        self, n_trials: int, *, truth: IntArray | int = 0, rng: np.random.Generator
    ) -> Numbers:
        """Return the numbers of so many trials.

        Parameters
        ----------
        n_trials : int
            How many.
        truth : int or (n_trials,) array
            Which of the truths holds in each, if outcomes have several.
        rng : numpy.random.Generator
            The stream for them.

        Raises
        ------
        NoExactSolutionError
            If the arms' sizes depend on more than how many patients there are.
        """
        n_arms, n_looks = len(self.trial.arms), len(self.patients)
        shape = n_trials, n_looks, n_arms, self.n_strata, self.outcomes.values.shape[1]
        counts = np.zeros(shape, dtype=np.int32)
        for (stratum, kind), patients in self._further(n_trials, rng=rng).items():
            for arm in range(n_arms):
                chances = self.outcomes.chances[..., arm, kind, :]
                counts[:, :, arm, stratum] += _split(
                    patients[:, :, arm],
                    chances if chances.ndim == 1 else chances[truth][..., None, :],
                    rng=rng,
                )
        return Numbers(counts=counts.cumsum(axis=1), weights=np.ones(n_trials))

    def _further(
        self, n_trials: int, *, rng: np.random.Generator
    ) -> dict[tuple[int, int], IntArray]:
        """Return how many patients each look adds, by law; (n_trials, n_looks, n_arms) each."""
        assert self.trial.allocation is not None  # a trial sets its default when it is made
        added = np.tile(np.diff(self.patients, prepend=0), (n_trials, 1))
        shares = np.array([sum(group.share for group in stratum) for stratum in self.groups])
        found: dict[tuple[int, int], IntArray] = {}
        by_stratum = _split(added, shares / shares.sum(), rng=rng).cumsum(axis=1)
        for number, groups in enumerate(self.groups):
            dealt = self.trial.allocation.numbers(
                self.trial.ratio, by_stratum[:, :, number], rng=rng
            )
            if dealt is None:
                raise NoExactSolutionError("the arms' sizes depend on who came before")
            further = np.diff(dealt, axis=1, prepend=0)
            within = np.array([group.share for group in groups])
            parts = _split(further, within / within.sum(), rng=rng)
            for k, group in enumerate(groups):
                key = group.stratum, group.kind
                found[key] = found.get(key, 0) + parts[..., k]
        return found

    def everything(self, most: int) -> Numbers:
        """Return all numbers that there can be at one look, with their chances.

        Raises
        ------
        NoExactSolutionError
            If they are more.
        """
        if len(self.patients) > 1 or len(self.laws) > 1:
            raise NoExactSolutionError("numbers by look or stratum are too many")
        parts = []
        for sizes, chance in self._sizes():
            parts.append(self._of_sizes(sizes, chance, most))
            most -= parts[-1][0].size
            if most < 0:
                raise NoExactSolutionError("there are too many tables")
        weights, counts = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Numbers(counts=counts[:, None, :, None], weights=weights / weights.sum())

    def _sizes(self) -> Iterator[tuple[tuple[int, ...], float]]:
        """Yield the sizes of the arms, and their chance."""
        trial, n = self.trial, self.patients[0]
        if len(trial.arms) == _PAIR and n == trial.n_patients:
            shares = [sum(group.share for group in stratum) for stratum in self.groups]
            yield from sizes_in_all(trial, shares).items()
            return
        block = trial.allocation.block_size if trial.allocation else None
        if block is None or len(self.groups) > 1:
            raise NoExactSolutionError("the arms have too many sizes")
        places = [part * (block // sum(trial.ratio)) for part in trial.ratio]
        whole, rest = divmod(n, block)
        for taken in product(*(range(min(place, rest) + 1) for place in places)):
            if sum(taken) == rest:  # of a last block that is not filled
                ways = math.prod(map(math.comb, places, taken))
                sizes = (whole * place + k for place, k in zip(places, taken, strict=True))
                yield tuple(sizes), ways / math.comb(block, rest)

    def _of_sizes(
        self, sizes: tuple[int, ...], chance: float, most: int
    ) -> tuple[FloatArray, IntArray]:
        """Return the chances of all numbers, and the numbers, (n_cases, n_arms, n_outcomes)."""
        weights, rows = np.array([chance]), np.zeros((1, 0, self.outcomes.values.shape[1]), int)
        for arm, size in enumerate(sizes):
            own, numbers = _compositions(size, self.outcomes.chances[arm, 0])
            if weights.size * own.size > _CORNERS * most:
                raise NoExactSolutionError("there are too many tables")
            both = np.outer(weights, own)
            first, second = np.nonzero(_kept(both))
            weights = both[first, second]
            rows = np.concatenate([rows[first], numbers[second, None]], axis=1)
        return weights, rows


def _numbers(cells: Sequence[Cell], factors: Sequence[str]) -> list[int]:
    """Return the number of the stratum of each cell by some factors."""
    keys = [tuple(cell.levels[name] for name in factors) for cell in cells]
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    return [places[key] for key in keys]


def _split(patients: IntArray, shares: FloatArray, *, rng: np.random.Generator) -> IntArray:
    """Return how many of some patients have each outcome, along a further last axis.

    Parameters
    ----------
    patients : integer array
        Of each trial, and more.
    shares : (n_outcomes,) or (..., n_outcomes) array
        Of the outcomes, perhaps by trial.
    rng : numpy.random.Generator
        The stream for them.
    """
    if shares.shape[-1] == 1:
        return patients[..., None]
    left, parts = patients, []
    rest = shares[..., ::-1].cumsum(axis=-1)[..., ::-1]
    chances = np.minimum(shares / np.where(rest > 0, rest, 1.0), 1.0)
    for k in range(shares.shape[-1] - 1):
        part = rng.binomial(left, chances[..., k])
        parts.append(part)
        left = left - part
    return np.stack([*parts, left], axis=-1)


def _kept(chances: FloatArray) -> BoolArray:
    """Return which of some chances are not negligible, all that are left out together."""
    least = 1e3 * _LEAST
    while (both := chances > least).sum() < chances.size and least > _LEAST:
        if chances[~both].sum() < _NEGLIGIBLE:
            break
        least /= 10
    return np.asarray(both)


def _compositions(n: int, shares: FloatArray) -> tuple[FloatArray, IntArray]:
    """Return the chances of how many of `n` have each outcome, and the numbers, a row each."""
    weights, left = np.ones(1), np.array([n])
    found = np.zeros((1, 0), dtype=np.intp)
    rest = list(accumulate(shares[::-1].tolist()))[::-1]
    for share, remaining in zip(shares[:-1].tolist(), rest, strict=False):
        chance = min(share / remaining, 1.0) if remaining > 0 else 0.0
        sizes, place = np.unique(left, return_inverse=True)
        rows = np.zeros((sizes.size, n + 1))
        for row, size in zip(rows, sizes.tolist(), strict=True):
            row[: size + 1] = binomial_rows(size, np.array([chance]), (0, size + 1))[0]
        both = weights[:, None] * rows[place]
        before, number = np.nonzero(_kept(both))
        weights, left = both[before, number], left[before] - number
        found = np.concatenate([found[before], number[:, None]], axis=1)
    return weights, np.concatenate([found, left[:, None]], axis=1)
