"""Intervals of ratios of risks and odds, against their formulas by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from lupusim.analysis import odds_ratio, risk_ratio

RESPONSE = np.repeat([1, 0, 1, 0], [15, 25, 8, 30])
ARM = np.repeat([1, 1, 0, 0], [15, 25, 8, 30])


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_limits_lie_on_both_sides_by_the_same_number_of_errors(level: float) -> None:
    reach = norm.isf((1 - level) / 2)
    of_risks = math.log(15 / 40 / (8 / 38)), math.sqrt(1 / 15 - 1 / 40 + 1 / 8 - 1 / 38)
    of_odds = math.log(15 * 30 / (25 * 8)), math.sqrt(1 / 15 + 1 / 25 + 1 / 8 + 1 / 30)
    for compare, (estimate, error) in ((risk_ratio, of_risks), (odds_ratio, of_odds)):
        found = compare(RESPONSE, ARM, level=level)
        assert float(found.estimate) == pytest.approx(estimate, rel=1e-12)
        assert float(found.lower) == pytest.approx(estimate - reach * error, rel=1e-9)
        assert float(found.upper) == pytest.approx(estimate + reach * error, rel=1e-9)
