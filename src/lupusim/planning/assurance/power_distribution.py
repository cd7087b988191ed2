"""How power is distributed over what one believes, freed from the noise of few replicates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lupusim.arrays import FloatArray, IntArray
from lupusim.rng import stream
from lupusim.simulation.tally import Mean

GRID: FloatArray = np.linspace(0.0, 1.0, 101)
_EM_STEPS = 200
_RESAMPLES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerDistribution:
    """Significant trials among a few replicates of every draw.

    Parameters
    ----------
    n_rejected : (n_draws,) integer array
        Significant trials of each draw.
    per_draw : int
        Replicates of each draw, at least 1.
    seed : int
        Of the bootstrap behind the Monte Carlo standard errors.
    """

    n_rejected: IntArray
    per_draw: int
    seed: int = 0

    @property
    def n_replicates(self) -> int:
        """Replicates of all draws."""
        return self.n_rejected.size * self.per_draw

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
    def weights(self) -> FloatArray:
        """Estimated probability of each power of :data:`GRID`.

        The binomial mixture that explains the counts best (nonparametric maximum likelihood;
        Kiefer and Wolfowitz 1956, *Ann. Math. Statist.* 27:887), by 200 steps of the EM
        algorithm from a flat start (Laird 1978, *JASA* 73:805), which keeps it smooth.
        """
        return _mixture(self.histogram, self.per_draw)

    @property
    def parameter_share(self) -> Mean:
        """Share of the variance of the trial's outcome that comes from what is not known.

        The rest is sampling: chance in a trial whose truth is known. By analysis of
        variance; NaN with one replicate per draw.
        """
        return self._bootstrapped(lambda h: [_parameter_share(h, self.per_draw)])[0]

    def quantiles(self, probabilities: Sequence[float]) -> list[Mean]:
        """Return quantiles of the power."""

        def of(histogram: FloatArray) -> FloatArray:
            distribution = np.cumsum(_mixture(histogram, self.per_draw))
            return np.interp(probabilities, distribution, GRID)

        return self._bootstrapped(of)

    def at_least(self, power: float) -> Mean:
        """Return the probability that the power is at least that."""
        return self._bootstrapped(
            lambda h: [_mixture(h, self.per_draw)[power - 1e-9 <= GRID].sum()]
        )[0]

    def _bootstrapped(
        self, statistic: Callable[[FloatArray], Sequence[float] | FloatArray]
    ) -> list[Mean]:
        """Return statistics of the histogram with bootstrap standard errors (over draws)."""
        histogram = self.histogram
        n_draws = self.n_rejected.size
        rng = stream(self.seed, "bootstrap of the power distribution")
        resampled = rng.multinomial(n_draws, histogram / n_draws, size=_RESAMPLES)
        again = np.array([np.asarray(statistic(h.astype(float))) for h in resampled])
        spread = again.std(axis=0)
        values = statistic(histogram)
        return [Mean(value=float(v), mcse=float(s)) for v, s in zip(values, spread, strict=True)]


def _mixture(histogram: FloatArray, per_draw: int) -> FloatArray:
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
