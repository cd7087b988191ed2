"""Weighted log-rank tests and restricted means against R; `weighted.R` made the numbers."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats

from lupusim.analysis.numerics import normal_orthant
from lupusim.analysis.numerics.normal_orthant import any_below
from lupusim.analysis.survival.rank_weights import MagirrBurman
from lupusim.analysis.survival.rmst import rmst, rmst_difference
from lupusim.analysis.survival.weighted_logrank import max_combo, weighted_logrank
from reference_data import DATA

HERE = Path(__file__).parent
EXPECTED = json.loads((HERE / "weighted.json").read_text())


@pytest.mark.parametrize("name", sorted(DATA))
def test_weighted_tests_follow_their_definition(name):
    d, expected = DATA[name], EXPECTED[name]
    columns = (d["time"], d["event"], d["arm"])
    result = max_combo(*columns)
    np.testing.assert_allclose(result.z, expected["z"][:4], rtol=1e-9)
    np.testing.assert_allclose(result.correlation, expected["correlation"], rtol=1e-9)
    np.testing.assert_allclose(result.z[2] ** 2, expected["rho1"], rtol=1e-9)
    modest = weighted_logrank(*columns, weight=MagirrBurman(until=expected["star"]))
    np.testing.assert_allclose(modest.z, expected["z"][4], rtol=1e-9)


@pytest.mark.parametrize("name", sorted(DATA))
def test_restricted_means_equal_survfit(name):
    d, expected = DATA[name], EXPECTED[name]
    for arm in (0, 1):
        mean = rmst(d["time"], d["event"], expected["until"], included=d["arm"] == arm)
        np.testing.assert_allclose(mean.estimate, expected["mean"][arm], rtol=1e-10)
        np.testing.assert_allclose(mean.standard_error, expected["error"][arm], rtol=1e-10)
    result = rmst_difference(d["time"], d["event"], d["arm"], expected["until"])
    np.testing.assert_allclose(result.estimate, np.diff(expected["mean"])[0], rtol=1e-9)
    np.testing.assert_allclose(result.standard_error, np.hypot(*expected["error"]), rtol=1e-10)


BOUNDS = np.array([-3.5, -2.5, -2.0, -1.0, 0.4])


def correlations_of(weights):
    """Return the correlations of weighted sums of the same independent terms, once per bound."""
    covariance = np.stack(weights) @ np.stack(weights).T
    deviation = np.sqrt(np.diagonal(covariance))
    matrix = covariance / deviation / deviation[:, np.newaxis]
    return np.broadcast_to(matrix, (BOUNDS.size, *matrix.shape))


def four_weights(survival):
    later = 1 - survival
    return correlations_of([survival**0, later, survival, survival * later])


WIDE = 0.975 - 0.05 * np.arange(16)
NARROW = 0.995 - 0.005 * np.arange(19)  # few events: correlations up to 0.9997


def test_three_correlated_coordinates_are_those_of_mvtnorm():
    # R 4.2.2, mvtnorm 1.1-3: 1 - pmvnorm(lower = rep(b, 3), corr = m, algorithm = TVPACK(1e-14))
    expected = [0.0005358520, 0.0127198000, 0.0432851488, 0.2526856228, 0.7923343068]
    result = any_below(BOUNDS, four_weights(WIDE)[:, 1:, 1:])
    np.testing.assert_allclose(result, expected, atol=1e-6)
    np.testing.assert_allclose(result[:3], expected[:3], atol=1e-7)


def test_the_four_weights_have_the_p_values_of_mvtnorm():
    # R 4.2.2, mvtnorm 1.1-3: 1 - pmvnorm(lower = rep(b, 4), corr = m, algorithm =
    # GenzBretz(maxpts = 1e6)), the first three with 2e8 points; and the errors that it states.
    expected = [0.0005738042, 0.0131716271, 0.0442292453, 0.253823578, 0.792333939]
    error = [1.1e-8, 8.2e-9, 8.2e-9, 2.0e-6, 9.8e-7]
    own_error = [1e-7, 1e-7, 1e-7, 2e-5, 2e-5]
    result = any_below(BOUNDS, four_weights(WIDE))
    assert (np.abs(result - expected) <= np.add(error, own_error)).all()


def sphere(n):
    """Return directions in space, (3, 2 * n * n), each as probable as the others."""
    height, turn = np.meshgrid((np.arange(n) + 0.5) / n * 2 - 1, (np.arange(2 * n) + 0.5) / n)
    width = np.sqrt(1 - height**2)
    places = [width * np.cos(np.pi * turn), width * np.sin(np.pi * turn), height]
    return np.stack(places).reshape(3, -1)


@pytest.mark.parametrize("survival", [WIDE, NARROW])
def test_the_four_weights_have_the_p_values_of_an_integral_over_the_sphere(survival):
    # Towards u a statistic of direction a falls to b < 0 at distance b / (a u), chi of 3 degrees.
    later = 1 - survival
    weights = np.stack([survival**0, later, survival, survival * later])
    weights /= np.linalg.norm(weights, axis=1)[:, np.newaxis]
    space = np.linalg.qr(weights[[0, 1, 3]].T)[0]
    steepest = (-weights @ space @ sphere(200)).max(axis=0)
    falls = steepest[steepest > 0]
    expected = [stats.chi.sf(-bound / falls, 3).sum() / steepest.size for bound in BOUNDS[:4]]
    result = any_below(BOUNDS[:4], four_weights(survival)[:4])
    np.testing.assert_allclose(result, expected, rtol=2e-5)


def test_where_the_four_weights_do_not_span_space_the_plane_is_enough():
    angle = np.array([0.0, 0.4, 0.9, 1.3])
    matrix = np.cos(angle[:, np.newaxis] - angle)

    # At distance r in the direction of an angle all exceed b until r cos(difference) = -b.
    def missed(bound):
        def beyond(towards):
            nearest = np.cos(towards - angle).max()
            return np.exp(-0.5 * (bound / nearest) ** 2) if nearest > 0 else 0.0

        kinks = [-np.pi / 2, 0.2, 0.65, 1.1, 1.3 + np.pi / 2]
        parts = itertools.pairwise(kinks)
        return sum(integrate.quad(beyond, *part)[0] for part in parts) / (2 * np.pi)

    expected = [missed(bound) for bound in BOUNDS[:4]]
    result = any_below(BOUNDS[:4], np.broadcast_to(matrix, (4, 4, 4)))
    np.testing.assert_allclose(result, expected, atol=2e-6)


def test_coordinates_that_are_all_the_same_are_one():
    result = any_below(BOUNDS, np.ones((BOUNDS.size, 4, 4)))
    np.testing.assert_allclose(result, stats.norm.cdf(BOUNDS), rtol=1e-12)


def test_coordinates_that_are_opposite_both_exceed_only_what_is_below_0():
    matrix = np.broadcast_to([[1.0, -1.0], [-1.0, 1.0]], (BOUNDS.size, 2, 2))
    expected = np.minimum(1.0, 2 * stats.norm.cdf(BOUNDS))
    np.testing.assert_allclose(any_below(BOUNDS, matrix), expected, rtol=1e-12)


@pytest.mark.parametrize("n_coordinates", [3, 4])
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("bound", [-3.0, -2.0, 0.0, 1.0])
def test_equal_correlations_are_one_integral(n_coordinates, correlation, bound):
    # Given the common part the coordinates are independent (Tong 1990, section 5.3).
    def joint(common):
        shifted = (bound - np.sqrt(correlation) * common) / np.sqrt(1 - correlation)
        return stats.norm.sf(shifted) ** n_coordinates * stats.norm.pdf(common)

    expected = 1 - integrate.quad(joint, -9, 9, epsabs=1e-12)[0]
    unit = np.eye(n_coordinates)
    matrix = np.full((1, *unit.shape), correlation) + (1 - correlation) * unit
    tolerance = 2e-5 if n_coordinates == 3 else 5e-4
    np.testing.assert_allclose(any_below(np.array([bound]), matrix), expected, atol=tolerance)


def test_separating_variables_says_the_same_less_exactly():
    correlation = four_weights(WIDE)
    by_points = normal_orthant._by_points(BOUNDS, correlation)
    np.testing.assert_allclose(by_points, any_below(BOUNDS, correlation), atol=2e-3)


def test_five_weights_have_the_p_values_of_mvtnorm():
    # As above, with stated errors of up to 1e-4.
    expected = [0.017389650, 0.057840922, 0.318089182, 0.875719375]
    weights = [WIDE**0, np.sqrt(1 - WIDE), WIDE, WIDE**3, (1 - WIDE) ** 3]
    chosen = slice(1, None)
    result = any_below(BOUNDS[chosen], correlations_of(weights)[chosen])
    np.testing.assert_allclose(result, expected, atol=2e-3)


def test_negative_control_another_correlation_is_noticed():
    result = any_below(BOUNDS, four_weights(WIDE))
    assert (np.abs(result - any_below(BOUNDS, four_weights(NARROW)))[:4] > 1e-4).all()


def test_another_weight_is_noticed():  # negative control
    d, expected = DATA["veteran"], EXPECTED["veteran"]
    result = weighted_logrank(
        d["time"], d["event"], d["arm"], weight=MagirrBurman(until=2 * expected["star"])
    )
    assert abs(float(result.z) - expected["z"][4]) > 1e-3
