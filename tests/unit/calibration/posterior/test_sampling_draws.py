"""Draws: their summaries, their refusal to be called converged, resampling."""

import math
import pickle

import numpy as np
import pytest

from lupusim.calibration.posterior.draws import Draws, NotConvergedError, weighted_quantile
from lupusim.common.rng import stream
from tolerance import SEED


def make_draws(**changes: object) -> Draws:
    arguments = {
        "values": np.array([[0.0, 1.0], [2.0, 5.0], [4.0, 3.0]]),
        "weights": np.array([1.0, 2.0, 1.0]),
        "effective_sample_size": 1000.0,
        "pareto_k": 0.3,
        "log_evidence": -1.0,
        "method": "importance sampling",
        "n_density_calls": 3,
    } | changes
    return Draws(**arguments)  # type: ignore[arg-type]  # the mapping is of mixed types


def test_weights_are_kept_summing_to_one_and_nobody_can_change_them() -> None:
    draws = make_draws()
    np.testing.assert_allclose(draws.weights, [0.25, 0.5, 0.25])
    with pytest.raises(ValueError, match="read-only"):
        draws.values[0, 0] = 9.0


def test_moments_are_weighted() -> None:
    draws = make_draws()
    np.testing.assert_allclose(draws.mean(), [2.0, 3.5])
    np.testing.assert_allclose(draws.covariance(), [[2.0, 1.0], [1.0, 2.75]])
    np.testing.assert_allclose(draws.standard_deviation(), np.sqrt([2.0, 2.75]))
    np.testing.assert_allclose(draws.mcse(), np.sqrt([2.0, 2.75]) / math.sqrt(1000))
    np.testing.assert_allclose(draws.quantile(np.array([0.5]))[0], [2.0, 4.0 - 1.0 / 3])


def test_quantiles_of_equal_weights_follow_hazen() -> None:
    values = stream(SEED, "quantile").standard_normal((101, 2))
    probabilities = np.array([0.025, 0.5, 0.975])
    expected = np.quantile(values, probabilities, axis=0, method="hazen")
    found = weighted_quantile(values, np.full(101, 1 / 101), probabilities)
    np.testing.assert_allclose(found, expected)


def test_resampling_takes_each_draw_as_often_as_its_weight_says() -> None:
    resampled = make_draws().resample(400, rng=stream(SEED, "resample"))
    times = [int((resampled[:, 0] == value).sum()) for value in (0.0, 2.0, 4.0)]
    assert sum(times) == 400
    np.testing.assert_allclose(times, [100, 200, 100], atol=1)
    assert len(set(resampled[:10, 0])) > 1  # shuffled


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pareto_k": 0.71}, "k-hat"),
        ({"pareto_k": math.nan}, "k-hat"),
        ({"pareto_k": math.nan, "r_hat": 1.02}, "R-hat"),
        ({"pareto_k": math.nan, "r_hat": 1.001, "effective_sample_size": 399.0}, "effective"),
    ],
)
def test_draws_that_did_not_converge_are_refused_but_kept(
    changes: dict[str, float], words: str
) -> None:
    draws = make_draws(**changes)
    assert not draws.converged
    with pytest.raises(NotConvergedError, match=words) as caught:
        draws.require_convergence()
    assert caught.value.draws is draws
    copy = pickle.loads(pickle.dumps(caught.value))
    np.testing.assert_array_equal(copy.draws.values, draws.values)


@pytest.mark.parametrize("changes", [{}, {"pareto_k": math.nan, "r_hat": 1.005}])
def test_good_draws_pass(changes: dict[str, float]) -> None:
    draws = make_draws(**changes)
    assert draws.require_convergence() is draws


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weights": np.ones(2)}, "do not fit"),
        ({"values": np.ones(3)}, "do not fit"),
        ({"weights": np.zeros(3)}, "finite sum above 0"),
        ({"values": np.full((3, 2), np.nan)}, "must be finite"),
        ({"weights": np.array([2.0, -1.0, 1.0])}, "0 or above"),
    ],
)
def test_unusable_draws_are_refused(changes: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_draws(**changes)
