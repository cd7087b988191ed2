"""Simulation-based calibration of a model's own likelihood and sampler."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.calibration.checking.simulation_based import RankTest, simulation_based_calibration
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.estimation.search import Optimum, Progress
from lupusim.calibration.posterior.draws import Draws
from lupusim.calibration.posterior.importance_sampling import sample_posterior
from lupusim.calibration.posterior.model_posterior import modes
from lupusim.calibration.posterior.proposals import RowDensity
from lupusim.calibration.targets.replication import replicate
from lupusim.common.arrays import FloatArray
from lupusim.common.rng import stream

N_DRAWS = 1000
"""Draws of each posterior."""


def check_sampler(
    likelihood: Likelihood,
    *,
    n_rounds: int,
    seed: int,
    n_draws: int = N_DRAWS,
    progress: Progress | None = None,
) -> RankTest:
    """Rank known parameters among the posterior draws that their own counts give.

    Parameters are drawn from the prior within the bounds of the search, counts from the
    likelihood, draws from the posterior as :meth:`Fit.sampled` makes them, except that the
    search begins at the prior mean alone.

    Parameters
    ----------
    likelihood : Likelihood
        With the priors of its free model.
    n_rounds : int
        50 for a first look, 150 and more for a verdict.
    seed : int
        Names the stream.
    n_draws : int
        Of each posterior, before IMIS adds to them where it has to.
    progress : callable, optional
        Told how many rounds are done, of how many.

    Returns
    -------
    RankTest

    References
    ----------
    Talts, Betancourt, Simpson, Vehtari and Gelman (2018), arXiv:1804.06788, algorithm 1.
    """
    done = 0

    def posterior(counts: Likelihood, rng: np.random.Generator) -> Draws:
        nonlocal done
        draws = sample_posterior(
            RowDensity(counts.log_posterior),
            modes(counts, _starts(counts)),
            n_draws=n_draws,
            rng=rng,
        )
        done += 1
        if progress is not None:
            progress(done, n_rounds)
        return draws

    return simulation_based_calibration(
        lambda rng: prior_draw(likelihood, rng=rng),
        lambda truth, rng: replicate(likelihood, truth, rng=rng),
        posterior=posterior,
        n_rounds=n_rounds,
        rng=stream(seed, "calibration", "sampler check"),
    )


def prior_draw(likelihood: Likelihood, *, rng: np.random.Generator) -> FloatArray:
    """Return one draw from the prior within the bounds of the search; (n_parameters,)."""
    model = likelihood.free_model
    low, high = model.bounds.T
    value = np.full(low.shape, np.nan)
    while not np.all((value > low) & (value < high)):
        fresh = model.prior_mean + model.prior_sd * rng.standard_normal(low.size)
        inside = (value > low) & (value < high)
        value = np.where(inside, value, fresh)
    return value


def _starts(likelihood: Likelihood) -> Sequence[Optimum]:
    """Return the prior mean, as a place from which to climb."""
    model = likelihood.free_model
    low, high = model.bounds.T
    start = np.clip(model.prior_mean, low + 1e-3, high - 1e-3)
    return [Optimum(free=start, negative_log_likelihood=np.nan, n_starts=1, converged=True)]


def sampler_words(ranks: RankTest) -> str:
    """Return in one sentence whether the ranks are uniform."""
    n_rounds, n_parameters = ranks.ranks.shape
    tests = [ranks.z_location(), ranks.z_dispersion()]
    worst = float(np.abs(tests).max())
    limit = critical_z(2 * n_parameters)
    verdict = (
        "consistent with uniform ranks: the sampler recovers known parameters"
        if worst <= limit
        else "NOT uniform: the sampler does not recover known parameters"
    )
    return (
        f"Simulation-based calibration, {n_rounds} rounds: largest |z| of the mean and the spread "
        f"of the ranks {worst:.1f} (limit {limit:.1f} for {2 * n_parameters} tests at 1 % in all), "
        f"{verdict}; {ranks.n_unconverged} rounds had draws that did not converge."
    )


def critical_z(n_tests: int, *, level: float = 0.01) -> float:
    """Return the two-sided normal limit of several tests together (Bonferroni)."""
    from scipy.special import ndtri

    return float(ndtri(1 - level / (2 * n_tests)))
