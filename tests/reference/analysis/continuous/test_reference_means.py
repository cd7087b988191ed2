"""Means, ranks and regressions against R; `means.R` made the numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lupusim.analysis.continuous.ancova import ancova
from lupusim.analysis.continuous.two_means import pooled_t_test, welch_test
from lupusim.analysis.ordinal.wilcoxon import wilcoxon
from lupusim.analysis.proportions.logistic_regression import logistic_regression
from reference_data import DATA

HERE = Path(__file__).parent
EXPECTED = json.loads((HERE / "means.json").read_text())


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_two_means_equal_t_test(name):
    d, expected = DATA[name], EXPECTED[name]
    for test, field in ((welch_test, "welch"), (pooled_t_test, "pooled")):
        result = test(d["age"], d["arm"])
        np.testing.assert_allclose(result.p_two_sided, expected[field], rtol=1e-9)
        interval = expected[f"{field}_interval"]
        np.testing.assert_allclose([result.lower, result.upper], interval, rtol=1e-9)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_ranks_equal_wilcox_test(name):
    d, expected = DATA[name], EXPECTED[name]
    result = wilcoxon(d["age"], d["arm"])
    np.testing.assert_allclose(result.p_two_sided, expected["wilcoxon"], rtol=1e-9)
    pairs = (d["arm"] == 1).sum() * (d["arm"] == 0).sum()
    np.testing.assert_allclose((result.estimate + 0.5) * pairs, expected["u"], rtol=1e-12)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_adjusted_means_equal_lm(name):
    d, expected = DATA[name], EXPECTED[name]
    result = ancova(d["time"], d["arm"], np.stack([d["age"], d["stratum"]], axis=1))
    got = [result.estimate, result.standard_error, result.p_two_sided]
    np.testing.assert_allclose(got, expected["ancova"], rtol=1e-9)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_logistic_regression_equals_glm(name):
    d, expected = DATA[name], EXPECTED[name]
    result = logistic_regression(d["event"], np.stack([d["arm"], d["age"]], axis=1))
    np.testing.assert_allclose(result.estimate, expected["logistic"], rtol=1e-8)
    np.testing.assert_allclose(result.standard_error, expected["logistic_error"], rtol=1e-7)


def test_the_other_variance_is_noticed():  # negative control
    d, expected = DATA["lung"], EXPECTED["lung"]
    assert abs(float(welch_test(d["age"], d["arm"]).p_two_sided) - expected["pooled"]) > 1e-6
