"""Simulation-based calibration of the likelihood of published counts and of its sampler.

The negative control, ranks in posteriors of the wrong width, is in test_posterior_ranks.py;
here a likelihood whose soft targets are taken for hard ones must be caught.
"""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.calibration.checking.sampler_check import check_sampler, prior_draw
from lupusim.calibration.checking.simulation_based import RankTest, simulation_based_calibration
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.estimation.search import Optimum
from lupusim.calibration.posterior.draws import Draws
from lupusim.calibration.posterior.model_posterior import sample
from lupusim.calibration.targets.counts import EverCount, OccupancyCounts
from lupusim.calibration.targets.replication import replicate, replicate_measure
from lupusim.calibration.targets.studies import Study, Target
from lupusim.calibration.targets.times import EventRate, SurvivalCurve
from lupusim.common.rng import stream
from lupusim.model.hazards import ExponentialHazard
from lupusim.scenario.files.calibration_block import load_free_model
from lupusim.scenario.files.evidence import load_study
from studies_for_tests import chain_model, free_rates
from tolerance import SEED, assert_within_mcse

FREE = free_rates(chain_model(ExponentialHazard(rate=0.3), ExponentialHazard(rate=0.3)), middle=0.3)


def soft_study(soft: float) -> Study:
    measures = (
        OccupancyCounts(time=2.0, counts={("well",): 100.0, ("ill",): 50.0}, n=200),
        EverCount(time=1.0, states=("ill",), count=40, n=200),
        EventRate(origin=("ill",), to=("death",), events=20, person_years=80, until=3.0),
    )
    targets = tuple(Target(name=str(k), measure=m, soft=soft) for k, m in enumerate(measures))
    return Study(
        name="a study", citation="none", n_patients=200, targets=targets, cohort="separate patients"
    )


def assert_uniform(result: RankTest) -> None:
    assert_within_mcse(result.z_location(), 0.0, mcse=1.0)
    assert_within_mcse(result.z_dispersion(), 0.0, mcse=1.0)
    # 4 standard errors of a normal variable: p below 0.00006 is the same false-alarm rate.
    assert (result.p_values() > 6e-5).all()


@pytest.mark.slow
def test_known_parameters_of_the_packaged_model_are_recovered() -> None:
    free_model = load_free_model("msc-durable")
    studies = [load_study(name) for name in free_model.evidence]
    likelihood = Likelihood(free_model, studies)
    result = check_sampler(likelihood, n_rounds=150, seed=SEED)
    assert result.n_unconverged == 0
    assert_uniform(result)


@pytest.mark.slow
def test_known_parameters_are_recovered_from_soft_targets() -> None:
    assert_uniform(check_sampler(Likelihood(FREE, [soft_study(0.25)]), n_rounds=300, seed=SEED))


@pytest.mark.slow
def test_forgetting_that_a_target_is_soft_is_caught() -> None:
    """Negative control: posteriors from counts taken at full weight are half as wide."""
    soft, hard = (Likelihood(FREE, [soft_study(soft)]) for soft in (0.25, 1.0))

    def posterior(counts: Likelihood, rng: np.random.Generator) -> Draws:
        counts.weights = hard.weights

        start = Optimum(
            free=FREE.prior_mean, negative_log_likelihood=np.nan, n_starts=1, converged=True
        )

        return sample(counts, [start], 200, seed=int(rng.integers(2**31)))

    result = simulation_based_calibration(
        lambda rng: prior_draw(soft, rng=rng),
        lambda truth, rng: replicate(soft, truth, rng=rng),
        posterior=posterior,
        n_rounds=60,
        rng=stream(SEED, "forgotten weight"),
    )
    assert result.z_dispersion().max() > 4


def test_replicated_counts_have_the_mean_and_spread_of_their_likelihood() -> None:
    rng, n = stream(SEED, "replicates"), 4000
    rate = EventRate(origin=("ill",), to=("death",), events=20, person_years=80, until=3.0)
    counts = replicate_measure(rate, np.full((n, 1), 12.0), rng=rng)
    assert_within_mcse(counts.mean(), 12.0, mcse=np.sqrt(12 / n))
    curve = SurvivalCurve(
        states=("death",), times=(1.0, 2.0), survival=(0.9, 0.6), at_risk=(100, 60)
    )
    expected = np.array([10.0, 90.0, 20.0, 40.0])
    counts = replicate_measure(curve, np.tile(expected, (n, 1)), rng=rng)
    np.testing.assert_array_equal(counts.reshape(n, 2, 2).sum(axis=2), np.tile([100, 60], (n, 1)))
    assert_within_mcse(
        counts[:, [0, 2]].mean(axis=0), [10.0, 20.0], mcse=np.sqrt([9.0 / n, 40 / 3 / n])
    )


def test_a_soft_target_counts_as_the_part_of_its_patients_that_its_weight_leaves() -> None:
    likelihood = Likelihood(FREE, [soft_study(0.25)])
    drawn = replicate(likelihood, FREE.prior_mean, rng=stream(SEED, "soft"))
    whole = (drawn.observed * drawn.weights)[:5]
    np.testing.assert_allclose(whole, np.round(whole), atol=1e-9)
    np.testing.assert_allclose(whole[:3].sum(), 50)
    assert drawn.observed[:3].sum() == pytest.approx(200)
    np.testing.assert_array_equal(likelihood.observed[:3], [100, 50, 50])
