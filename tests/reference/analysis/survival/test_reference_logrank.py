"""The log-rank test against R's survdiff; `logrank.R` made the numbers, `make_data.R` the data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lupusim.analysis.survival.logrank import logrank
from reference_data import DATA

HERE = Path(__file__).parent
EXPECTED = json.loads((HERE / "logrank.json").read_text())


@pytest.mark.parametrize("name", sorted(DATA))
@pytest.mark.parametrize("kind", ["plain", "stratified"])
def test_logrank_equals_survdiff(name, kind):
    columns = DATA[name]
    stratum = columns["stratum"] if kind == "stratified" else None
    result = logrank(columns["time"], columns["event"], columns["arm"], stratum=stratum)
    expected = EXPECTED[name][kind]
    np.testing.assert_allclose(result.observed, expected["observed"], rtol=1e-12)
    np.testing.assert_allclose(result.expected, expected["expected"], rtol=1e-12)
    np.testing.assert_allclose(result.variance, expected["variance"], rtol=1e-11)
    np.testing.assert_allclose(result.z**2, expected["chisq"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", sorted(DATA))
def test_one_patient_fewer_is_noticed(name):  # negative control
    columns = DATA[name]
    included = np.arange(columns["time"].size) > 0
    result = logrank(columns["time"], columns["event"], columns["arm"], included=included)
    assert abs(float(result.expected) - EXPECTED[name]["plain"]["expected"]) > 1e-6
