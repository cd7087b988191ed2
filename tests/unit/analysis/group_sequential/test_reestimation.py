"""Sizes that follow what a trial has shown, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from lupusim.analysis.group_sequential.reestimation import blinded_size, promising_information

BOUND = 1.97
Z, FRACTION = np.array([1.3, 1.4, 1.3]), np.array([0.5, 0.5, 0.4])


def test_the_second_stage_of_a_promising_trial_has_the_conditional_power_asked_for() -> None:
    total = promising_information(Z, FRACTION, np.full(3, BOUND), least=0.3, power=0.9)
    assert (total > 1).all()
    drift = Z * np.sqrt((total - FRACTION) / FRACTION)  # of its z, at the trend seen
    needed = (BOUND - np.sqrt(FRACTION) * Z) / np.sqrt(1 - FRACTION)
    np.testing.assert_allclose(norm.sf(needed - drift), 0.9, atol=1e-12)


@pytest.mark.parametrize("z", [-1.0, 0.1, 2.6])
def test_what_is_hopeless_or_good_enough_stays_as_planned(z: float) -> None:
    total = promising_information(
        np.array([z]), np.array([0.5]), np.array([BOUND]), least=0.3, power=0.9
    )
    assert total.tolist() == [1.0]


def test_a_promising_trial_begins_where_conditional_power_does() -> None:
    planned = np.linspace(0.5, 2.5, 400)
    t = np.full(400, 0.5)
    total = promising_information(planned, t, np.full(400, BOUND), least=0.3, power=0.9)
    power = norm.cdf((planned / np.sqrt(t) - BOUND) / np.sqrt(1 - t))  # Proschan, Lan, Wittes
    np.testing.assert_array_equal(total > 1, (power >= 0.3) & (power < 0.9))


def test_a_blinded_size_has_the_power_asked_for() -> None:
    (size,) = blinded_size(np.array([0.4]), difference=0.2, power=0.8, tail=0.025, ratio=(1, 2))
    error = np.sqrt(0.4 * 0.6 * (3 / size + 1.5 / size))
    assert norm.sf(norm.isf(0.025) - 0.2 / error) == pytest.approx(0.8, abs=1e-9)
