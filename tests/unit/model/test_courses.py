"""Ratios of patients with their own infusion times equal the shared ratio for such times."""

import numpy as np
import pytest

from lupusim.model import CLOCKS, PiecewiseEffect, PiecewiseRatio, Transition, TreatmentEffect
from lupusim.model.courses import IndividualRatio, after_infusions, joint_ratio, shared_ratio
from lupusim.model.hazards import WeibullHazard

ON = (("a", "b"),)
NEVER = np.inf
TIMES = np.array([[0.0, 0.1, 0.2, NEVER, 0.3], [0.5, 0.15, NEVER, NEVER, 0.31]])
FADING = TreatmentEffect(on=ON, hazard_ratio=3.0, onset=0.05, lasts=0.2, half_life=0.1)
SHORT = TreatmentEffect(on=ON, hazard_ratio=0.5, lasts=0.1)
PIECES = PiecewiseEffect(on=ON, breaks=(0.2, 0.4), ratios=(1.5, 2.0, 0.7))
BASE = PiecewiseRatio(breaks=(0.25,), ratios=(1.0, 4.0))


def given(patient):
    return [time for time in TIMES[:, patient] if time < NEVER]


@pytest.mark.parametrize("patient", range(TIMES.shape[1]))
@pytest.mark.parametrize("effect", [FADING, SHORT, PIECES])
def test_after_her_infusions_a_patient_has_the_profile_of_the_effect(effect, patient):
    ratio = after_infusions(effect, TIMES).of_patient(patient)
    at = np.linspace(0.0, 2.0, 501)
    np.testing.assert_array_equal(ratio.at(at), effect.profile(given(patient)).at(at))


@pytest.mark.parametrize("patient", range(TIMES.shape[1]))
def test_ratios_multiply(patient):
    parts = [after_infusions(effect, TIMES) for effect in (FADING, SHORT, PIECES)]
    parts.append(shared_ratio(BASE, TIMES.shape[1]))
    expected = BASE
    for effect in (FADING, SHORT, PIECES):
        expected = expected.times(effect.profile(given(patient)))
    at = np.linspace(0.0, 2.0, 501) + 1e-9  # breaks that two parts reach by other roundings
    product = joint_ratio(parts).of_patient(patient)
    np.testing.assert_allclose(product.at(at), expected.at(at), rtol=1e-12)


@pytest.mark.parametrize("clock", CLOCKS.values())
def test_a_patient_stays_as_long_as_under_a_law_with_her_ratio(clock):
    hazard = WeibullHazard(shape=1.4, scale=1.0)
    entry_time, threshold = np.linspace(0.0, 0.6, 5), np.linspace(0.1, 2.0, 5)
    own = after_infusions(FADING, TIMES)
    way = Transition(from_state="a", to_state="b", hazard=hazard, clock=clock)
    found = way.own_sojourn_time(entry_time, threshold, ratio=own, time_in_state=0.2)
    for k in range(5):
        alone = Transition(
            from_state="a", to_state="b", hazard=hazard, clock=clock, ratio=own.of_patient(k)
        )
        expected = alone.sojourn_time(entry_time[[k]], threshold[[k]], time_in_state=0.2)
        np.testing.assert_allclose(found[k], expected[0], rtol=1e-12)


def test_some_patients_or_all_can_be_taken():
    own = after_infusions(SHORT, TIMES)
    assert own.of(None) is own
    np.testing.assert_array_equal(own.of(np.array([4, 1])).breaks, own.breaks[:, [4, 1]])


def test_a_patient_has_one_ratio_more_than_breaks():
    with pytest.raises(ValueError, match="2 ratios of each patient must be one more than 2 breaks"):
        IndividualRatio(breaks=np.zeros((2, 1)), ratios=np.ones((2, 1)))


def test_a_piece_begins_after_the_start() -> None:
    with pytest.raises(ValueError, match="breaks"):
        PiecewiseEffect(on=ON, breaks=(0.0,), ratios=(1.0, 0.6))
