"""Posterior predictive checks, contraction, sensitivity to the prior."""

import math

import numpy as np
import pytest

from lupusim.calibration.checking.predictive import (
    SENSITIVE,
    contraction,
    cumulative_jensen_shannon,
    power_scaling,
    predictive_checks,
)
from lupusim.calibration.posterior.draws import Draws
from lupusim.common.rng import stream
from tolerance import SEED


def make_draws(values: np.ndarray, weights: np.ndarray | None = None) -> Draws:
    shares = np.ones(len(values)) if weights is None else weights
    return Draws(
        values=values,
        weights=shares,
        effective_sample_size=float(len(values)),
        pareto_k=0.0,
        log_evidence=0.0,
        method="given",
        n_density_calls=len(values),
    )


def test_an_observation_is_placed_in_its_prediction() -> None:
    predicted = np.array([[0.0, 5.0], [1.0, 5.0], [1.0, 5.0], [2.0, 5.0]])
    common, unlikely = predictive_checks(
        np.array([1.0, 9.0]), predicted, weights=np.full(4, 0.25), names=["deaths", "relapses"]
    )
    assert (common.target, common.observed, common.median) == ("deaths", 1.0, 1.0)
    assert (common.lower, common.upper) == (0.0, 2.0)
    assert common.mid_p_value == 1.0
    assert common.z == 0.0
    assert unlikely.mid_p_value == 0.0
    assert math.isnan(unlikely.z)


def test_the_mid_p_value_is_two_sided_and_weighted() -> None:
    (check,) = predictive_checks(
        np.array([2.0]),
        np.array([[0.0], [1.0], [2.0], [3.0]]),
        weights=np.array([4.0, 3.0, 2.0, 1.0]),
        names=["remissions"],
        level=0.5,
    )
    assert check.mid_p_value == pytest.approx(2 * (0.1 + 0.2 / 2))
    assert check.z == pytest.approx((2 - 1.0) / 1.0)
    assert (check.lower, check.median, check.upper) == (0.0, 1.0, 2.0)


@pytest.mark.parametrize(
    ("names", "level", "words"),
    [(["a", "b"], 0.95, "names"), (["a"], 1.0, "between 0 and 1")],
)
def test_an_unusable_check_is_refused(names: list[str], level: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        predictive_checks(
            np.array([1.0]), np.ones((3, 1)), weights=np.ones(3), names=names, level=level
        )


def test_contraction_compares_variances() -> None:
    draws = make_draws(np.array([[-1.0, -2.0], [1.0, 2.0]]))
    np.testing.assert_allclose(contraction(np.array([4.0, 4.0]), draws), [0.75, 0.0])
    with pytest.raises(ValueError, match="above 0"):
        contraction(np.array([0.0, 1.0]), draws)


def test_power_scaling_equals_that_of_arviz_stats() -> None:
    array_stats = pytest.importorskip("arviz_stats.base").array_stats
    values = stream(SEED, "power").standard_normal((2500, 2))
    log_prior = -0.5 * np.square(values[:, 0] - 1.0)
    found = power_scaling(make_draws(values), log_prior)
    raw = {power: np.exp((power - 1) * log_prior) for power in (0.8, 1.25)}
    expected = [
        float(
            array_stats.power_scale_sense(column[None], raw[0.8][None], raw[1.25][None], 0.8, 1.25)
        )
        for column in values.T
    ]
    # arviz-stats is given raw weights, ours are smoothed; the weights are all but bounded here.
    np.testing.assert_allclose(found.sensitivity, expected, rtol=0.02)
    assert found.sensitivity[0] > SENSITIVE > found.sensitivity[1]
    assert found.mean_shift[0] > 0.1 > abs(found.mean_shift[1])
    assert found.pareto_k < 0.7


def test_a_draw_without_weight_stays_without() -> None:
    values = stream(SEED, "zero").standard_normal((400, 1))
    weights = np.ones(400)
    weights[0], values[0] = 0.0, 1e6
    log_prior = -0.5 * values[:, 0]
    log_prior[0] = math.nan  # never looked at
    assert abs(power_scaling(make_draws(values, weights), log_prior).mean_shift[0]) < 1


def test_a_component_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="one value for each"):
        power_scaling(make_draws(np.ones((3, 1))), np.ones(2))


def test_the_same_distribution_lies_at_distance_zero_and_no_distribution_beyond_one() -> None:
    values = np.array([1.0, 2.0, 3.0])
    even = np.full(3, 1 / 3)
    assert cumulative_jensen_shannon(values, even, even) == 0.0
    extreme = cumulative_jensen_shannon(values, np.array([1.0, 0, 0]), np.array([0, 0, 1.0]))
    assert 0.5 < extreme <= 1.0
    assert cumulative_jensen_shannon(np.ones(3), even, np.array([1.0, 0, 0])) == 0.0
