"""Simulation-based calibration: whether a sampler recovers parameters that are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

import numpy as np

from lupusim.calibration.posterior.draws import Draws
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass

N_RANKS = 100
"""Ranks that are told apart: 99 draws of each posterior, divisible into 2, 4, 5, 10 or 20 bins."""

Counts = TypeVar("Counts")
PriorDraw: TypeAlias = Callable[[np.random.Generator], FloatArray]
Simulate: TypeAlias = Callable[[FloatArray, np.random.Generator], Counts]
Posterior: TypeAlias = Callable[[Counts, np.random.Generator], Draws]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankTest:
    """Ranks of the true parameters among their posterior draws, with tests of uniformity."""

    ranks: IntArray
    """0 to ``N_RANKS - 1``: how many of the posterior draws lie below the truth; (n_rounds,
    n_parameters)."""
    n_unconverged: int
    """Rounds whose draws had not converged. They are kept: dropping them would hide where the
    sampler fails."""

    def histogram(self, n_bins: int = 20) -> IntArray:
        """Return how often the ranks fall in each of `n_bins`, shape ``(n_bins, n_parameters)``.

        Raises
        ------
        ValueError
            If `n_bins` does not divide ``N_RANKS``: the bins would not be equally likely.
        """
        if N_RANKS % n_bins:
            raise ValueError(f"n_bins={n_bins!r} must divide {N_RANKS}, such as 10 or 20")
        bins = self.ranks * n_bins // N_RANKS
        return np.stack([np.bincount(column, minlength=n_bins) for column in bins.T], axis=1)

    def p_values(self, n_bins: int = 10) -> FloatArray:
        """Return the chi-square p-value of uniform ranks for each parameter.

        Needs about five rounds for each bin.
        """
        from scipy.special import chdtrc

        expected = len(self.ranks) / n_bins
        statistic = np.square(self.histogram(n_bins) - expected).sum(axis=0) / expected
        tail: FloatArray = chdtrc(n_bins - 1, statistic)
        return tail

    def z_location(self) -> FloatArray:
        """Return the z-score of the mean rank for each parameter.

        Above 0 the posterior lies too low. Standard normal for a correct sampler.
        """
        variance = (N_RANKS**2 - 1) / 12
        excess: FloatArray = self.ranks.mean(axis=0) - (N_RANKS - 1) / 2
        z: FloatArray = excess / np.sqrt(variance / len(self.ranks))
        return z

    def z_dispersion(self) -> FloatArray:
        """Return the z-score of the spread of the ranks for each parameter.

        Above 0 the posterior is too narrow, below 0 too wide. Standard normal for a
        correct sampler. It sees a wrong width with far fewer rounds than chi-square does.
        """
        center = (N_RANKS - 1) / 2
        possible = np.square(np.arange(N_RANKS) - center)
        excess: FloatArray = np.square(self.ranks - center).mean(axis=0) - possible.mean()
        z: FloatArray = excess / (possible.std() / np.sqrt(len(self.ranks)))
        return z


def simulation_based_calibration(
    prior_draw: PriorDraw,
    simulate: Simulate[Counts],
    *,
    posterior: Posterior[Counts],
    n_rounds: int,
    rng: np.random.Generator,
) -> RankTest:
    """Check a sampler: draw parameters, simulate counts, rank the truth in the posterior.

    If the sampler is right, each parameter's rank among draws of the posterior that its
    own simulated counts give is uniform, whatever the model.

    Parameters
    ----------
    prior_draw : callable
        ``prior_draw(rng)`` returns one parameter vector, shape ``(n_parameters,)``.
    simulate : callable
        ``simulate(parameters, rng)`` returns counts (anything `posterior` understands).
    posterior : callable
        ``posterior(counts, rng)`` returns `Draws`.
    n_rounds : int
        At least 1; 50 for a first look, some hundreds for a verdict.
    rng : numpy.random.Generator

    Returns
    -------
    RankTest

    Raises
    ------
    ValueError
        If `n_rounds` is below 1.

    References
    ----------
    Talts, Betancourt, Simpson, Vehtari and Gelman (2018), "Validating Bayesian inference
    algorithms with simulation-based calibration", arXiv:1804.06788, algorithm 1.
    """
    if n_rounds < 1:
        raise ValueError(f"n_rounds={n_rounds!r} must be at least 1")
    ranks, n_unconverged = [], 0
    for _ in range(n_rounds):
        truth = prior_draw(rng)
        draws = posterior(simulate(truth, rng), rng)
        n_unconverged += not draws.converged
        ranks.append((draws.resample(N_RANKS - 1, rng=rng) < truth).sum(axis=0))
    return RankTest(ranks=np.array(ranks), n_unconverged=n_unconverged)
