"""Simulation-based calibration (Talts et al. 2018): of an exact posterior, and of ours."""

import math

import numpy as np
import pytest

from lupusim.calibration.checking.simulation_based import RankTest, simulation_based_calibration
from lupusim.calibration.posterior.draws import Draws
from lupusim.calibration.posterior.importance_sampling import sample_posterior
from lupusim.calibration.posterior.proposals import Mode, RowDensity
from lupusim.common.rng import stream
from tolerance import SEED, assert_within_mcse

# Conjugate: a standard normal prior, one observation with standard deviation 0.5, hence a
# posterior of mean 0.8 * observation and variance 0.2 (Gelman et al. 2013, section 2.5).
N_PATIENTS = 40


def exact_ranks(sd_factor: float, n_rounds: int) -> RankTest:
    def posterior(observation: np.ndarray, rng: np.random.Generator) -> Draws:
        deviation = sd_factor * math.sqrt(0.2)
        return Draws(
            values=0.8 * observation + deviation * rng.standard_normal((200, 2)),
            weights=np.ones(200),
            effective_sample_size=200.0,
            pareto_k=0.0,
            log_evidence=math.nan,
            method="conjugate",
            n_density_calls=0,
        )

    return simulation_based_calibration(
        lambda rng: rng.standard_normal(2),
        lambda truth, rng: truth + 0.5 * rng.standard_normal(2),
        posterior=posterior,
        n_rounds=n_rounds,
        rng=stream(SEED, "conjugate"),
    )


def assert_uniform(result: RankTest) -> None:
    n_rounds = len(result.ranks)
    assert_within_mcse(result.z_location(), 0.0, mcse=1.0)
    assert_within_mcse(result.z_dispersion(), 0.0, mcse=1.0)
    mcse = math.sqrt(n_rounds * 0.1 * 0.9)
    assert_within_mcse(result.histogram(10), n_rounds / 10, mcse=mcse)
    # 4 standard errors of a normal variable: p below 0.00006 is the same false-alarm rate.
    assert (result.p_values() > 6e-5).all()


def test_ranks_in_an_exact_posterior_are_uniform() -> None:
    assert_uniform(exact_ranks(sd_factor=1.0, n_rounds=2000))


@pytest.mark.parametrize(("sd_factor", "sign"), [(0.8, 1.0), (1.25, -1.0)])
def test_a_posterior_of_the_wrong_width_is_caught(sd_factor: float, sign: float) -> None:
    """Negative control: 20 % too narrow, or as much too wide."""
    result = exact_ranks(sd_factor=sd_factor, n_rounds=2000)
    assert (sign * result.z_dispersion() > 8).all()
    assert (result.p_values() < 1e-12).all()


def remission_and_relapse_ranks(n_rounds: int, n_draws: int) -> RankTest:
    """Two proportions, standard normal priors on the logits: 40 patients, then the remitters."""

    def log_posterior(counts: np.ndarray, sizes: np.ndarray) -> RowDensity:
        def evaluate(values: np.ndarray) -> np.ndarray:
            terms = counts * values - sizes * np.logaddexp(0, values) - 0.5 * np.square(values)
            return terms.sum(axis=1)

        return RowDensity(evaluate)

    def simulate(truth: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        probabilities = 1 / (1 + np.exp(-truth))
        remitted = rng.binomial(N_PATIENTS, probabilities[0])
        relapsed = rng.binomial(remitted, probabilities[1])
        return np.array([remitted, relapsed]), np.array([N_PATIENTS, remitted])

    def posterior(data: tuple[np.ndarray, np.ndarray], rng: np.random.Generator) -> Draws:
        counts, sizes = data
        mode = np.zeros(2)
        for _ in range(30):  # Newton's method; the posterior is log-concave
            p = 1 / (1 + np.exp(-mode))
            mode = mode + (counts - sizes * p - mode) / (sizes * p * (1 - p) + 1)
        p = 1 / (1 + np.exp(-mode))
        covariance = np.diag(1 / (sizes * p * (1 - p) + 1))
        peak = Mode(location=mode, covariance=covariance)
        return sample_posterior(log_posterior(counts, sizes), [peak], n_draws=n_draws, rng=rng)

    return simulation_based_calibration(
        lambda rng: rng.standard_normal(2),
        simulate,
        posterior=posterior,
        n_rounds=n_rounds,
        rng=stream(SEED, "proportions"),
    )


def test_ranks_in_an_importance_sample_are_uniform() -> None:
    result = remission_and_relapse_ranks(n_rounds=400, n_draws=400)
    assert result.n_unconverged == 0
    assert_uniform(result)


@pytest.mark.slow
def test_ranks_in_an_importance_sample_stay_uniform_over_many_rounds() -> None:
    result = remission_and_relapse_ranks(n_rounds=10_000, n_draws=400)
    assert result.n_unconverged == 0
    assert_uniform(result)
