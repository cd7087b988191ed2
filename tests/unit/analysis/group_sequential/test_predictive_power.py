"""Predictive power with a belief about the drift, against the normal law by hand."""

from __future__ import annotations

import math

import pytest
from scipy.stats import norm

from lupusim.analysis.group_sequential import DriftBelief, z_from_predictive_power


@pytest.mark.parametrize("power", [0.1, 0.6])
@pytest.mark.parametrize("fraction", [0.3, 0.7])
def test_the_statistic_has_the_predictive_power_asked_for(power: float, fraction: float) -> None:
    mean, sd, bound = 2.5, 0.8, 1.96
    belief = DriftBelief(mean=mean, sd=sd)
    z = float(z_from_predictive_power(power, fraction, bound=bound, belief=belief))
    precision, left = 1 / sd**2, 1 - fraction
    variance = 1 / (precision + fraction)  # of the drift, given the look
    drift = variance * (precision * mean + math.sqrt(fraction) * z)
    at_end = math.sqrt(fraction) * z + left * drift
    spread = math.sqrt(left + left**2 * variance)
    assert norm.sf((bound - at_end) / spread) == pytest.approx(power, abs=1e-9)
