"""How power is distributed over what one believes, freed from the noise of few replicates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Literal

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.planning.assurance.power_by_strength import fitted_power, spline_basis
from lupusim.simulation.tally import Mean

GRID: FloatArray = np.linspace(0.0, 1.0, 101)
_EDGES: FloatArray = np.array([0.0, *(GRID[:-1] + 0.005), 1.0])  # a cell around each of the grid
_EM_STEPS = 200
_RESAMPLES = 50
_SHARED = 0.01  # of the draws, and at least ten, with one truth make it a point of its own
_FEWEST_FOR_A_CURVE = 100


@dataclass(frozen=True, kw_only=True)
class PowerDistribution:
    """Significant trials among a few replicates of every draw.

    What is known of the draws is used. Draws that share a truth have one power, which stays a
    point of the distribution. Where the strength of the effect is all that differs, the power
    is a smooth function of it, fitted to all replicates. Elsewhere the distribution is the
    binomial mixture that explains the counts best.
    """

    n_rejected: IntArray  # significant trials of each draw; (n_draws,)
    per_draw: int  # replicates of each draw, at least 1
    seed: int = 0  # of the bootstrap behind the Monte Carlo standard errors
    strengths: FloatArray | None = None
    """Of the effect in each draw, 0 for none; None where nothing is known of the draws; (n_draws,).
    """
    models_are_certain: bool = False  # whether nothing but the strength differs between draws

    @property
    def n_draws(self) -> int:
        """Draws of the truth."""
        return self.n_rejected.size

    @property
    def n_replicates(self) -> int:
        """Replicates of all draws."""
        return self.n_rejected.size * self.per_draw

    @property
    def successes(self) -> FloatArray:
        """Share of significant trials of each draw, (n_draws,)."""
        return self.n_rejected / self.per_draw

    @property
    def histogram(self) -> FloatArray:
        """Number of draws with 0, 1, ... significant trials, shape (per_draw + 1,)."""
        return np.bincount(self.n_rejected, minlength=self.per_draw + 1).astype(float)

    @property
    def mean(self) -> Mean:
        """The assurance; its standard error counts draws, since replicates share a draw."""
        shares = self.n_rejected / self.per_draw
        return Mean(value=float(shares.mean()), mcse=float(shares.std() / math.sqrt(shares.size)))

    @property
    def parameter_share(self) -> Mean:
        """Share of the variance of the trial's outcome that comes from what is not known.

        The rest is sampling: chance in a trial whose truth is known. By analysis of
        variance; NaN with one replicate per draw.
        """
        return self._bootstrapped(lambda h: [_parameter_share(h, self.per_draw)])[0]

    def quantiles(self, probabilities: Sequence[float]) -> list[Mean]:
        """Return quantiles of the power."""
        wanted = np.asarray(probabilities)
        return self._of_law(lambda law: law.quantiles(wanted))

    def at_least(self, power: float) -> Mean:
        """Return the probability that the power is at least that."""
        return self._of_law(lambda law: [1 - law.below(np.array([power - 1e-9]))[0]])[0]

    def shares(self, edges: FloatArray) -> FloatArray:
        """Return the probability of each interval, its lower edge included.

        Parameters
        ----------
        edges : (n + 1,) array
            From 0 to 1, rising; a power of 1 is in the last interval.
        """
        below = self._law(np.ones(self.n_rejected.size)).below(edges)
        below[-1] = 1.0
        return np.asarray(np.diff(below))

    @cached_property
    def _groups(self) -> tuple[list[IntArray], IntArray]:
        """Positions of the draws that share a truth, a group each; and those of the others."""
        n_draws = self.n_rejected.size
        if self.strengths is None:
            return [], np.arange(n_draws)
        found, kind, n = np.unique(self.strengths, return_inverse=True, return_counts=True)
        # Without an effect the power is the level, whatever the model.
        shared = (n >= max(_SHARED * n_draws, 10)) & (self.models_are_certain | (found == 0))
        groups = [np.flatnonzero(kind == k) for k in np.flatnonzero(shared)]
        return groups, np.flatnonzero(~shared[kind])

    @cached_property
    def _curve(self) -> tuple[FloatArray, FloatArray] | None:
        """Spline columns of the draws with a truth of their own, and coefficients of the power."""
        _, others = self._groups
        if not (self.models_are_certain and others.size >= _FEWEST_FOR_A_CURVE):
            return None
        assert self.strengths is not None
        basis = spline_basis(self.strengths[others])
        trials = np.full(others.size, float(self.per_draw))
        return basis, fitted_power(basis, self.n_rejected[others].astype(float), trials)[1]

    def _law(self, weights: FloatArray) -> _Law:
        """Return the distribution of power where every draw counts so often."""
        groups, others = self._groups
        points = [float(np.average(self.n_rejected[g], weights=weights[g])) for g in groups]
        masses = [float(weights[g].sum()) for g in groups]
        powers, own = np.array(points) / self.per_draw, np.array(masses)
        weight, cells = weights[others], np.zeros(GRID.size)
        if self._curve is not None:
            basis, start = self._curve
            successes = weight * self.n_rejected[others]
            fitted, _ = fitted_power(basis, successes, weight * self.per_draw, start=start)
            powers, own = np.append(powers, fitted), np.append(own, weight)
        elif others.size:
            counts = np.bincount(
                self.n_rejected[others], weights=weight, minlength=self.per_draw + 1
            )
            cells = _mixture(counts.astype(float), self.per_draw) * weight.sum()
        return _Law(powers=powers, masses=own / weights.sum(), cells=cells / weights.sum())

    def _of_law(self, statistic: Callable[[_Law], Sequence[float] | FloatArray]) -> list[Mean]:
        """Return statistics of the distribution with bootstrap standard errors.

        Draws of a group are drawn again among themselves.
        """
        rng = stream(self.seed, "bootstrap of the power distribution")
        groups, others = self._groups
        again = []
        for _ in range(_RESAMPLES):
            weights = np.zeros(self.n_rejected.size)
            for members in (*groups, others):
                chances = np.full(members.size, 1 / max(members.size, 1))
                weights[members] = rng.multinomial(members.size, chances) if members.size else 0.0
            again.append(np.asarray(statistic(self._law(weights))))
        values = statistic(self._law(np.ones(self.n_rejected.size)))
        # of a point none or all of whose trials succeed no spread is seen: its trials bound it
        n = self.per_draw * min((group.size for group in groups), default=self.n_draws)
        return [replace(mean, n=n) for mean in _with_errors(values, again)]

    def _bootstrapped(
        self, statistic: Callable[[FloatArray], Sequence[float] | FloatArray]
    ) -> list[Mean]:
        """Return statistics of the histogram with bootstrap standard errors (over draws)."""
        histogram = self.histogram
        n_draws = self.n_rejected.size
        rng = stream(self.seed, "bootstrap of the power distribution")
        resampled = rng.multinomial(n_draws, histogram / n_draws, size=_RESAMPLES)
        again = [np.asarray(statistic(h.astype(float))) for h in resampled]
        return _with_errors(statistic(histogram), again)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Law:
    """A distribution of power: points, and cells around the grid in which it is even."""

    powers: FloatArray
    masses: FloatArray
    """`powers` and `masses`: (n_points,)."""
    cells: FloatArray  # probability of each cell; (101,)

    def below(self, power: FloatArray) -> FloatArray:
        """Return the probability of less power than each value."""
        return self._cumulative(power, side="left")

    def _cumulative(self, power: FloatArray, *, side: Literal["left", "right"]) -> FloatArray:
        order = np.argsort(self.powers)
        reached = np.append(0.0, np.cumsum(self.masses[order]))
        in_points = reached[np.searchsorted(self.powers[order], power, side=side)]
        in_cells = np.interp(power, _EDGES, np.append(0.0, np.cumsum(self.cells)))
        return np.asarray(in_points + in_cells)

    def quantiles(self, probabilities: FloatArray) -> FloatArray:
        """Return quantiles; over the mass of a point they are that point."""
        edges = np.unique(np.append(self.powers, _EDGES if self.cells.any() else self.powers))
        heights = (self._cumulative(edges, side=side) for side in ("left", "right"))
        reached = np.column_stack(list(heights)).ravel()
        places = np.searchsorted(reached, probabilities - 1e-12).clip(1, reached.size - 1)
        values = np.repeat(edges, 2)
        low, high = reached[places - 1], reached[places]
        share = (probabilities - low) / np.where(high > low, high - low, 1.0)
        steps = values[places] - values[places - 1]
        if not self.cells.any():  # between two points no value can lie
            return np.asarray(values[places])
        return np.asarray(values[places - 1] + share.clip(0.0, 1.0) * steps)


def _with_errors(values: Sequence[float] | FloatArray, again: Sequence[FloatArray]) -> list[Mean]:
    spread = np.array(again).std(axis=0)
    return [Mean(value=float(v), mcse=float(s)) for v, s in zip(values, spread, strict=True)]


def _mixture(histogram: FloatArray, per_draw: int) -> FloatArray:
    """Return the probability of each power of the grid in the mixture that explains the counts.

    Nonparametric maximum likelihood (Kiefer and Wolfowitz 1956, *Ann. Math. Statist.* 27:887),
    by 200 steps of the EM algorithm from a flat start (Laird 1978, *JASA* 73:805), which keeps
    it smooth.
    """
    counts = np.arange(per_draw + 1)[:, None]
    ways = np.array([math.comb(per_draw, k) for k in range(per_draw + 1)], dtype=float)[:, None]
    likelihood = ways * GRID**counts * (1 - GRID) ** (per_draw - counts)
    weights = np.full(GRID.size, 1 / GRID.size)
    for _ in range(_EM_STEPS):
        posterior = likelihood * weights
        posterior /= posterior.sum(axis=1, keepdims=True)
        weights = histogram @ posterior / histogram.sum()
    return np.asarray(weights)


def _parameter_share(histogram: FloatArray, per_draw: int) -> float:
    share = np.arange(per_draw + 1) / per_draw
    weight = histogram / histogram.sum()
    mean = float(weight @ share)
    if per_draw < 2 or mean in (0.0, 1.0):
        return math.nan
    within = float(weight @ (share * (1 - share))) * per_draw / (per_draw - 1)
    return 1 - within / (mean * (1 - mean))
