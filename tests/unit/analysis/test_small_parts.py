"""Parts that bigger tests pass by: what nobody asks for there is asked for here."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from lupusim.analysis.competing_risks.cumulative_incidence import cumulative_incidence
from lupusim.analysis.multiplicity.procedures import Dunnett, dunnett_level
from lupusim.analysis.outcomes import CountOutcome, SurvivalOutcome
from lupusim.analysis.proportions.beta_binomial import BetaPrior, power_prior
from lupusim.analysis.verdicts import p_value
from lupusim.trial import Better
from lupusim.trial.scenario import shown
from lupusim.trial.test_method import TestMethod


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
