"""Cox regression against R's coxph; `cox.R` made the numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lupusim.analysis.survival.cox import cox, cox_breslow
from lupusim.analysis.survival.cox_regression import cox_regression
from reference_data import DATA

HERE = Path(__file__).parent
EXPECTED = json.loads((HERE / "cox.json").read_text())


def assert_same(result, expected):
    np.testing.assert_allclose(np.atleast_1d(result.estimate), expected["estimate"], rtol=1e-8)
    np.testing.assert_allclose(
        np.atleast_1d(result.standard_error), expected["standard_error"], rtol=1e-8
    )


@pytest.mark.parametrize("name", sorted(DATA))
def test_the_arm_alone_equals_coxph(name):
    d, expected = DATA[name], EXPECTED[name]
    columns = (d["time"], d["event"], d["arm"])
    assert_same(cox(*columns), expected["efron"])
    assert_same(cox_breslow(*columns), expected["breslow"])
    assert_same(cox(*columns, stratum=d["stratum"]), expected["stratified"])


@pytest.mark.parametrize("name", sorted(DATA))
def test_covariates_equal_coxph(name):
    d, expected = DATA[name], EXPECTED[name]
    covariates = np.stack([d["arm"], d["age"]], axis=1)
    assert_same(cox_regression(d["time"], d["event"], covariates), expected["covariates"])
    stratified = cox_regression(d["time"], d["event"], covariates, stratum=d["stratum"])
    assert_same(stratified, expected["stratified_covariates"])
    assert_same(cox_regression(d["time"], d["event"], covariates[:, :1]), expected["efron"])


def test_the_other_way_with_ties_is_noticed():  # negative control
    d = DATA["veteran"]
    efron = cox(d["time"], d["event"], d["arm"])
    assert abs(float(efron.estimate) - EXPECTED["veteran"]["breslow"]["estimate"][0]) > 1e-6
