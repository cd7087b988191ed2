"""Parts that bigger tests pass by: what nobody asks for there is asked for here."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm

import lupusim
from lupusim.analysis.competing_risks.cumulative_incidence import cumulative_incidence
from lupusim.analysis.group_sequential import UserSpending
from lupusim.analysis.multiplicity.procedures import Dunnett, dunnett_level
from lupusim.analysis.numerics.win_levels import larger_is_better
from lupusim.analysis.outcomes import (
    CountOutcome,
    HierarchicalOutcome,
    NumberOutcome,
    SurvivalOutcome,
)
from lupusim.analysis.power import one_look_patients
from lupusim.analysis.proportions.beta_binomial import BetaPrior, power_prior
from lupusim.analysis.proportions.two_by_two import TwoByTwo, all_tables, per_distinct_table
from lupusim.analysis.proportions.unconditional_exact import _peak
from lupusim.analysis.verdicts import p_value
from lupusim.model import MultiStateModel, Transition
from lupusim.model.courses import IndividualRatio, joint_ratio
from lupusim.model.hazards import ExponentialHazard
from lupusim.simulation.adaptation import SelectArms
from lupusim.simulation.adaptation.response_adaptive import Shares
from lupusim.trial import Better
from lupusim.trial.checks.population import _correlated_problems
from lupusim.trial.enrollment import PoissonEnrollment
from lupusim.trial.scenario import shown
from lupusim.trial.test_method import TestMethod

MODEL = MultiStateModel(
    name="two states",
    states=("well", "ill"),
    transitions=(
        Transition(from_state="well", to_state="ill", hazard=ExponentialHazard(rate=1.0)),
    ),
)

COUNTS = ("responders", "n", "control_responders", "control_n")


def test_shares_of_pairs_of_numbers_are_counted():
    values = [1.0, 2.0, 2.0, 5.0, 3.0]
    outcome = NumberOutcome(
        values=np.array([values]),
        included=np.ones((1, 5), dtype=bool),
        arm=np.zeros((1, 5), dtype=np.int8),
    )
    below, above = outcome.against(np.array([1, 3]), np.array([0, 2, 4]))
    assert below.tolist() == [np.mean([values[a] > values[b] for b in (0, 2, 4)]) for a in (1, 3)]
    assert above.tolist() == [np.mean([values[a] < values[b] for b in (0, 2, 4)]) for a in (1, 3)]
    assert above[0] == 1 / 3


def test_dunnett_has_no_level_for_a_replicate_without_an_arm_left():
    left = np.array([[True, True], [False, False], [False, True]])
    found = Dunnett(ratio=(1, 1, 1))._levels(left, 0.025)
    expected = [dunnett_level((1, 1, 1), 0.025), 0.0, dunnett_level((1, 1), 0.025)]
    np.testing.assert_allclose(found, expected)


def test_counts_without_their_times_are_restricted_too():
    outcome = CountOutcome(
        count=np.array([[2.0, 3.0]]), years=np.ones((1, 2)), arm=np.array([[0, 1]], dtype=np.int8)
    )
    some = outcome.restricted_to(np.array([[False, True]]))
    assert some.times is None
    np.testing.assert_array_equal(some.count, [[0.0, 3.0]])
    np.testing.assert_array_equal(some.years, [[0.0, 1.0]])


def test_a_two_sided_p_is_the_test_s_own():
    result = SimpleNamespace(p_two_sided=0.3, p_greater=0.1, p_less=0.9)
    assert [p_value(result, better, 2) for better in Better] == [0.3, 0.3]
    assert p_value(result, Better.FEWER, 1) == 0.9


def test_flags_are_shown_in_words():
    assert shown({"beta": 0.1, "binding": False}) == "beta 0.1, not binding"
    assert shown({"binding": True}) == "binding"


def test_a_test_method_says_nothing_of_itself_unless_it_does():
    class Silent(TestMethod):
        __slots__ = ()

    silent = Silent()
    assert hash(silent) == hash(silent)
    assert silent.effect == ""
    assert TestMethod.__call__(silent) is None


def test_who_is_not_in_a_part_has_no_competing_event_there():
    some = SurvivalOutcome(
        time=np.array([[1.0, 2.0]]),
        event=np.array([[True, False]]),
        arm=np.array([[0, 1]], dtype=np.int8),
        competing=np.array([[False, True]]),
    ).restricted_to(np.array([[True, False]]))
    np.testing.assert_array_equal(some.competing, [[False, False]])
    np.testing.assert_array_equal(some.time, [[1.0, 0.0]])


def test_a_power_prior_may_take_nothing_or_all_of_the_past():
    assert power_prior(6, 20, discount=0.0) == BetaPrior(alphas=(1.0,), betas=(1.0,))
    assert power_prior(6, 20, discount=1.0) == BetaPrior(alphas=(7.0,), betas=(15.0,))


def test_an_incidence_is_known_up_to_the_very_time_of_the_last_patient():
    found = cumulative_incidence([1.0, 2.0, 3.0], [1, 0, 0], [1, 0, 0], [3.0, 3.01])
    assert found.undefined.tolist() == [False, True]


def test_outcomes_say_who_is_in_them_and_how_much_they_know():
    arm = np.array([[0, 1, 1]], dtype=np.int8)
    counted = CountOutcome(count=np.array([[2.0, 0.0, 3.0]]), years=np.ones((1, 3)), arm=arm)
    np.testing.assert_array_equal(counted.information, [5.0])
    levels = [larger_is_better(np.array([[1.0, 2.0, 3.0]]))]
    ranked = HierarchicalOutcome(levels=levels, included=np.array([[True, False, True]]), arm=arm)
    np.testing.assert_array_equal(ranked.information, [2.0])
    np.testing.assert_array_equal(ranked.analyzed, [[True, False, True]])
    with pytest.raises(ValueError, match="cannot be given to a plain function"):
        ranked.columns()
    (level,) = ranked.restricted_to(np.array([[False, True, True]])).levels
    known = ranked.restricted_to(np.array([[False, True, True]])).included
    np.testing.assert_array_equal(known, [[False, False, True]])
    assert level.columns.keys() == levels[0].columns.keys()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"restarts": ("il",)}, "Did you mean 'ill'"),
        ({"afterwards": MODEL}, "there are no restarts"),
        (
            {"restarts": ("ill",), "afterwards": replace(MODEL, states=("ill", "well"))},
            "has not the states, transitions and classes",
        ),
    ],
)
def test_laws_after_a_restart_that_do_not_fit_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        replace(MODEL, **changes)


def test_those_who_came_first_came_when_they_came_where_a_rate_brings_them():
    times = np.array([[0.1, 0.5, 0.9]])
    sites = PoissonEnrollment(sites=2, per_site_per_year=6.0)
    assert sites.of_first(times, 2) is times


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"points": ()}, "at least one design"), ({"n_replicates": 0}, "must be at least 1")],
)
def test_a_scenario_has_designs_and_trials(changes, words):
    with pytest.raises(ValueError, match=words):
        replace(lupusim.load_scenario("two_rates"), **changes)


def test_correlated_outcomes_stand_beside_no_supply_and_no_infusion_again():
    again = SimpleNamespace(infusions=SimpleNamespace(again_on=("ill",)))
    trial = SimpleNamespace(arms=(again,), supply=None)
    (problem,) = _correlated_problems(trial)
    assert "infusions again" in problem.fault
    (problem,) = _correlated_problems(SimpleNamespace(arms=(), supply=object()))
    assert "a supply" in problem.fault


def test_equal_tables_share_an_answer_and_others_never_do():
    tables = all_tables(3, 4)
    found = per_distinct_table(tables, lambda counts: counts.astype(float))
    np.testing.assert_array_equal(found, tables.counts())
    counts = zip(COUNTS, np.array([*product(range(4), repeat=4)], dtype=float).T, strict=True)
    tables = TwoByTwo(**dict(counts))
    found = per_distinct_table(tables, lambda counts: counts.astype(float))
    np.testing.assert_array_equal(found, tables.counts())


def test_the_top_between_three_points_of_a_parabola_is_found():
    place = np.array([[-1.3], [-0.3], [0.7]])
    before, previous, current = 5.0 - 2.0 * place**2
    assert _peak(before, previous, current) == pytest.approx([5.0], rel=1e-14)
    rising = [np.array([one]) for one in (1.0, 2.0, 2.5)]
    assert _peak(*rising) == [2.5]


@pytest.mark.parametrize("fraction", [(0.0, 0.5, 1.0), (0.5, 0.5, 1.0), (0.5, 0.7, 0.9)])
def test_errors_are_spent_at_fractions_that_rise_from_above_0_to_1(fraction):
    with pytest.raises(ValueError, match="must rise from above 0 to 1"):
        UserSpending(fraction=fraction, share=(0.2, 0.3, 1.0))


def test_patients_for_one_look_have_the_power_asked_for():
    n = one_look_patients(0.35, 0.2, alpha=0.025, power=0.9)
    bound = 0.2 + norm.isf(0.025) * np.sqrt(0.2 * 0.8 / n)
    assert norm.sf((bound - 0.35) / np.sqrt(0.35 * 0.65 / n)) == pytest.approx(0.9)


def test_ratios_of_two_courses_are_multiplied_piece_by_piece():
    one = IndividualRatio(breaks=np.array([[1.0]]), ratios=np.array([[0.5], [2.0]]))
    other = IndividualRatio(breaks=np.array([[2.0]]), ratios=np.array([[3.0], [5.0]]))
    both = joint_ratio([one, other])
    np.testing.assert_array_equal(both.breaks, [[1.0], [2.0]])
    np.testing.assert_array_equal(both.ratios, [[1.5], [6.0], [10.0]])


def test_a_patient_s_end_is_told_on_the_calendar():
    patients = lupusim.simulate_trial("two_rates", seed=1).patients
    told = patients["end_time"] - patients["enrollment_time"]
    np.testing.assert_allclose(told, patients["seen_until"], atol=1e-12)


def test_shares_need_room_between_the_least_and_the_most():
    with pytest.raises(ValueError, match="must lie below"):
        Shares(power=0.5, least=0.4, most=0.4)


@pytest.mark.parametrize("weights", [(0.0, 1.0), (1.0, 0.0), (0.5, 0.6), (1.0,)])
def test_both_stages_have_a_weight(weights):
    with pytest.raises(ValueError, match="two numbers above 0 that sum to 1"):
        SelectArms(keep=1, weights=weights)
