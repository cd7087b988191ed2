"""Kaplan-Meier against R's survfit; `kaplan_meier.R` made the numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lupusim.analysis.survival.kaplan_meier import kaplan_meier, survival_difference
from reference_data import DATA

HERE = Path(__file__).parent
EXPECTED = json.loads((HERE / "kaplan_meier.json").read_text())


@pytest.mark.parametrize("name", sorted(DATA))
@pytest.mark.parametrize("arm", [0, 1])
def test_survival_equals_survfit(name, arm):
    columns, expected = DATA[name], EXPECTED[name][arm]
    curve = kaplan_meier(
        columns["time"], columns["event"], expected["times"], included=columns["arm"] == arm
    )
    for field in ("survival", "standard_error", "lower", "upper", "at_risk"):
        np.testing.assert_allclose(getattr(curve, field), expected[field], rtol=1e-10)


@pytest.mark.parametrize("name", sorted(DATA))
def test_difference_is_that_of_the_two_curves(name):
    columns, (control, experimental) = DATA[name], EXPECTED[name]
    for place, time in enumerate(control["times"]):
        result = survival_difference(columns["time"], columns["event"], columns["arm"], time)
        estimate = experimental["survival"][place] - control["survival"][place]
        error = np.hypot(experimental["standard_error"][place], control["standard_error"][place])
        np.testing.assert_allclose(result.estimate, estimate, rtol=1e-9)
        np.testing.assert_allclose(result.z, estimate / error, rtol=1e-9)


def test_the_wrong_arm_is_noticed():  # negative control
    columns, expected = DATA["veteran"], EXPECTED["veteran"][0]
    curve = kaplan_meier(
        columns["time"], columns["event"], expected["times"], included=columns["arm"] == 1
    )
    assert np.abs(curve.survival - expected["survival"]).max() > 0.01
