"""Pareto k-hat, smoothed weights and effective sample size, beside arviz-stats."""

import math

import numpy as np
import pytest

from lupusim.calibration.posterior.pareto import (
    effective_sample_size,
    generalized_pareto_fit,
    smooth_weights,
)
from lupusim.common.rng import stream
from tolerance import SEED


def heavy_log_weights(n_draws: int, k: float) -> np.ndarray:
    """Weights whose tail is exactly Pareto with shape k: (1/u)^k."""
    return -k * np.log(stream(SEED, "pareto", n_draws).random(n_draws))


# arviz-stats rounds the length of the tail down, the paper (and loo in R) up: at these
# sizes both take the same number.
@pytest.mark.parametrize("n_draws", [100, 900, 2500, 10000])
@pytest.mark.parametrize("k", [0.2, 0.6, 1.1])
def test_smoothed_weights_and_k_hat_equal_those_of_arviz_stats(n_draws: int, k: float) -> None:
    array_stats = pytest.importorskip("arviz_stats.base").array_stats
    log_weights = heavy_log_weights(n_draws, k)
    weights, k_hat = smooth_weights(log_weights)
    # arviz-stats 0.8 wants minus the log weights, though its documentation does not say so.
    expected, expected_k = array_stats.psislw(-log_weights)
    assert k_hat == pytest.approx(float(expected_k), abs=1e-9)
    np.testing.assert_allclose(weights, np.exp(expected), rtol=1e-8)


def test_k_hat_finds_the_shape_of_a_known_tail() -> None:
    quantiles = (np.arange(2000) + 0.5) / 2000
    for shape in (0.1, 0.5, 0.9):
        exceedances = np.expm1(-shape * np.log1p(-quantiles)) / shape
        fitted, scale = generalized_pareto_fit(exceedances)
        assert fitted == pytest.approx(shape, abs=0.03)
        assert scale == pytest.approx(1.0, abs=0.03)


def test_equal_weights_have_no_tail() -> None:
    weights, k_hat = smooth_weights(np.full(100, -1234.5))
    assert k_hat == 0.0
    np.testing.assert_allclose(weights, 0.01)


@pytest.mark.parametrize("n_draws", [10, 20])
def test_too_few_draws_are_never_called_trustworthy(n_draws: int) -> None:
    assert smooth_weights(np.arange(n_draws, dtype=float))[1] == math.inf


def test_one_possible_draw_in_a_thousand_is_not_trustworthy() -> None:
    log_weights = np.full(1000, -np.inf)
    log_weights[17] = 3.0
    weights, k_hat = smooth_weights(log_weights)
    assert k_hat == math.inf
    assert weights[17] == 1.0


@pytest.mark.parametrize("bad", [-np.inf, np.nan, np.inf])
def test_weights_that_are_nowhere_usable_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="largest log weight"):
        smooth_weights(np.full(100, bad))


def test_effective_sample_size_counts_equal_weights() -> None:
    assert effective_sample_size(np.full(50, 0.3)) == pytest.approx(50)
    assert effective_sample_size(np.array([1.0, 0.0, 0.0])) == 1.0
