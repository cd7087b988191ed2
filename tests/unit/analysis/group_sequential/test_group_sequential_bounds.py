from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from lupusim.analysis.group_sequential import (
    BetaSpending,
    BySpending,
    EfficacyAt,
    EfficacyBounds,
    FutilityBounds,
    HaybittlePeto,
    HwangShihDeCani,
    KimDeMets,
    LanDeMetsPocock,
    UserSpending,
    WangTsiatis,
    bounds,
    update,
    z_from_p_value,
)
from lupusim.analysis.group_sequential.integration import advance, beginning, upper_bound
from lupusim.analysis.group_sequential.recursion import find_root


def test_one_look_is_the_fixed_test():
    assert bounds([1.0], 0.025).efficacy[0] == pytest.approx(1.959963984540054, abs=1e-12)


def test_any_unit_of_information_gives_the_same_bounds():
    np.testing.assert_allclose(
        bounds([67, 134, 200]).efficacy, bounds([0.335, 0.67, 1]).efficacy, rtol=1e-13
    )
    for unit in (1e-7, 1e7):
        np.testing.assert_allclose(
            bounds([unit, 3 * unit]).efficacy, bounds([1, 3]).efficacy, rtol=1e-13
        )


def test_stage_p_values_and_fractions_belong_to_the_bounds():
    design = bounds([1, 2])
    np.testing.assert_allclose(design.information_fraction, [0.5, 1])
    assert design.stage_p_value[0] == pytest.approx(design.alpha_spent[0])
    assert not design.efficacy.flags.writeable


def test_rows_of_information_give_the_bounds_of_each_row():
    rows = np.array([[60, 130, 200], [67, 134, 210], [60, 130, 200]])
    found = bounds(rows, maximum_information=200)
    for row, efficacy in zip(rows, found.efficacy, strict=True):
        expected = bounds(row, maximum_information=200)
        np.testing.assert_allclose(efficacy, expected.efficacy, atol=1e-11)
    assert found.maximum_information.tolist() == [200, 200, 200]


def test_each_replicate_may_have_an_alpha_of_its_own():
    found = bounds(np.tile([1.0, 2.0], (2, 1)), np.array([0.025, 0.01]))
    np.testing.assert_allclose(found.efficacy[1], bounds([1, 2], 0.01).efficacy, atol=1e-11)


def test_a_look_that_was_not_held_has_no_bound_and_the_last_held_spends_the_rest():
    found = bounds([[50, np.nan, 100], [50, 70, np.nan]], maximum_information=100)
    np.testing.assert_allclose(found.efficacy[0, [0, 2]], bounds([50, 100]).efficacy, atol=1e-11)
    assert found.efficacy[0, 1] == np.inf
    assert found.futility[0, 1] == -np.inf
    assert found.alpha_spent[1, 1] == pytest.approx(0.025, abs=1e-12)
    assert np.isnan(found.alpha_spent[1, 2])


@pytest.mark.parametrize("last", [170.0, 200.0, 230.0])
def test_the_last_look_spends_all_whether_early_or_late(last):
    found = bounds([67, 134, last], maximum_information=200)
    assert found.alpha_spent[-1] == pytest.approx(0.025, abs=1e-12)
    np.testing.assert_allclose(found.efficacy[:2], bounds([67, 134, 200]).efficacy[:2])


def test_a_look_past_the_maximum_leaves_nothing_to_spend():
    assert bounds([50, 120, 130], maximum_information=100).efficacy[-1] == np.inf


@pytest.mark.parametrize(
    "futility",
    [
        BetaSpending(beta=0.1, spending="pocock", binding=True, looks=(1,)),
        BetaSpending(beta=0.1, spending=LanDeMetsPocock(), drift=3.2),
        BetaSpending(beta=0.2, spending=KimDeMets(rho=2)),
        FutilityBounds(z=(0.0, 0.5), binding=True),
        FutilityBounds(z=(-np.inf, 5.0)),
    ],
)
def test_alpha_is_spent_in_full_whatever_the_futility_rule(futility):
    design = bounds([1, 2, 3], futility=futility)
    assert design.alpha_spent[-1] == pytest.approx(0.025, abs=1e-11)
    assert design.futility[-1] == design.efficacy[-1]
    assert np.all(design.futility <= design.efficacy)


def test_beta_spending_finds_the_drift_with_the_power_asked_for():
    design = bounds([1, 2, 3], futility=BetaSpending(beta=0.1))
    assert design.beta_spent[-1] == pytest.approx(0.1, abs=1e-10)
    again = bounds([1, 2, 3], futility=BetaSpending(beta=0.1, drift=float(design.drift)))
    np.testing.assert_allclose(again.futility, design.futility, atol=1e-8)


def test_non_binding_futility_leaves_the_efficacy_bounds_alone():
    plain = bounds([1, 2, 3])
    loose = bounds([1, 2, 3], futility=FutilityBounds(z=(0, 0.5)))
    np.testing.assert_allclose(loose.efficacy, plain.efficacy, atol=1e-12)
    np.testing.assert_array_equal(loose.ignoring_futility().futility, plain.futility)
    assert np.isnan(loose.beta_spent).all()


def test_futility_only_keeps_the_whole_alpha_for_the_end():
    design = bounds(
        [1, 2],
        spending=EfficacyAt(looks=(2,), rule="pocock"),
        futility=FutilityBounds(z=(0,)),
    )
    np.testing.assert_allclose(design.efficacy, [np.inf, 1.959963984540054])


def test_a_skipped_look_spends_at_the_next():
    design = bounds([1, 2, 3], spending=EfficacyAt(looks=(2, 3), rule=HwangShihDeCani(gamma=-4)))
    full = bounds([1, 2, 3], spending=HwangShihDeCani(gamma=-4))
    assert design.efficacy[0] == np.inf
    np.testing.assert_allclose(design.alpha_spent[1:], full.alpha_spent[1:])


def test_two_sided_bounds_lie_below_those_of_two_one_sided_halves():
    two, one = bounds([1, 2, 3], 0.05, sided=2), bounds([1, 2, 3], 0.025)
    assert np.all(two.efficacy <= one.efficacy + 1e-12)
    assert two.alpha_spent[-1] == pytest.approx(0.05, abs=1e-12)


@pytest.mark.parametrize(
    ("rule", "fraction", "share"),
    [
        (HwangShihDeCani(gamma=0), 0.4, 0.4),
        (KimDeMets(rho=2), 0.5, 0.25),
        (LanDeMetsPocock(), 1.0, 1.0),
        (UserSpending(fraction=(0.5, 1), share=(0, 1)), 0.75, 0.5),
    ],
)
def test_spending_functions_give_their_share(rule, fraction, share):
    spent = rule.spent(np.array(fraction), np.array(0.025))
    assert spent == pytest.approx(0.025 * share)


def test_nothing_spent_is_no_bound():
    design = bounds([1, 2], spending=UserSpending(fraction=(0.5, 1), share=(0, 1)))
    assert design.efficacy[0] == np.inf


@pytest.mark.parametrize(
    "rule",
    [None, WangTsiatis(delta=0.1), HaybittlePeto(bound=3.5), BySpending(spending=KimDeMets(rho=3))],
)
def test_update_keeps_the_bounds_used_and_spends_all(rule):
    plan = bounds([67, 134, 200], spending=rule or "obrien_fleming")
    found = update(plan, [75, 140], efficacy_used=[3.7])
    assert found.efficacy[0] == 3.7
    assert found.information.tolist() == [75, 140, 200]
    assert found.alpha_spent[-1] == pytest.approx(0.025, abs=1e-11)


def test_update_at_the_information_seen_is_the_design_of_that_information():
    plan = bounds([67, 134, 200], futility=BetaSpending(beta=0.1))
    found = update(plan, [75])
    again = bounds([75, 134, 200], futility=BetaSpending(beta=0.1))
    np.testing.assert_allclose(found.efficacy, again.efficacy)
    np.testing.assert_allclose(found.futility, again.futility)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"information": [2, 1]}, "must rise"),
        ({"information": [-1, 1]}, "must rise"),
        ({"information": [1, 1.00001]}, "must rise"),
        ({"information": []}, "finite numbers"),
        ({"information": [[np.nan, np.nan]]}, "at least one held"),
        ({"information": [1, np.inf]}, "finite numbers"),
        ({"information": np.ones((1, 1, 1))}, "one per look"),
        ({"alpha": 0.0}, "between 0 and 0.5"),
        ({"alpha": 0.5}, "between 0 and 0.5"),
        ({"alpha": np.array([0.1, 0.2])}, "one for each replicate"),
        ({"sided": 3}, "must be 1 or 2"),
        ({"sided": 2, "futility": FutilityBounds(z=(0,))}, "sided=1"),
        ({"maximum_information": 0.0}, "above 0"),
        ({"spending": "obrian"}, "no known name"),
        ({"spending": 3}, "must be a name"),
        ({"spending": EfficacyAt(looks=(3,), rule="pocock")}, "looks 1 to 2"),
        ({"spending": EfficacyAt(looks=(), rule="pocock")}, "looks 1 to 2"),
        ({"spending": EfficacyAt(looks=(1,), rule="pocock")}, "include the last look"),
        ({"futility": FutilityBounds(z=(0, 1))}, "1 bounds"),
        ({"alpha": 0.2, "futility": BetaSpending(beta=0.8)}, "less power than alpha"),
    ],
)
def test_bad_designs_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        bounds(**{"information": [1, 2], **arguments})


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: HwangShihDeCani(gamma=np.inf), "gamma"),
        (lambda: KimDeMets(rho=0), "rho"),
        (lambda: WangTsiatis(delta=np.nan), "delta"),
        (lambda: HaybittlePeto(bound=0), "bound"),
        (lambda: UserSpending(fraction=(1,), share=(0.5, 1)), "one size"),
        (lambda: UserSpending(fraction=(0.5, 0.9), share=(0.5, 1)), "rise from above 0 to 1"),
        (lambda: UserSpending(fraction=(0.5, 1), share=(0.8, 0.5)), "never fall"),
        (lambda: FutilityBounds(z=(np.nan,)), "-inf"),
        (lambda: BetaSpending(beta=0), "beta"),
        (lambda: BetaSpending(beta=0.1, drift=-1), "drift"),
    ],
)
def test_bad_rules_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("information", "used", "message"),
    [
        ([1, 2, 3, 4], None, "at most 3"),
        ([1], [3, 3, 3], "at least one look to come"),
    ],
)
def test_bad_updates_are_refused(information, used, message):
    with pytest.raises(ValueError, match=message):
        update(bounds([1, 2, 3]), information, efficacy_used=used)


def test_bounds_of_many_trials_cannot_be_updated():
    with pytest.raises(ValueError, match="one plan"):
        update(bounds([[1, 2]]), [1])


def test_more_than_is_left_has_no_bound():
    one, zero = np.ones(1), np.zeros(1)
    assert upper_bound(beginning(1), one, 1.5 * one, zero)[0] == -np.inf


def test_a_look_that_only_watches_just_before_the_last_leaves_its_bound() -> None:
    """What could lie far above was stopped at the first look, though the second has no bound."""
    first, last, stop = 0.995, 1.0005, 2.0
    left = beginning(1)
    for here, then, upper in ((first, 1.0, stop), (1.0, last, np.inf)):
        left = advance(
            left,
            np.array([here]),
            next_information=np.array([then]),
            region=(np.array([-np.inf]), np.array([upper])),
        )
    wanted = 1e-9
    bound = upper_bound(left, np.array([last]), np.array([wanted]), np.zeros(1))[0]

    def both(score: float) -> float:
        above = (bound * np.sqrt(last) - score) / np.sqrt(last - first)
        return float(norm.pdf(score, scale=np.sqrt(first)) * norm.sf(above))

    edge = stop * np.sqrt(first)
    by_hand = quad(both, edge - 1, edge, epsabs=0, epsrel=1e-10)[0]
    assert by_hand == pytest.approx(wanted, rel=1e-8)


def test_an_iteration_that_does_not_settle_says_so(monkeypatch):
    monkeypatch.setattr("lupusim.analysis.group_sequential.integration._MAX_NEWTON", 1)
    with pytest.raises(ArithmeticError, match="no bound found"):
        bounds([1, 2])


def test_roots_need_a_change_of_sign():
    with pytest.raises(ValueError, match="no root"):
        find_root(lambda x: x**2 + 1, np.zeros(1), np.ones(1))


def test_roots_of_many_functions_are_found_together():
    target = np.array([0.1, 2.0, 7.0])
    root = find_root(lambda x: np.exp(x) - target, np.full(3, -9.0), np.full(3, 9.0))
    np.testing.assert_allclose(root, np.log(target), atol=1e-10)


@pytest.mark.parametrize(
    ("function", "root", "most"),
    [
        (lambda x: x**9 - 1e-3, 1e-3 ** (1 / 9), 26),
        (lambda x: np.sign(x - 0.3) * np.abs(x - 0.3) ** 0.1, 0.3, 40),
        (lambda x: np.arctan(50 * (x - 2)), 2.0, 18),
        (lambda x: np.expm1(40 * x), 0.0, 14),  # a step stands still at the far end
        (lambda x: np.expm1(-40 * (x + 0.5)), -0.5, 50),
    ],
    ids=["flat", "steep", "bent", "steep above", "steep below"],
)
def test_a_root_is_found_in_few_steps_however_bent_the_function(function, root, most):
    asked = []
    found = find_root(lambda x: asked.append(x) or function(x), np.array([-1.0]), np.array([3.0]))
    assert found == pytest.approx(root, abs=1e-10)
    assert len(asked) <= most


def test_a_root_search_that_does_not_settle_says_so(monkeypatch):
    monkeypatch.setattr("lupusim.analysis.group_sequential.recursion._MAX_TURNS", 1)
    with pytest.raises(ArithmeticError, match="no root found"):
        find_root(lambda x: x**3 - 0.1, np.zeros(1), np.ones(1))


@pytest.mark.parametrize(
    "rule",
    [
        {"spending": EfficacyAt(looks=(2, 3), rule="pocock")},
        {"futility": FutilityBounds(z=(0.0, 0.5))},
        {"futility": BetaSpending(beta=0.1, looks=(1, 2))},
        {"spending": EfficacyBounds(z=(3.0, 2.8))},
    ],
)
def test_rules_of_single_looks_know_which_looks_were_held(rule):
    some = np.array([[0.3, np.nan, 1.0], [0.3, 0.6, np.nan], [0.4, np.nan, np.nan]])
    found = bounds(some, maximum_information=1.0, **rule)
    assert np.isinf(found.efficacy[np.isnan(some)]).all()
    last = found.efficacy[[0, 1, 2], [2, 1, 0]]
    assert np.all((last > 1.9) & (last < 2.2))


def test_bounds_given_one_by_one_leave_the_rest_of_alpha_to_the_last_look():
    design = bounds([1, 2], spending=EfficacyBounds(z=(2.5,)))
    # R 4.2.2: mvtnorm::pmvnorm with correlation sqrt(1/2) solves P(Z1 < 2.5, Z2 < c) = 0.975
    crossed = float(design.alpha_spent[0])
    np.testing.assert_allclose(crossed, 0.0062096653, atol=1e-9)
    np.testing.assert_allclose(design.alpha_spent[-1], 0.025, atol=1e-10)
    # R 4.2.2, mvtnorm: uniroot of pmvnorm(c(2.5, c), correlation sqrt(0.5)) = 0.975
    assert design.efficacy[1] == pytest.approx(2.01778118, abs=1e-8)
    given = bounds([1, 2], spending=EfficacyBounds(z=(2.5,), last=float(design.efficacy[1])))
    np.testing.assert_allclose(given.alpha_spent[-1], 0.025, atol=1e-9)
    never = bounds([1, 2], spending=EfficacyBounds(z=(np.inf,)))
    np.testing.assert_allclose(never.efficacy[1], 1.959964, atol=1e-6)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"z": (0.0,)}, "above 0"),
        ({"z": (2.0,), "last": -1.0}, "above 0"),
        ({"z": (2.0, 2.0)}, "1 bounds"),
    ],
)
def test_bounds_that_cannot_be_given_are_refused(rule, message):
    with pytest.raises(ValueError, match=message):
        bounds([1, 2], spending=EfficacyBounds(**rule))


@pytest.mark.parametrize("rule", [HaybittlePeto(bound=2.2), EfficacyBounds(z=(2.2, 2.2))])
def test_a_bound_that_would_spend_more_than_alpha_is_raised_from_there_on(rule) -> None:
    for alpha, given in ((0.025, 2), (0.018, 1), (0.0125, 0)):
        found = bounds([1, 2, 3], alpha, spending=rule)
        assert (found.efficacy[:given] == 2.2).all()
        assert (found.efficacy[given:] > 2.2).all()
        assert found.alpha_spent[-1] == pytest.approx(alpha)
    assert found.efficacy[0] == pytest.approx(z_from_p_value(0.0125))


def test_a_bound_that_was_used_stays_though_it_spent_more_than_alpha() -> None:
    plan = bounds([1, 2, 3], 0.005, spending=HaybittlePeto(bound=3.0))
    assert update(plan, [1.0], efficacy_used=[2.0]).efficacy.tolist() == [2.0, np.inf, np.inf]
