"""Hazard ratios over study time, and the profile of a treatment effect."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lupusim.model import PiecewiseRatio, TreatmentEffect
from lupusim.model.effects import PiecewiseEffect
from lupusim.model.rewards import Rewards

ON = (("a", "b"),)


def effect(**values):
    return TreatmentEffect(on=ON, **values)


def test_without_breaks_a_ratio_is_constant():
    assert PiecewiseRatio().is_constant
    assert PiecewiseRatio(ratios=(0.3,)).at(np.array([-1.0, 0.0, 9.0])).tolist() == [0.3] * 3


def test_at_a_break_the_ratio_that_follows_holds():
    ratio = PiecewiseRatio(breaks=(0.5, 1.0), ratios=(1.0, 2.0, 3.0))
    assert not ratio.is_constant
    times = np.array([0.0, 0.4999, 0.5, 0.9999, 1.0, 99.0])
    assert ratio.at(times).tolist() == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("breaks", "ratios", "message"),
    [
        ((0.5,), (1.0,), "one entry more"),
        ((), (1.0, 2.0), "one entry more"),
        ((0.5, 0.5), (1, 1, 1), "increasing"),
        ((0.6, 0.5), (1, 1, 1), "increasing"),
        ((math.nan,), (1, 1), "finite"),
        ((math.inf,), (1, 1), "finite"),
        ((), (-1.0,), "0 or above"),
        ((), (math.inf,), "0 or above"),
        ((), (math.nan,), "0 or above"),
    ],
)
def test_a_ratio_that_does_not_fit_together_is_refused(breaks, ratios, message):
    with pytest.raises(ValueError, match=message):
        PiecewiseRatio(breaks=breaks, ratios=ratios)


def test_a_product_of_ratios_is_the_product_at_every_time():
    one = PiecewiseRatio(breaks=(0.5, 1.0), ratios=(1.0, 2.0, 0.0))
    other = PiecewiseRatio(breaks=(0.25, 1.0, 2.0), ratios=(3.0, 1.0, 5.0, 7.0))
    product = one.times(other)
    times = np.linspace(-0.5, 3, 200)
    np.testing.assert_array_equal(product.at(times), one.at(times) * other.at(times))
    assert product.breaks == (0.25, 0.5, 1.0, 2.0)
    assert one.times(PiecewiseRatio()) == one
    assert PiecewiseRatio().times(one) == one


def test_an_infusion_at_randomization_acts_from_the_start_and_for_good():
    assert effect(hazard_ratio=0.4).profile([0.0]) == PiecewiseRatio(ratios=(0.4,))


def test_an_effect_waits_for_its_onset():
    profile = effect(hazard_ratio=0.4, onset=0.25).profile([0.5])
    assert profile == PiecewiseRatio(breaks=(0.75,), ratios=(1.0, 0.4))


def test_an_effect_without_half_life_ends_at_once():
    profile = effect(hazard_ratio=0.4, onset=0.25, lasts=1.0).profile([0.0])
    assert profile == PiecewiseRatio(breaks=(0.25, 1.25), ratios=(1.0, 0.4, 1.0))


def test_an_effect_that_lasts_no_time_does_nothing():
    profile = effect(hazard_ratio=0.4, lasts=0.0).profile([0.0, 1.0])
    assert np.all(profile.at(np.array([0.0, 0.5, 1.0, 1.5])) == 1)


def test_a_fading_effect_halves_its_logarithm_in_every_half_life():
    profile = effect(hazard_ratio=0.2, lasts=1.0, half_life=0.5).profile([0.0])
    assert profile.ratios[0] == 0.2
    assert profile.ratios[-1] == 1.0
    assert profile.breaks[0] == 1.0
    assert profile.breaks[-1] == pytest.approx(1.0 + 6 * 0.5)
    assert len(profile.breaks) == 25  # six half-lives in quarters, and the end
    # each step has the ratio of its middle
    breaks = np.array(profile.breaks)
    middles = (breaks[:-1] + breaks[1:]) / 2
    expected = 0.2 ** (0.5 ** ((middles - 1.0) / 0.5))
    np.testing.assert_allclose(profile.at(middles), expected, rtol=1e-12)
    assert np.all(np.diff(profile.ratios) > 0)


def test_a_harmful_effect_fades_from_above():
    profile = effect(hazard_ratio=3.0, lasts=0.0, half_life=1.0).profile([0.0])
    assert np.all(np.diff(profile.ratios) < 0)
    assert profile.ratios[-1] == 1.0


def test_a_further_infusion_takes_over_when_its_own_effect_sets_in():
    profile = effect(hazard_ratio=0.4, onset=0.25, lasts=2.0).profile([0.0, 1.0])
    # without a gap: 0.25 to 1.25 by the first, 1.25 to 3.25 by the second
    assert np.all(profile.at(np.array([0.25, 1.0, 1.25, 3.2])) == 0.4)
    assert np.all(profile.at(np.array([0.0, 0.2, 3.25, 9.0])) == 1.0)


def test_between_two_infusions_far_apart_the_effect_is_gone():
    profile = effect(hazard_ratio=0.4, lasts=0.5).profile([0.0, 1.0])
    assert profile == PiecewiseRatio(breaks=(0.5, 1.0, 1.5), ratios=(0.4, 1.0, 0.4, 1.0))


def test_a_further_infusion_cuts_the_fading_short():
    one = effect(hazard_ratio=0.4, lasts=0.5, half_life=1.0)
    profile = one.profile([0.0, 1.0])
    alone = one.profile([0.0])
    early, late = np.linspace(0, 0.99, 50), np.linspace(1.0, 12, 50)
    np.testing.assert_array_equal(profile.at(early), alone.at(early))
    np.testing.assert_array_equal(profile.at(late), alone.at(late - 1.0))


def test_the_order_in_which_infusions_are_named_does_not_matter():
    one = effect(hazard_ratio=0.4, lasts=0.5, half_life=1.0)
    assert one.profile([1.0, 0.0, 0.3]) == one.profile([0.0, 0.3, 1.0])
    assert one.profile([0.0, 0.0]) == one.profile([0.0])


def test_an_infusion_before_randomization_counts_from_then():
    profile = effect(hazard_ratio=0.4, lasts=1.0).profile([-0.25])
    assert profile == PiecewiseRatio(breaks=(0.75,), ratios=(0.4, 1.0))


def test_without_an_infusion_there_is_no_effect():
    assert effect(hazard_ratio=0.4).profile([]) == PiecewiseRatio()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("hazard_ratio", {"hazard_ratio": -0.1}),
        ("hazard_ratio", {"hazard_ratio": math.inf}),
        ("hazard_ratio", {"hazard_ratio": math.nan}),
        ("onset", {"hazard_ratio": 1.0, "onset": -0.1}),
        ("onset", {"hazard_ratio": 1.0, "onset": math.inf}),
        ("lasts", {"hazard_ratio": 1.0, "lasts": -0.1}),
        ("lasts", {"hazard_ratio": 1.0, "lasts": math.nan}),
        ("half_life", {"hazard_ratio": 1.0, "half_life": 0.0}),
        ("half_life", {"hazard_ratio": 1.0, "half_life": math.inf}),
        ("half_life", {"hazard_ratio": 0.0, "half_life": 1.0}),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(name, values):
    with pytest.raises(ValueError, match=f"^{name}="):
        effect(**values)


def test_the_course_of_an_effect_in_pieces_tells_how_it_begins_and_ends():
    late = PiecewiseEffect(on=ON, breaks=(0.25,), ratios=(1.0, 0.6))
    assert (late.onset, late.lasts, late.half_life) == (0.0, math.inf, None)
    assert late.constant_ratio is None
    assert late.hazard_ratio == 0.6
    assert effect(hazard_ratio=0.6).constant_ratio == 0.6
    assert effect(hazard_ratio=0.6, lasts=1.0).constant_ratio is None


def test_a_move_is_worth_what_it_costs_and_what_its_end_costs():
    worth = Rewards(per_transition={("well", "ill"): 3.0}, per_entry={"ill": 0.5, "dead": 7.0})
    found = worth.of_moves(("well", "ill", "dead"))
    assert found.tolist() == [[0.0, 3.5, 7.0], [0.0, 0.0, 7.0], [0.0, 0.5, 0.0]]


def test_an_effect_of_half_the_logarithm_has_the_root_of_the_ratio():
    assert effect(hazard_ratio=0.25, onset=0.1).raised(0.5) == effect(hazard_ratio=0.5, onset=0.1)
