from __future__ import annotations

import numpy as np
import pytest

from lupusim.analysis.group_sequential import (
    BetaSpending,
    DriftBelief,
    FutilityBounds,
    InverseNormal,
    LachinFoulkes,
    SurvivalSetting,
    after_stopping,
    bounds,
    conditional_power,
    drift_for_power,
    effect_from_z,
    exit_probabilities,
    inflation_factor,
    p_value_from_z,
    predictive_power,
    repeated_interval,
    repeated_p_value,
    stage_z,
    survival_size,
    z_from_conditional_power,
    z_from_effect,
    z_from_p_value,
    z_from_predictive_power,
)

PLAN = bounds([67, 134, 200])
BINDING = bounds([1, 2, 3], futility=BetaSpending(beta=0.1, binding=True))


def test_expected_information_weights_each_look_by_its_chance_to_be_the_last() -> None:
    first, second = np.diff([0.0, *PLAN.alpha_spent[:2]])
    expected = 67 * first + 134 * second + 200 * (1 - first - second)
    assert exit_probabilities(PLAN, 0.0).expected_information == pytest.approx(expected, abs=1e-9)


def test_without_effect_the_exit_probabilities_are_the_alpha_spent():
    ended = exit_probabilities(PLAN, 0.0)
    np.testing.assert_allclose(np.cumsum(ended.efficacy), PLAN.alpha_spent, atol=1e-13)
    assert ended.futility.tolist() == [0, 0, 0]
    assert ended.stopping.sum() == pytest.approx(1)


def test_under_the_design_drift_futility_spends_beta():
    ended = exit_probabilities(BINDING, [0.0, float(BINDING.drift)])
    np.testing.assert_allclose(ended.power, [0.025, 0.9], atol=1e-9)
    assert ended.futility[1].sum() == pytest.approx(0.1, abs=1e-9)
    assert ended.expected_information.shape == (2,)
    assert np.all(ended.expected_information < 3)


def test_a_two_sided_design_is_symmetrical():
    design = bounds([1, 2, 3], 0.05, sided=2)
    ended = exit_probabilities(design, [-1.0, 1.0])
    np.testing.assert_allclose(ended.efficacy[0], ended.futility[1], atol=1e-13)


def test_a_drift_below_zero_is_as_accurate_as_one_above():
    ended = exit_probabilities(BINDING, [-4.0])
    assert (ended.efficacy + ended.futility).sum() == pytest.approx(1, abs=1e-12)


def test_one_look_needs_no_inflation():
    assert inflation_factor(bounds([1.0]), 0.8) == pytest.approx(1)


@pytest.mark.parametrize("power", [0.01, 1.0])
def test_power_out_of_range_is_refused(power):
    with pytest.raises(ValueError, match=r"between 0\.025 and 1"):
        drift_for_power(PLAN, power)


@pytest.mark.parametrize("drift", [np.inf, [[1.0]]])
def test_a_drift_that_is_no_number_is_refused(drift):
    with pytest.raises(ValueError, match="finite"):
        exit_probabilities(PLAN, drift)


def test_bounds_of_many_trials_have_no_exit_probabilities():
    with pytest.raises(ValueError, match="one plan"):
        exit_probabilities(bounds([[1, 2]]), 1.0)


Z = np.array([-0.5, 0.8, 2.4])


@pytest.mark.parametrize("drift", [None, 2.8])
def test_conditional_power_turns_round(drift):
    power = conditional_power(Z, 0.6, bound=2.0, drift=drift)
    np.testing.assert_allclose(z_from_conditional_power(power, 0.6, bound=2.0, drift=drift), Z)


@pytest.mark.parametrize("belief", [None, DriftBelief(mean=3.0, sd=1.0)])
def test_predictive_power_turns_round(belief):
    power = predictive_power(Z, 0.6, bound=2.0, belief=belief)
    np.testing.assert_allclose(z_from_predictive_power(power, 0.6, bound=2.0, belief=belief), Z)


def test_a_belief_without_doubt_makes_predictive_power_conditional():
    sure = predictive_power(Z, 0.6, bound=2.0, belief=DriftBelief(mean=3.0, sd=1e-9))
    np.testing.assert_allclose(sure, conditional_power(Z, 0.6, bound=2.0, drift=3.0))


def test_p_values_and_effects_turn_round():
    np.testing.assert_allclose(z_from_p_value(p_value_from_z(Z)), Z)
    np.testing.assert_allclose(z_from_effect(effect_from_z(Z, 50), 50), Z)


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_conditional_power_needs_something_seen_and_something_to_come(fraction):
    with pytest.raises(ValueError, match="above 0 and below 1"):
        conditional_power(1.0, fraction, bound=2.0)


def test_a_belief_must_be_a_distribution():
    with pytest.raises(ValueError, match="sd"):
        DriftBelief(sd=0)


def test_stopping_on_a_bound_gives_the_alpha_spent_as_p_value():
    found = after_stopping(PLAN, [1, 2, 3], PLAN.efficacy)
    np.testing.assert_allclose(found.p_value, PLAN.alpha_spent, atol=1e-12)
    assert found.lower[-1] == pytest.approx(0, abs=1e-9)


def test_a_binding_futility_stop_is_weaker_the_earlier_it_comes():
    found = after_stopping(BINDING, [1, 2, 3], [BINDING.futility[0], 0.5, 0.5])
    assert found.p_value[0] > found.p_value[1] > found.p_value[2]
    assert np.all(found.lower < found.estimate)
    assert np.all(found.estimate < found.upper)


def test_futility_that_does_not_bind_is_ignored_after_stopping():
    loose = bounds([1, 2, 3], futility=FutilityBounds(z=(0, 0.5)))
    plain = bounds([1, 2, 3])
    assert after_stopping(loose, 2, 0.3) == after_stopping(plain, 2, 0.3)


def test_a_last_z_that_nobody_expects_still_has_an_interval():
    found = after_stopping(BINDING, [3, 3, 1, 2], [-9.0, 12.0, -9.0, 9.0])
    assert np.isfinite([found.lower, found.estimate, found.upper]).all()


def test_effects_after_stopping_are_in_the_unit_of_the_information():
    in_fractions = after_stopping(bounds(PLAN.information_fraction), 2, 2.7)
    in_events = after_stopping(PLAN, 2, 2.7)
    assert in_events.estimate * np.sqrt(200) == pytest.approx(float(in_fractions.estimate))


@pytest.mark.parametrize(("alpha", "sided"), [(0.05, 2), (0.025, 1)])
def test_after_a_single_look_the_limits_are_those_of_the_fixed_test(alpha, sided):
    found = after_stopping(bounds([4.0], alpha, sided=sided), 1, 2.5)
    limits = (np.array([2.5, 2.5 - 1.959963984540054, 2.5 + 1.959963984540054])) / 2
    np.testing.assert_allclose([found.estimate, found.lower, found.upper], limits, atol=1e-9)


@pytest.mark.parametrize(("look", "z"), [(4, 1.0), (0, 1.0), (1, np.nan)])
def test_stopping_where_there_is_no_look_is_refused(look, z):
    with pytest.raises(ValueError, match="looks from 1 to 3"):
        after_stopping(PLAN, look, z)


def test_repeated_intervals_end_at_no_effect_on_the_bound():
    lower, upper = repeated_interval(PLAN, PLAN.efficacy, look=np.array([1, 2, 3]))
    np.testing.assert_allclose(lower, 0, atol=1e-12)
    np.testing.assert_allclose(upper, 2 * PLAN.efficacy / np.sqrt(PLAN.information))


def test_repeated_p_values_go_through_the_bounds():
    two_sided = bounds([1, 2], 0.05, sided=2)
    assert repeated_p_value(two_sided, two_sided.efficacy[0], look=1) == pytest.approx(0.05)
    assert repeated_p_value(PLAN, [PLAN.efficacy[2]], look=3)[0] == pytest.approx(0.025)


def test_repeated_p_values_stay_between_their_ends():
    found = repeated_p_value(PLAN, [-3.0, 30.0], look=2)
    np.testing.assert_allclose(found, [0.4999, 1e-12], rtol=1e-6)


def test_planned_weights_give_the_usual_z_where_the_plan_is_kept():
    rule = InverseNormal(planned_information=(67, 134, 200))
    z = np.array([[0.4, 1.1, 2.2]])
    np.testing.assert_allclose(rule.from_cumulative(z, [67, 134, 200]), z)
    np.testing.assert_allclose((rule.weights**2).sum(), 1)


def test_p_values_of_stages_combine_like_their_z():
    rule = InverseNormal(planned_information=(1, 3))
    stages = stage_z([1.0, 2.0], [1.0, 4.0])
    np.testing.assert_allclose(rule.from_p_values(p_value_from_z(stages)), rule.from_stages(stages))


def test_a_stage_without_a_weight_is_refused():
    with pytest.raises(ValueError, match="weights for 1"):
        InverseNormal(planned_information=(1,)).from_stages([1.0, 2.0])


@pytest.mark.parametrize("planned", [(), (2, 1), (1, np.inf)])
def test_weights_need_rising_information(planned):
    with pytest.raises(ValueError, match="rise from above 0"):
        InverseNormal(planned_information=planned)


SETTING = {"control_hazard": [0.06], "hazard_ratio": 0.7, "enrollment_time": 24}


def test_one_look_needs_no_search_for_its_time():
    size = survival_size(
        bounds([1.0]), SurvivalSetting(**SETTING), follow_up=12, power=0.9, method=LachinFoulkes()
    )
    assert size.calendar_time.tolist() == [36]


def test_event_probability_without_dropout_is_exact():
    setting = SurvivalSetting(**SETTING)
    entry = np.array([24.0, 0.0])
    expected = 1 + np.diff(np.exp(-0.06 * (30 - entry)))[0] / (0.06 * 24)
    assert setting.event_probability(30.0, np.ones(1))[0] == pytest.approx(expected, abs=1e-13)


def test_breaks_between_equal_hazards_and_rates_change_nothing():
    pieces = SurvivalSetting(
        control_hazard=[0.06, 0.06],
        breaks=[7],
        hazard_ratio=0.7,
        enrollment_time=24,
        enrollment_breaks=[5],
        enrollment_rates=[2, 2],
    )
    sizes = [
        survival_size(PLAN, setting, follow_up=12, power=0.9)
        for setting in (pieces, SurvivalSetting(**SETTING))
    ]
    assert sizes[0].n_patients == pytest.approx(sizes[1].n_patients, rel=1e-12)
    np.testing.assert_allclose(sizes[0].calendar_time, sizes[1].calendar_time, rtol=1e-10)
    assert np.all(np.diff(sizes[0].calendar_time) > 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hazard_ratio": 1}, "no power"),
        ({"hazard_ratio": 0}, "above 0"),
        ({"control_hazard": [0.1, 0.2]}, "one more than its breaks"),
        ({"control_hazard": [0.1, 0.2], "breaks": [0]}, "rise from above 0"),
        ({"control_hazard": [-0.1]}, "above 0"),
        ({"dropout_hazard": -1}, "0 or above"),
        ({"enrollment_breaks": [30], "enrollment_rates": [1, 2]}, "before the end"),
    ],
)
def test_bad_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        SurvivalSetting(**{**SETTING, **change})


def test_negative_follow_up_is_refused():
    with pytest.raises(ValueError, match="follow_up"):
        survival_size(PLAN, SurvivalSetting(**SETTING), follow_up=-1, power=0.9)
