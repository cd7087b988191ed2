"""What is known in law of drawn tables: sums over patients that nearly are what tests show."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.planning.theory.counts.claims import SEED, decided, seen_by
from lupusim.planning.theory.counts.numbers import Counted, Numbers
from lupusim.planning.theory.drawn.sums import TableSum
from lupusim.planning.theory.expected_bounds import expected_bounds
from lupusim.planning.theory.sums import frequencies, step_means
from lupusim.simulation.controls import steps_below
from lupusim.simulation.looks.look_statistics import Comparison, LookStatistics
from lupusim.simulation.moments import FOLDS, Moments
from lupusim.simulation.tally import Mean

_PILOT, _PER_NUMBER = 1_000, 20
"""Tables that show what a test makes of numbers, and at least so many for each number it sees."""
_LARGEST = 8.0  # a statistic beyond is as good as this
_NEAR, _FAR = 1.0, 0.02
"""How far from a bound tables count most, in standard deviations, and what all others count."""
_OFFSETS = (-0.1, 0.0, 0.1)
_SCALE = 0.05
"""Steps about each bound, and how smooth they are: about as far apart as a sum is from its test."""
_FADED = 16.0  # logarithm of what is left of a smoothed step at the highest frequency
_CONSTANT = 1e-6  # spread of a statistic that does not move
_TINY = 1e-300
_UNSEEN = 0.5
"""Standard deviation of one table more, of whose claim nothing is known: where claims are few,
there may be none such among those drawn (Wilson, 1927, adds as much to the error of a share)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableSteps:
    """Smoothed steps of a sum over patients, and what they are in the mean."""

    sum: TableSum
    thresholds: FloatArray  # (n_steps,)
    means: FloatArray  # exact; (n_steps,)

    def values(self, numbers: Numbers) -> FloatArray:
        """Return what has mean 0 in every trial, (n_trials, n_steps)."""
        return steps_below(self.sum.of(numbers), self.thresholds, _SCALE) - self.means


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableControls:
    """All that is known in law of the tables that some comparisons see."""

    counted: Counted
    asked: Sequence[Comparison]
    steps: Sequence[TableSteps]

    @classmethod
    def of(cls, counted: Counted, asked: Sequence[Comparison]) -> TableControls:
        """Return what is known, after a few tables of their own have shown what tests make of them.

        Parameters
        ----------
        counted : Counted
            The law of the numbers; of one truth.
        asked : sequence of Comparison
            Those that see these alone.
        """
        allocation = counted.trial.allocation
        assert allocation is not None  # a trial sets its default when it is made
        if allocation.block_size is None and allocation.remembers:  # no law of the arms' sizes
            return cls(counted=counted, asked=asked, steps=())
        endpoints = sorted({one.endpoint for one in asked})
        features = [_features(counted, one, endpoints.index(one.endpoint)) for one in asked]
        n_pilot = max(_PILOT, _PER_NUMBER * max(one.shape[-1] for one in features))
        rng = stream(SEED, "pilot of drawn tables", counted.trial.n_patients)
        pilot = counted.drawn(n_pilot, rng=rng)
        shown = zip(asked, seen_by(counted, asked, pilot), features, strict=True)
        steps = [step for found in shown for step in _steps(counted, pilot, *found)]
        return cls(counted=counted, asked=asked, steps=steps)

    def values(self, numbers: Numbers) -> FloatArray:
        """Return what has mean 0 in every trial, (n_trials, n_controls)."""
        none = np.zeros((len(numbers.counts), 0))
        return np.column_stack([none, *(one.values(numbers) for one in self.steps)])

    def sums(self, numbers: Numbers) -> TableSums:
        """Return the sums of tables that are drawn, each with its fold as weights."""
        claims = decided(self.counted, self.asked, numbers)
        columns = [np.ones(len(numbers.counts)), *claims.values()]
        rows = np.column_stack([*columns, self.values(numbers)])
        folds = numbers.weights.T[:, :, None] * rows
        return TableSums(names=tuple(claims), products=rows.T @ folds)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableSums:
    """Sums of squares and products of drawn tables, fold by fold."""

    names: tuple[str, ...]  # of what is claimed
    products: FloatArray
    """Of the columns 1, claims and controls; (FOLDS, n_columns, n_columns)."""

    def __add__(self, other: TableSums) -> TableSums:
        """Return those of the tables of both."""
        return TableSums(names=self.names, products=self.products + other.products)

    def shares(self) -> dict[str, Mean]:
        """Return how often each is claimed, with known chance taken out where that helps."""
        n = self.products[:, 0, 0]
        first = 1 + len(self.names)
        n_controls = self.products.shape[1] - first
        found = {}
        for column, name in enumerate(self.names, 1):
            chosen = np.r_[0, column, first : first + n_controls]
            moments = Moments(
                products=self.products[:, chosen][:, :, chosen],
                n_sets=n,
                known_to=np.zeros((n_controls, n_controls)),
            )
            share = float(self.products[:, 0, column].sum() / n.sum())
            value, mcse = share, math.sqrt(share * (1 - share) / n.sum())
            if (reduced := moments.share()) is not None:
                value, mcse = reduced[0], math.hypot(reduced[1], _UNSEEN / n.sum())
            found[name] = Mean(value=value, mcse=mcse, n=int(n.sum()))
        return found


def without_known_chance(claims: FloatArray, controls: FloatArray) -> FloatArray:
    """Return claims of tables, each less what is known of its chance: as large in the mean.

    Parameters
    ----------
    claims : (n_tables,) array
        0 or 1.
    controls : (n_tables, n_controls) array
        Each with mean 0 by its law.
    """
    unknown = np.zeros(2 * controls.shape[1:])
    left = claims.astype(float)
    for fold, taken in enumerate(Moments.of(claims, controls, unknown).coefficients()):
        left[fold::FOLDS] -= controls[fold::FOLDS] @ taken
    return left


def in_folds(numbers: Numbers) -> Numbers:
    """Return numbers with how often each is drawn in each fold, (n_trials, FOLDS)."""
    fold = np.arange(len(numbers.counts))[:, None] % FOLDS == np.arange(FOLDS)
    return Numbers(counts=numbers.counts, weights=fold * numbers.weights[:, None])


def _features(counted: Counted, one: Comparison, endpoint: int) -> FloatArray:
    """Return which of the numbers that a test sees patients of each kind are in.

    Parameters
    ----------
    counted : Counted
        The law of the numbers.
    one : Comparison
        The test.
    endpoint : int
        Position of its endpoint among those that are counted.

    Returns
    -------
    (n_arms, n_strata, n_outcomes, n_numbers) array of 0 and 1
    """
    values, n_arms = counted.outcomes.values[endpoint], len(counted.trial.arms)
    arm, stratum, outcome = np.indices((n_arms, counted.n_strata, values.size))
    if one.analysis.test.strata == "none":
        stratum = np.zeros_like(stratum)
    number = np.ravel_multi_index(
        (arm, stratum, values[outcome]), (n_arms, counted.n_strata, int(values.max()) + 1)
    )
    seen = np.unique(number[[0, one.arm]])
    return np.asarray(number[..., None] == seen, dtype=float)


def _steps(
    counted: Counted, pilot: Numbers, one: Comparison, seen: LookStatistics, features: FloatArray
) -> Iterator[TableSteps]:
    """Yield the steps about the bounds of each look of a test, from what a pilot shows of it."""
    information, estimate = (
        np.array([[_middle(column) for column in shown.T]])
        for shown in (seen.information, seen.estimate)
    )
    bounds = expected_bounds(counted.trial, one, information, estimate)
    n_tables, n_numbers = len(pilot.counts), features.shape[-1]
    for look, at in enumerate(bounds):
        z = np.clip(np.nan_to_num(seen.z[:, look]), -_LARGEST, _LARGEST)
        if at.size == 0 or z.std() < _CONSTANT:
            continue
        numbers = pilot.counts[:, look].reshape(n_tables, -1) @ features.reshape(-1, n_numbers)
        near = np.exp(-(((z[:, None] - at) / _NEAR) ** 2) / 2).sum(axis=1)
        level, slopes = _line(numbers, z, near + _FAR)
        total = TableSum(look=look, adds=features @ slopes)
        sums = total.of(pilot)
        if (spread := float(sums.std())) < _CONSTANT:
            continue
        thresholds = (at[:, None] - level + np.array(_OFFSETS)).ravel()
        yield _with_means(counted, total, thresholds, (float(sums.mean()), spread))


def _middle(shown: FloatArray) -> float:
    known = shown[np.isfinite(shown)]
    return float(np.median(known)) if known.size else math.nan


def _line(numbers: FloatArray, z: FloatArray, weights: FloatArray) -> tuple[float, FloatArray]:
    """Return level and slopes of the linear function of numbers that is nearest to a statistic."""
    weights = weights / weights.sum()
    middle, root = weights @ numbers, np.sqrt(weights)
    level = float(weights @ z)
    slopes = np.linalg.lstsq(root[:, None] * (numbers - middle), root * (z - level))[0]
    return level - float(middle @ slopes), np.asarray(slopes, dtype=float)


def _with_means(
    counted: Counted, total: TableSum, thresholds: FloatArray, about: tuple[float, float]
) -> TableSteps:
    """Return steps of a sum that is about so large and has about such a spread."""
    middle, spread = about
    first = frequencies(spread, 2)
    n_nodes = math.ceil(_FADED / (math.pi * _SCALE * (first[1] - first[0])))
    nodes = frequencies(spread, n_nodes)
    law = total.characteristic(counted, nodes) * np.exp(-1j * nodes * middle)
    logs = np.log(np.where(law == 0, _TINY, law))
    means = step_means(logs[None], nodes, thresholds - middle, _SCALE)[0]
    return TableSteps(sum=total, thresholds=thresholds, means=means)
