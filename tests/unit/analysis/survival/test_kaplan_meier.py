"""Kaplan-Meier at given times: carried forward, flagged, bounded."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.analysis import kaplan_meier, survival_difference

TIME = [1.0, 2.0, 2.0, 4.0, 5.0, 6.0]
EVENT = [1, 1, 0, 1, 0, 0]


def test_survival_is_a_step_function_from_the_right():
    curve = kaplan_meier(TIME, EVENT, [0.5, 1.0, 1.5, 2.0])
    np.testing.assert_allclose(curve.survival, [1, 5 / 6, 5 / 6, 4 / 6])
    assert curve.at_risk.tolist() == [6, 6, 5, 5]


def test_beyond_the_last_censoring_survival_is_undefined_and_carried_forward():
    curve = kaplan_meier(TIME, EVENT, [6.0, 6.1])
    assert curve.undefined.tolist() == [False, True]
    np.testing.assert_array_equal(curve.survival[0], curve.survival[1])


def test_after_everybody_died_survival_is_zero_and_known():
    curve = kaplan_meier([1.0, 2.0], [1, 1], [3.0])
    assert curve.survival == 0
    assert curve.standard_error == 0
    assert curve.lower == 0 < curve.upper < 1
    assert not curve.undefined


def test_without_an_event_the_interval_still_has_a_width():
    curve = kaplan_meier([3.0] * 10, [0] * 10, 1.0)
    assert curve.survival == curve.upper == 1
    np.testing.assert_allclose(curve.lower, 10 / (10 + 1.959963984540054**2))


def test_rows_of_trials_share_the_times():
    curve = kaplan_meier([TIME, TIME], [EVENT, EVENT], [1.0, 2.0, 3.0], included=[1, 1, 1, 1, 1, 0])
    assert curve.survival.shape == (2, 3)
    np.testing.assert_array_equal(curve.survival[0], curve.survival[1])


@pytest.mark.parametrize("times", [[-1.0], [np.nan], [[1.0]]])
def test_bad_times_are_refused(times):
    with pytest.raises(ValueError, match="times"):
        kaplan_meier(TIME, EVENT, times)


def test_better_survival_is_a_positive_difference():
    arm = [0, 0, 1, 1, 1, 0]
    result = survival_difference(TIME, EVENT, arm, 3.0)
    assert result.z > 0
    assert -1 <= result.lower < result.estimate < result.upper <= 1
    rows = survival_difference([TIME, TIME], EVENT, arm, 3.0, included=[1, 1, 1, 1, 1, 0])
    alone = survival_difference(TIME, EVENT, arm, 3.0, included=[1, 1, 1, 1, 1, 0])
    np.testing.assert_allclose(rows.z, alone.z)


def test_a_comparison_beyond_follow_up_is_undefined():
    result = survival_difference(TIME, EVENT, [0, 0, 1, 1, 1, 0], 5.5)
    assert result.undefined
    assert (result.z, result.lower, result.upper) == (0, -1, 1)
    assert result.p_two_sided == 1


def test_a_comparison_without_events_is_undefined():
    result = survival_difference([1.0, 2.0, 3.0, 4.0], [0, 0, 0, 0], [0, 1, 0, 1], 0.5)
    assert result.undefined
    assert result.estimate == 0
