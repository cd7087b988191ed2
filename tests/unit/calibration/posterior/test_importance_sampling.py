"""Importance sampling around the optima, and when it hands over to IMIS."""

import math

import numpy as np
import pytest

from lupusim.calibration.posterior.importance_sampling import (
    importance_sample,
    laplace_shares,
    sample_posterior,
)
from lupusim.calibration.posterior.proposals import Mode, RowDensity, StudentMixture
from lupusim.common.rng import stream
from tolerance import SEED, assert_within_mcse

UNIT = Mode(location=np.zeros(2), covariance=np.eye(2))
LOG_TWO_PI = math.log(2 * math.pi)


def normal(values: np.ndarray) -> np.ndarray:
    return -0.5 * np.square(values).sum(axis=1)


def two_normals(values: np.ndarray) -> np.ndarray:
    """A quarter of the mass at -5, three quarters at +5, in the first coordinate."""
    other = -0.5 * np.square(values[:, 1:]).sum(axis=1)
    left = math.log(0.25) - 0.5 * np.square(values[:, 0] + 5)
    right = math.log(0.75) - 0.5 * np.square(values[:, 0] - 5)
    return other + np.logaddexp(left, right)


TWO_MODES = [
    Mode(location=np.array([-5.0, 0.0]), covariance=np.eye(2)),
    Mode(location=np.array([5.0, 0.0]), covariance=np.eye(2)),
]


def cauchy(values: np.ndarray) -> np.ndarray:
    return -np.log1p(np.square(values)).sum(axis=1)


def test_one_vector_at_a_time_gives_the_same_draws_as_all_rows_at_once() -> None:
    rows = importance_sample(RowDensity(normal), UNIT, n_draws=200, rng=stream(SEED, "same"))
    scalar = importance_sample(
        lambda value: -0.5 * float(value @ value), [UNIT], n_draws=200, rng=stream(SEED, "same")
    )
    np.testing.assert_allclose(rows.values, scalar.values)
    np.testing.assert_allclose(rows.weights, scalar.weights)
    assert rows.n_density_calls == 201


def test_evidence_and_moments_of_a_normal_are_found() -> None:
    draws = importance_sample(RowDensity(normal), UNIT, n_draws=4000, rng=stream(SEED, "normal"))
    assert draws.converged
    assert draws.effective_sample_size > 2500
    relative_error = math.sqrt(1 / draws.effective_sample_size - 1 / 4000)
    assert_within_mcse(draws.log_evidence, LOG_TWO_PI, mcse=relative_error)
    assert_within_mcse(draws.mean(), 0, mcse=draws.mcse())


def test_two_modes_get_their_share_of_the_mass() -> None:
    draws = importance_sample(
        RowDensity(two_normals), TWO_MODES, n_draws=4000, rng=stream(SEED, "two")
    )
    right = float(draws.weights[draws.values[:, 0] > 0].sum())
    mcse = math.sqrt(0.75 * 0.25 / draws.effective_sample_size)
    assert_within_mcse(right, 0.75, mcse=mcse)


def test_laplace_shares_follow_height_and_width_with_a_floor() -> None:
    wide = Mode(location=np.zeros(2), covariance=9 * np.eye(2))
    assert laplace_shares(lambda _: 0.0, [UNIT, wide]) == pytest.approx((0.1, 0.9))
    low = laplace_shares(lambda value: -1000 * float(value[0] < 0), TWO_MODES)
    assert low == pytest.approx((0.025 / 1.025, 1 / 1.025))


def test_a_light_proposal_for_a_heavy_tail_is_not_called_converged() -> None:
    draws = importance_sample(
        RowDensity(cauchy),
        UNIT,
        n_draws=2000,
        degrees_of_freedom=math.inf,
        rng=stream(SEED, "cauchy"),
    )
    assert draws.pareto_k > 0.7
    assert not draws.converged
    assert np.isfinite(draws.mean()).all()  # its numbers are kept


def test_one_easy_mode_is_left_to_importance_sampling() -> None:
    draws = sample_posterior(RowDensity(normal), [UNIT], n_draws=500, rng=stream(SEED, "easy"))
    assert draws.method == "importance sampling"


def test_several_modes_go_to_imis() -> None:
    draws = sample_posterior(
        RowDensity(two_normals), TWO_MODES, n_draws=1000, rng=stream(SEED, "several")
    )
    assert draws.method.startswith("IMIS")
    assert draws.converged
    right = float(draws.weights[draws.values[:, 0] > 0].sum())
    assert_within_mcse(right, 0.75, mcse=math.sqrt(0.75 * 0.25 / draws.effective_sample_size))


def test_a_failed_k_hat_goes_to_imis_from_the_prior() -> None:
    small = Mode(location=np.zeros(2), covariance=0.05 * np.eye(2))
    prior = StudentMixture(
        modes=[Mode(location=np.zeros(2), covariance=4 * np.eye(2))],
        shares=[1.0],
        degrees_of_freedom=3.0,
    )

    # Four narrow arms around a narrow center: the center's curvature says nothing of them.
    def arms(values: np.ndarray) -> np.ndarray:
        center = -0.5 * np.square(values).sum(axis=1) / 0.05
        arm = -2.0 - 0.5 * np.square(np.sqrt(np.square(values).sum(axis=1)) - 3.0) / 0.1
        return np.logaddexp(center, arm)

    draws = sample_posterior(
        RowDensity(arms), [small], n_draws=2000, prior=prior, rng=stream(SEED, "arms")
    )
    assert draws.method.startswith("IMIS")
    assert draws.converged
    radius = np.linspace(0, 8, 4001)
    mass = radius * np.exp(arms(np.stack([radius, np.zeros_like(radius)], axis=1)))
    truth = mass[radius > 1.5].sum() / mass.sum()
    outside = float(draws.weights[np.linalg.norm(draws.values, axis=1) > 1.5].sum())
    assert_within_mcse(
        outside, truth, mcse=math.sqrt(truth * (1 - truth) / draws.effective_sample_size)
    )


@pytest.mark.parametrize(
    ("modes", "n_draws", "words"),
    [(UNIT, 24, "at least 25"), ([], 100, "at least one")],
)
def test_too_little_to_work_with_is_refused(
    modes: Mode | list[Mode], n_draws: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        importance_sample(RowDensity(normal), modes, n_draws=n_draws, rng=stream(SEED, "few"))


def test_an_impossible_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="-inf at every mode"):
        importance_sample(lambda _: -math.inf, UNIT, n_draws=100, rng=stream(SEED, "inf"))
