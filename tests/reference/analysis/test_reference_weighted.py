"""Weighted log-rank tests and restricted means against R; `weighted.R` made the numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats

from lupusim.analysis.normal_orthant import all_above
from lupusim.analysis.rank_weights import MagirrBurman
from lupusim.analysis.rmst import rmst, rmst_difference
from lupusim.analysis.weighted_logrank import max_combo, weighted_logrank

HERE = Path(__file__).parent
DATA = {
    name: {key: np.array(values) for key, values in columns.items()}
    for name, columns in json.loads((HERE / "data.json").read_text()).items()
}
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


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("bound", [-3.0, -2.0, 0.0, 1.0])
def test_equal_correlations_are_one_integral(correlation, bound):
    # Given the common part the coordinates are independent (Tong 1990, section 5.3).
    def joint(common):
        shifted = (bound - np.sqrt(correlation) * common) / np.sqrt(1 - correlation)
        return stats.norm.sf(shifted) ** 4 * stats.norm.pdf(common)

    expected = integrate.quad(joint, -9, 9, epsabs=1e-12)[0]
    matrix = np.full((1, 4, 4), correlation) + (1 - correlation) * np.eye(4)
    np.testing.assert_allclose(all_above(np.array([bound]), matrix), expected, atol=2e-4)


def test_coordinates_that_are_all_the_same_are_one():
    result = all_above(np.array([-2.0]), np.ones((1, 4, 4)))
    np.testing.assert_allclose(result, stats.norm.cdf(2.0), atol=2e-4)


def test_another_weight_is_noticed():  # negative control
    d, expected = DATA["veteran"], EXPECTED["veteran"]
    result = weighted_logrank(
        d["time"], d["event"], d["arm"], weight=MagirrBurman(until=2 * expected["star"])
    )
    assert abs(float(result.z) - expected["z"][4]) > 1e-3
