"""Names of columns are made and read in one place, whatever arms and endpoints are called."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import pytest

from lupusim.simulation.quantities import OF_ARMS, Quantity, at_look, of_arm, quantity_of

ARMS = ("control", "patients", "time", "error", "high dose", "high", "q10", "a_b")
ENDPOINTS = ("time to relapse", "look_2_estimate", "time to relapse: of the treated")
TRIAL = SimpleNamespace(
    arms=[SimpleNamespace(name=name) for name in ARMS],
    endpoints=[SimpleNamespace(name=name) for name in ENDPOINTS],
)


@pytest.mark.parametrize("endpoint", [None, *ENDPOINTS])
def test_a_column_is_read_as_it_was_made(endpoint):
    for name, arm, look in product(sorted(OF_ARMS), [None, *ARMS], [None, 1, 12]):
        made = Quantity(name=name, endpoint=endpoint, arm=arm, look=look)
        assert quantity_of(made.column, TRIAL) == made


@pytest.mark.parametrize(
    "column", ["n_patients", "type_one_error", "duration", "reject", "power_theory", "missed_time"]
)
def test_what_arms_have_none_of_is_of_no_arm(column):
    """An arm may be called as a quantity ends."""
    assert quantity_of(column, TRIAL) == Quantity(name=column)
    assert quantity_of(f"look_3_{column}", TRIAL) == Quantity(name=column, look=3)


def test_a_summary_of_a_distribution_stays_part_of_the_name():
    found = quantity_of("look_2_estimate_stops_high dose_q90", TRIAL)
    assert found == Quantity(name="estimate_stops_q90", arm="high dose", look=2)
    assert quantity_of("response_control_sd", TRIAL) == Quantity(name="response_sd", arm="control")
    wins = quantity_of("look_1_level_2_wins_q10_sd", TRIAL)
    assert wins == Quantity(name="level_2_wins_sd", arm="q10", look=1)
    assert quantity_of("response_sd", TRIAL) == Quantity(name="response_sd")


def test_an_arm_is_the_longest_that_a_column_may_end_with():
    assert quantity_of(of_arm("mean", "high dose"), TRIAL).arm == "high dose"
    assert quantity_of(at_look("time", 2), TRIAL) == Quantity(name="time", look=2)
