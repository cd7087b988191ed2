"""The tests that a scenario can name."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from lupusim.analysis.numerics.win_levels import larger_is_better, later_is_better
from lupusim.analysis.outcomes import (
    BinaryOutcome,
    CountOutcome,
    HierarchicalOutcome,
    NumberOutcome,
    SurvivalOutcome,
)
from lupusim.analysis.registry import TESTS, plain_tests
from lupusim.analysis.survival.cox import cox
from lupusim.analysis.survival.logrank import logrank
from lupusim.analysis.user_defined import FromP, FromZ
from lupusim.common.rng import stream
from lupusim.trial import Better
from tolerance import SEED

SHAPE = (6, 40)


@pytest.fixture
def survival():
    rng = stream(SEED, "decisions")
    return SurvivalOutcome(
        time=rng.exponential(size=SHAPE),
        event=rng.random(SHAPE) < 0.6,
        arm=rng.integers(0, 2, size=SHAPE).astype(np.int8),
    )


@pytest.fixture
def rivals(survival):
    rng = stream(SEED, "rivals")
    return replace(
        survival,
        competing=~survival.event & (rng.random(SHAPE) < 0.5),
        possible=survival.time + rng.exponential(size=SHAPE),
    )


@pytest.fixture
def binary():
    rng = stream(SEED, "responses")
    return BinaryOutcome(
        response=rng.random(SHAPE) < 0.5,
        included=rng.random(SHAPE) < 0.9,
        arm=rng.integers(0, 2, size=SHAPE).astype(np.int8),
    )


@pytest.fixture
def number():
    rng = stream(SEED, "numbers")
    baseline = rng.normal(size=SHAPE)
    values, included = baseline + rng.normal(size=SHAPE), rng.random(SHAPE) < 0.9
    arm = rng.integers(0, 2, size=SHAPE).astype(np.int8)
    visits = np.stack([rng.normal(size=SHAPE), values], axis=2)
    return NumberOutcome(
        values=values,
        included=included,
        arm=arm,
        baseline=baseline,
        trajectory=np.where(included[:, :, None], visits, np.nan),
    )


@pytest.fixture
def count(survival):
    rng = stream(SEED, "counts")
    times = np.cumsum(rng.exponential(size=(*SHAPE, 8)), axis=2)
    return CountOutcome(
        count=(times <= survival.time[:, :, None]).sum(axis=2).astype(float),
        years=survival.time,
        arm=survival.arm,
        times=times,
    )


@pytest.fixture
def hierarchy(survival, number):
    return HierarchicalOutcome(
        levels=(
            later_is_better(survival.time, survival.event),
            larger_is_better(np.round(number.values)),
        ),
        included=number.included,
        arm=survival.arm,
    )


@pytest.fixture
def outcomes(survival, binary, number, count, hierarchy):
    return {type(outcome): outcome for outcome in (survival, binary, number, count, hierarchy)}


NO_STRATA = np.zeros(SHAPE, dtype=np.intp)


def swapped(outcome):
    kind = type(outcome)
    fields = {name: getattr(outcome, name) for name in kind.__dataclass_fields__}
    return kind(**{**fields, "arm": (1 - outcome.arm).astype(np.int8)})


@pytest.fixture(params=sorted(plain_tests()))
def named(request, outcomes):
    kind = TESTS[request.param]
    outcome = outcomes[kind.outcome]
    if request.param == "proportional_odds":
        outcome = replace(outcome, values=np.round(np.abs(outcome.values)))
    return kind, outcome


def test_every_test_answers_for_every_replicate(named):
    kind, outcome = named
    verdict = kind(outcome, better=Better.FEWER, sided=1, stratum=NO_STRATA)
    for part in (
        verdict.p_value,
        verdict.estimate,
        verdict.standard_error,
        verdict.lower,
        verdict.upper,
        verdict.undefined,
    ):
        assert np.shape(part) == (SHAPE[0],)
    assert np.all((verdict.p_value >= 0) & (verdict.p_value <= 1))
    inside = (verdict.lower <= verdict.estimate) & (verdict.estimate <= verdict.upper)
    assert np.all(inside | np.isnan(verdict.lower) | verdict.undefined)
    assert kind.effect


def test_the_direction_of_benefit_turns_the_p_value(named):
    kind, outcome = named
    one = kind(outcome, better=Better.MORE, sided=1, stratum=NO_STRATA)
    other = kind(swapped(outcome), better=Better.FEWER, sided=1, stratum=NO_STRATA)
    np.testing.assert_allclose(one.p_value, other.p_value, atol=1e-9)


def test_two_sided_p_values_know_no_direction(named):
    kind, outcome = named
    one = kind(outcome, better=Better.MORE, sided=2, stratum=NO_STRATA)
    other = kind(outcome, better=Better.FEWER, sided=2, stratum=NO_STRATA)
    np.testing.assert_array_equal(one.p_value, other.p_value)
    less = kind(outcome, better=Better.FEWER, sided=1, stratum=NO_STRATA).p_value
    more = kind(outcome, better=Better.MORE, sided=1, stratum=NO_STRATA).p_value
    assert np.all(one.p_value >= np.minimum(less, more) - 1e-12)


def test_without_anything_to_compare_nothing_is_significant(named):
    kind, outcome = named
    parts = {name: getattr(outcome, name) for name in type(outcome).__dataclass_fields__}
    parts["arm"] = np.ones(SHAPE, dtype=np.int8)
    verdict = kind(type(outcome)(**parts), better=Better.MORE, sided=1, stratum=NO_STRATA)
    assert np.all(verdict.undefined)
    assert np.all(verdict.p_value == 1)


def test_logrank_is_the_one_of_the_analysis_stratified_where_there_are_strata(survival):
    stratum = stream(SEED, "strata").integers(0, 3, size=SHAPE)
    for strata, given in ((NO_STRATA, None), (stratum, stratum)):
        direct = logrank(survival.time, survival.event, survival.arm, stratum=given)
        fewer = TESTS["logrank"](survival, better=Better.FEWER, sided=1, stratum=strata)
        np.testing.assert_array_equal(fewer.p_value, direct.p_less)
        model = cox(survival.time, survival.event, survival.arm, stratum=given)
        np.testing.assert_allclose(fewer.estimate, model.estimate, atol=1e-8)
        np.testing.assert_allclose(fewer.standard_error, model.standard_error, rtol=1e-4)
        by_name = TESTS["peto"](survival, better=Better.FEWER, sided=1, stratum=strata)
        np.testing.assert_array_equal(by_name.p_value, direct.p_less)
        np.testing.assert_array_equal(by_name.estimate, direct.estimate)


def test_a_better_arm_has_a_small_p_value_in_its_own_direction():
    arm = np.tile(np.array([0, 1], dtype=np.int8), (1, 50))
    time = np.where(arm == 1, 2.0, 1.0) + np.arange(100) / 1000
    time[0, :2] = time[0, 1::-1]  # else there is no finite hazard ratio
    outcome = SurvivalOutcome(time=time, event=np.ones((1, 100), dtype=bool), arm=arm)
    test = TESTS["logrank"]
    later = test(outcome, better=Better.FEWER, sided=1, stratum=np.zeros((1, 100), dtype=np.intp))
    assert later.p_value[0] < 1e-6
    assert later.estimate[0] < 0
    worse = test(outcome, better=Better.MORE, sided=1, stratum=np.zeros((1, 100), dtype=np.intp))
    assert worse.p_value[0] > 1 - 1e-6


@pytest.mark.parametrize("name", ["logrank", "cox", "max_combo", "cochran_mantel_haenszel"])
def test_few_replicates_say_the_same_alone_and_together(name, outcomes):
    kind = TESTS[name]
    outcome = outcomes[kind.outcome]
    whole = kind(outcome, better=Better.MORE, sided=1, stratum=NO_STRATA)
    everything = {name: getattr(outcome, name) for name in type(outcome).__dataclass_fields__}
    parts = {name: part[2:3] for name, part in everything.items() if part is not None}
    alone = kind(type(outcome)(**parts), better=Better.MORE, sided=1, stratum=NO_STRATA[2:3])
    np.testing.assert_allclose(alone.p_value, whole.p_value[2:3], atol=1e-9)


@pytest.mark.parametrize(
    "name", [n for n, kind in plain_tests().items() if "margin" in kind.optional]
)
def test_a_margin_makes_it_easier_not_to_be_worse(name, outcomes):
    kind = TESTS[name]
    outcome = outcomes[kind.outcome]
    ratio = kind.margin == 1.0
    for better, lenient in ((Better.MORE, 0.7), (Better.FEWER, 1.4)):
        eased = kind.with_parameters({"margin": lenient if ratio else 0.2})
        ask = {"better": better, "sided": 1, "stratum": NO_STRATA}
        easy, hard = eased(outcome, **ask), kind(outcome, **ask)
        assert np.all(easy.p_value < hard.p_value)
        np.testing.assert_array_equal(easy.estimate, hard.estimate)
    with pytest.raises(ValueError, match=r"margin=-0\.1"):
        kind.with_parameters({"margin": -0.1})


def test_a_test_beyond_its_margin_is_significant_where_the_interval_excludes_it(outcomes):
    """Wald: the two-sided 95 % interval lies above -margin exactly where p <= 0.025."""
    kind = TESTS["survival_difference"]
    test = kind.with_parameters({"at": 0.5, "margin": 0.3})
    verdict = test(outcomes[SurvivalOutcome], better=Better.FEWER, sided=1, stratum=NO_STRATA)
    np.testing.assert_array_equal(verdict.lower > -0.3, verdict.p_value < 0.025)
    assert 0 < np.mean(verdict.lower > -0.3) < 1


@pytest.mark.parametrize(
    ("name", "values"),
    [("fleming_harrington", {"rho": -1.0}), ("magirr_burman", {"until": 0.0})],
)
def test_parameters_out_of_range_are_refused(name, values):
    with pytest.raises(ValueError, match=next(iter(values))):
        TESTS[name].with_parameters(values)


def test_unweighted_fleming_harrington_is_the_logrank_test(survival):
    plain = TESTS["fleming_harrington"].with_parameters({"rho": 0.0, "gamma": 0.0})
    ask = {"better": Better.FEWER, "sided": 1, "stratum": NO_STRATA}
    expected = TESTS["logrank"](survival, **ask)
    np.testing.assert_allclose(plain(survival, **ask).p_value, expected.p_value, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "plain"),
    [("fine_gray", "cox"), ("subdistribution_logrank", "logrank")],
)
def test_without_competing_events_a_subdistribution_is_the_distribution(
    name, plain, survival, rivals
):
    ask = {"better": Better.FEWER, "sided": 1, "stratum": NO_STRATA}
    expected = TESTS[plain](survival, **ask)
    np.testing.assert_allclose(TESTS[name](survival, **ask).p_value, expected.p_value)
    assert np.all(TESTS[name](rivals, **ask).p_value != expected.p_value)
    np.testing.assert_array_equal(TESTS[plain](rivals, **ask).p_value, expected.p_value)


def test_competing_events_lower_the_incidence_that_is_compared(survival, rivals):
    ask = {"better": Better.FEWER, "sided": 1, "stratum": NO_STRATA}
    found = TESTS["incidence_difference"](rivals, **ask)
    unaware = TESTS["incidence_difference"](survival, **ask)
    free = TESTS["survival_difference"](survival, **ask)
    np.testing.assert_allclose(unaware.estimate, -free.estimate, atol=1e-12)
    assert np.any(np.abs(found.estimate - unaware.estimate) > 0.01)


def test_ancova_without_baseline_or_strata_is_the_t_test_and_strata_adjust(number):
    ask = {"better": Better.MORE, "sided": 1}
    bare = NumberOutcome(values=number.values, included=number.included, arm=number.arm)
    ancova, t_test = TESTS["ancova"], TESTS["t_test"]
    expected = t_test(bare, **ask, stratum=NO_STRATA)
    np.testing.assert_allclose(ancova(bare, **ask, stratum=NO_STRATA).p_value, expected.p_value)
    stratum = stream(SEED, "strata").integers(0, 2, size=SHAPE)
    strata = ancova(bare, **ask, stratum=stratum)
    assert np.all(strata.p_value != expected.p_value)
    adjusted = ancova(number, **ask, stratum=NO_STRATA)
    assert np.all(adjusted.standard_error < expected.standard_error)


def mean_z(values, arm):
    a, b = values[arm == 1], values[arm == 0]
    return (a.mean() - b.mean()) / np.sqrt(a.var(ddof=1) / a.size + b.var(ddof=1) / b.size)


def test_a_plain_function_sees_the_analyzed_patients_of_one_trial_after_the_other(number):
    verdict = FromZ(function=mean_z)(number, better=Better.MORE, sided=1, stratum=NO_STRATA)
    welch = TESTS["welch"](number, better=Better.MORE, sided=1, stratum=NO_STRATA)
    t = welch.estimate / welch.standard_error
    from scipy.stats import norm

    np.testing.assert_allclose(verdict.p_value, norm.sf(t), rtol=1e-9)
    assert np.all(np.isnan(verdict.estimate))


def test_a_plain_function_s_nan_is_undefined_and_never_significant(outcomes):
    for kind, answer in ((FromZ, "p"), (FromP, "z")):
        for outcome in (outcomes[SurvivalOutcome], outcomes[CountOutcome]):
            test = kind(function=lambda *_: np.nan)
            verdict = test(outcome, better=Better.MORE, sided=1, stratum=NO_STRATA)
            assert verdict.undefined.all(), answer
            assert (verdict.p_value == 1).all()


def test_a_plain_function_s_p_value_is_taken_as_it_is_and_checked(binary):
    def ask(value):
        test = FromP(function=lambda *_: value)
        return test(binary, better=Better.MORE, sided=1, stratum=NO_STRATA)

    assert np.all(ask(0.03).p_value == 0.03)
    with pytest.raises(ValueError, match=r"p=1\.5"):
        ask(1.5)


@pytest.mark.parametrize("returned", [None, "significant", (0.1, 0.2), {"p": 0.1}])
def test_a_test_of_ones_own_that_returns_no_number_is_told_so(returned):
    outcome = NumberOutcome(
        values=np.ones((1, 4)), included=np.ones((1, 4), dtype=bool), arm=np.array([[0, 0, 1, 1]])
    )
    test = FromZ(function=lambda *_: returned)
    with pytest.raises(ValueError, match=r"your test returned .* not one number"):
        test(outcome, better=Better.MORE, sided=1, stratum=NO_STRATA)


def test_a_plain_function_cannot_take_a_hierarchy(hierarchy):
    with pytest.raises(ValueError, match="hierarchy"):
        FromZ(function=mean_z)(hierarchy, better=Better.MORE, sided=1, stratum=NO_STRATA)


@pytest.mark.parametrize(
    "name", ["miettinen_nurminen", "survival_difference", "incidence_difference"]
)
def test_shares_differ_by_less_than_a_margin_of_one(name):
    assert TESTS[name].with_parameters({"margin": 0.99}) is not None
    with pytest.raises(ValueError, match="below 1"):
        TESTS[name].with_parameters({"margin": 1.0})


def test_a_parameter_out_of_range_leaves_a_test_to_check_the_rest_with():
    assert TESTS["cox"].stand_in({"margin": 1.3}).margin == 1.3
    assert TESTS["cox"].stand_in({"margin": -1.0}) == TESTS["cox"]


def test_every_test_that_is_named_says_by_what_it_estimates():
    assert all(kind.estimated_by for kind in TESTS.values())
    assert "one step" in TESTS["peto"].estimated_by
    assert TESTS["logrank"].estimated_by == TESTS["cox"].estimated_by


@pytest.mark.parametrize("name", plain_tests())
def test_every_number_of_a_test_is_a_parameter_that_files_may_give(name):
    kind = plain_tests()[name]
    assert {one.name for one in fields(kind) if one.type == "float"} == set(kind.parameters)
