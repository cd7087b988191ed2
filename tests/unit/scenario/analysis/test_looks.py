"""Looks of a scenario: when they happen, their bounds, what is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from lupusim.analysis.group_sequential import (
    BetaSpending,
    BySpending,
    DriftBelief,
    EfficacyAt,
    EfficacyBounds,
    FutilityBounds,
    HaybittlePeto,
    HwangShihDeCani,
    KimDeMets,
    LanDeMetsOBrienFleming,
    LanDeMetsPocock,
    UserSpending,
    WangTsiatis,
    z_from_p_value,
)
from lupusim.analysis.group_sequential.probability_bounds import (
    ConditionalPower,
    PosteriorEfficacy,
    PredictivePower,
    WithFutility,
)
from lupusim.analysis.group_sequential.spending import SPENDINGS
from lupusim.analysis.group_sequential.stopping import GroupSequential, WithEffects
from lupusim.errors import ScenarioError
from lupusim.scenario import load_scenario, scenario_from_mapping
from lupusim.scenario.document.yaml_reader import parse_document
from lupusim.trial import (
    AfterLastPatient,
    AfterPatients,
    AtCalendarTime,
    AtEvents,
    Trial,
    WhenAll,
    WhenAny,
)
from lupusim.trial.looks import AtEventsOf, Limited

SURVIVAL = parse_document(load_scenario("survival_200_events").text, "s", ScenarioError).content
RESPONSE = parse_document(load_scenario("phase2_remission_52w").text, "r", ScenarioError).content


def trial(looks: list[dict[str, Any]], base: dict[str, Any] = SURVIVAL, **changes: Any) -> Trial:
    content = {**base, "looks": looks, **changes}
    content.pop("vary", None)
    return scenario_from_mapping(content).points[0].trial


def stopping(looks: list[dict[str, Any]], **changes: Any) -> GroupSequential:
    rule = trial(looks, **changes).stopping
    assert isinstance(rule, GroupSequential)
    return rule


def problems(looks: list[dict[str, Any]], base: dict[str, Any] = SURVIVAL) -> dict[str, str]:
    with pytest.raises(ScenarioError) as caught:
        trial(looks, base)
    return {p.key: p.fault for p in caught.value.problems}


FINAL = {"when": {"events": 200}}
EFFICACY = {"efficacy": {"spending": "obrien_fleming"}}


@pytest.mark.parametrize(
    ("when", "cutoff"),
    [
        ({"events": 67}, AtEvents(events=67)),
        ({"information": 0.5}, AtEvents(events=100)),
        ({"calendar_time": "24 months"}, AtCalendarTime(time=2.0)),
        ({"last_patient": "6 months"}, AfterLastPatient(follow_up=0.5)),
        ({"patients": 40}, AfterPatients(patients=40)),
        ({"patients": 40, "followed": "1 year"}, AfterPatients(patients=40, follow_up=1.0)),
        (
            {"all": [{"events": 50}, {"calendar_time": "1 year"}]},
            WhenAll(conditions=(AtEvents(events=50), AtCalendarTime(time=1.0))),
        ),
        (
            {"any": [{"events": 50}, {"patients": 9}]},
            WhenAny(conditions=(AtEvents(events=50), AfterPatients(patients=9))),
        ),
    ],
)
def test_a_look_can_be_timed_by_every_clock(when: dict[str, Any], cutoff: object) -> None:
    assert trial([{"when": when, **EFFICACY}, FINAL]).interims == (cutoff,)


@pytest.mark.parametrize(
    ("when", "cutoff"),
    [
        ({"events": 30, "arm": "experimental"}, AtEventsOf(events=30, arm=1)),
        ({"events": 30, "arm": "control", "endpoint": "survival"}, AtEventsOf(events=30, arm=0)),
        ({"events": 30, "endpoint": "worse"}, AtEventsOf(events=30, endpoint=1)),
        (
            {"events": 30, "latest": "2 years", "extension": "6 months"},
            Limited(clock=AtEvents(events=30), latest=2.0, extension=0.5),
        ),
        ({"information": 0.5, "latest": "1 year"}, Limited(clock=AtEvents(events=100), latest=1.0)),
    ],
)
def test_a_look_can_wait_for_named_events_and_no_longer_than_to_a_date(
    when: dict[str, Any], cutoff: object
) -> None:
    second = {"name": "worse", "kind": "time_to_event", "events": ["death"]}
    endpoints = {"primary": {"kind": "survival"}, "secondary": [second]}
    last = {"when": {"events": 200, "gap": "3 months", "latest": "5 years"}}
    design = trial([{"when": when, **EFFICACY}, last], endpoints=endpoints)
    assert design.interims == (cutoff,)
    assert design.cutoff == Limited(clock=AtEvents(events=200), gap=0.25, latest=5.0)


def test_information_of_a_response_counts_patients_whose_visit_is_due() -> None:
    looks = [{"when": {"information": 0.5}, **EFFICACY}, {"when": {"information": 1.0}}]
    design = trial(looks, RESPONSE, sample_size=61)
    assert design.interims == (AfterPatients(patients=31, follow_up=design.primary.at),)
    assert design.cutoff == AfterLastPatient(follow_up=design.follow_up)


@pytest.mark.parametrize(
    ("efficacy", "rule"),
    [
        ({"spending": "obrien_fleming"}, BySpending(spending=LanDeMetsOBrienFleming())),
        ({"spending": "pocock"}, BySpending(spending=LanDeMetsPocock())),
        (
            {"spending": "hwang_shih_decani", "gamma": -4},
            BySpending(spending=HwangShihDeCani(gamma=-4.0)),
        ),
        ({"spending": "kim_demets", "rho": 3}, BySpending(spending=KimDeMets(rho=3.0))),
        ({"haybittle_peto": 3}, HaybittlePeto(bound=3.0)),
        ({"wang_tsiatis": 0.25}, WangTsiatis(delta=0.25)),
    ],
)
def test_every_efficacy_rule_can_be_named(efficacy: dict[str, Any], rule: object) -> None:
    looks = [{"when": {"events": 100}, "efficacy": efficacy}, {**FINAL, "efficacy": efficacy}]
    assert stopping(looks).efficacy == rule


@pytest.mark.parametrize(
    ("bounds", "rule"),
    [
        ([{"z": 3.0}, {}, {}], EfficacyBounds(z=(3.0, math.inf))),
        ([{"p": 0.001}, {"z": 2.8}, {}], EfficacyBounds(z=(z_from_p_value(0.001), 2.8))),
        (
            [{"z": 2.8}, {"z": 2.6}, {"p": 0.02}],
            EfficacyBounds(z=(2.8, 2.6), last=z_from_p_value(0.02)),
        ),
        (
            [{"spending": {"0.5": 0.001, "1": 0.025}}] * 3,
            BySpending(spending=UserSpending(fraction=(0.5, 1.0), share=(0.04, 1.0))),
        ),
        (
            [{"spending": {0.5: 0.001, 1: 0.025}}] * 3,
            BySpending(spending=UserSpending(fraction=(0.5, 1.0), share=(0.04, 1.0))),
        ),
    ],
)
def test_efficacy_bounds_can_be_given_one_by_one(
    bounds: list[dict[str, Any]], rule: object
) -> None:
    looks = [
        {"when": {"events": n}} | ({"efficacy": bound} if bound else {})
        for n, bound in zip((67, 134, 200), bounds, strict=True)
    ]
    assert stopping(looks).efficacy == rule


def test_the_p_of_a_two_sided_bound_has_two_sides() -> None:
    analysis = {"test": "logrank", "alpha": 0.05, "sided": 2}
    looks = [{"when": {"events": 100}, "efficacy": {"p": 0.01}}, FINAL]
    assert stopping(looks, analysis=analysis).efficacy == EfficacyBounds(
        z=(float(z_from_p_value(0.005)),)
    )


def test_bounds_can_be_on_the_scale_of_the_estimate() -> None:
    first = {"efficacy": {"spending": "pocock", "effect": -0.3}, "futility": {"effect": 0.0}}
    second = {"futility": {"effect": -0.1}}
    looks = [{"when": {"events": 67}, **first}, {"when": {"events": 134}, **second}, FINAL]
    rule = trial(looks).stopping
    assert isinstance(rule, WithEffects)
    assert (rule.least, rule.futile, rule.sign) == ({1: -0.3}, {1: 0.0, 2: -0.1}, -1)
    assert isinstance(rule.rule, GroupSequential)
    looks[1] = {"when": {"events": 134}, "futility": {"p": 0.5}}
    rule = trial(looks).stopping
    assert isinstance(rule, WithEffects)
    assert isinstance(rule.rule, GroupSequential)
    assert rule.rule.futility == FutilityBounds(z=(-math.inf, 0.0))


def test_a_ratio_in_the_place_of_its_logarithm_is_told() -> None:
    bound = {"efficacy": {"spending": "pocock", "effect": 0.7}, "futility": {"effect": 1.0}}
    looks = [{"when": {"events": 67}, **bound}, FINAL]
    found = problems(looks)
    for name in ("efficacy", "futility"):
        assert "estimates are of the log hazard ratio" in found[f"looks.0.{name}.effect"]
    base = {**SURVIVAL, "analysis": {"test": "cox", "margin": 1.3}}
    margin = {"efficacy": {"spending": "pocock", "effect": 0.2}}
    assert trial([{"when": {"events": 67}, **margin}, FINAL], base).stopping is not None


def test_bounds_do_not_cross() -> None:
    bound = {"efficacy": {"z": 2.4}, "futility": {"z": 2.5}}
    looks = [{"when": {"events": 67}, **bound}, FINAL]
    assert "gives up below z = 2.5, and succeeds above 2.4" in problems(looks)["looks.0.futility"]
    bound["futility"]["z"] = 2.4
    assert trial(looks).stopping is not None


def test_more_time_is_better_where_fewer_events_are() -> None:
    analysis = {"test": "restricted_mean", "until": "2 years", "alpha": 0.025}
    looks = [{"when": {"events": 67}, **EFFICACY, "futility": {"effect": 0.0}}, FINAL]
    rule = trial(looks, analysis=analysis).stopping
    assert isinstance(rule, WithEffects)
    assert rule.sign == 1


@pytest.mark.parametrize(
    ("bounds", "key", "words"),
    [
        ({"efficacy": {"z": 3, "p": 0.1}}, "looks.0.efficacy", "others a rule"),
        ({"efficacy": {"z": -1}}, "looks.0.efficacy", "above 0"),
        ({"efficacy": {"p": 1.5}}, "looks.0.efficacy.p", "1.5"),
        ({"efficacy": {"p": 0.03}}, "looks.0.efficacy", "the bounds spend 0.03"),
        ({"efficacy": {"effect": -0.3}}, "looks.0.efficacy", "one rule is needed"),
        (
            {"efficacy": {"spending": {"0.5": 0.01, "0.4": 0.025}}},
            "looks.0.efficacy.spending",
            "do not rise",
        ),
        ({"efficacy": {"spending": {"1.5": 0.025}}}, "looks.0.efficacy.spending", "do not rise"),
        ({"efficacy": {"spending": {}}}, "looks.0.efficacy.spending", "do not rise"),
        ({"efficacy": {"spending": {"half": 0.02}}}, "looks.0.efficacy.spending", "no number"),
        (
            {"efficacy": {"spending": {"0.5": 0.03, "1": 0.025}}},
            "looks.0.efficacy.spending",
            "falls",
        ),
        ({"efficacy": {"spending": {"1": 0.05}}}, "looks.0.efficacy.spending", "0.05 is spent"),
        (
            {"futility": {"spending": {"1": 0.2}, "beta": 0.1}},
            "looks.0.futility.spending",
            "beta is 0.1",
        ),
    ],
)
def test_bounds_that_do_not_add_up_are_refused(
    bounds: dict[str, Any], key: str, words: str
) -> None:
    found = problems([{"when": {"events": 50}, **bounds}, FINAL])
    assert key in found, found
    assert words in found[key]


@pytest.mark.parametrize(
    ("sided", "least"),
    [(1, 1.97), (2, 1.68)],  # the smallest hundredth whose look alone spends less than alpha
)
def test_a_constant_that_leaves_no_alpha_is_refused_with_the_least_that_does(
    sided: int, least: float
) -> None:
    analysis = {"test": "logrank", "alpha": 0.025 if sided == 1 else 0.0949, "sided": sided}
    base = {**SURVIVAL, "analysis": analysis}
    look = {"when": {"events": 100}, "efficacy": {"haybittle_peto": round(least - 0.02, 2)}}
    with pytest.raises(ScenarioError, match=f"Give at least {least:.2f}; 3 is usual"):
        trial([look, FINAL], base)
    look["efficacy"] = {"haybittle_peto": least}
    assert trial([look, FINAL], base).stopping is not None


def test_a_constant_that_leaves_no_alpha_is_computed_over_all_interim_looks() -> None:
    constant = {"efficacy": {"haybittle_peto": 2.0}}  # one such look would leave some
    looks = [{"when": {"events": n}, **constant} for n in (67, 134)]
    assert "the last look could never succeed" in next(iter(problems([*looks, FINAL]).values()))
    skipped = [looks[0], {"when": {"events": 134}}, {**FINAL, **constant}]
    assert trial(skipped).stopping is not None


def test_a_beta_that_leaves_no_more_power_than_alpha_is_refused() -> None:
    futility = {"futility": {"spending": "pocock", "beta": 0.99}}
    found = problems([{"when": {"events": 100}, **EFFICACY, **futility}, FINAL])
    assert "leaves power 0.01, no more than alpha" in found["looks.0.futility.beta"]


@pytest.mark.parametrize("name", ["gap", "latest", "extension"])
def test_a_limit_beside_when_is_told_where_it_stands(name: str) -> None:
    found = problems([{"when": {"events": 50}, name: "3 months", **EFFICACY}, FINAL])
    assert found == {f"looks.0.{name}": "it stands inside 'when'"}


@pytest.mark.parametrize(
    ("when", "key"),
    [
        ({"events": -3}, "events"),
        ({"patients": 0, "followed": "4 weeks"}, "patients"),
        ({"patients": 10, "followed": "-4 weeks"}, "followed"),
    ],
)
def test_a_count_below_one_is_told_with_its_key(when: dict[str, Any], key: str) -> None:
    assert f"looks.0.when.{key}" in problems([{"when": when, **EFFICACY}, FINAL])


def test_bounds_that_spend_too_much_with_the_last_are_refused() -> None:
    looks = [
        {"when": {"events": 100}, "efficacy": {"z": 1.97}},
        {**FINAL, "efficacy": {"z": 1.97}},
    ]
    assert "and alpha is 0.025" in problems(looks)["looks.0.efficacy"]


@pytest.mark.parametrize("bound", [{"z": 0.0}, {"spending": "pocock"}, {"effect": 0.0}])
def test_a_two_sided_test_gives_up_in_no_direction(bound: dict[str, Any]) -> None:
    base = {**SURVIVAL, "analysis": {"test": "logrank", "alpha": 0.05, "sided": 2}}
    found = problems([{"when": {"events": 50}, **EFFICACY, "futility": bound}, FINAL], base)
    assert any("two-sided" in fault for fault in found.values())


def test_futility_by_spending_is_one_rule_for_all_looks() -> None:
    looks = [
        {"when": {"events": n}, "futility": {"spending": "pocock", "beta": beta}}
        for n, beta in ((50, 0.1), (100, 0.2))
    ]
    assert "differ" in problems([*looks, FINAL])["looks.1.futility"]
    looks[1]["futility"] = {"spending": "pocock", "beta": 0.1, "binding": True}
    assert "differ" in problems([*looks, FINAL])["looks.1.futility"]


def test_the_last_look_does_not_give_up_by_its_estimate() -> None:
    looks = [{"when": {"events": 50}, **EFFICACY}, {**FINAL, "futility": {"effect": 0.0}}]
    assert "no futility bound" in problems(looks)["looks.1.futility"]


def test_a_look_without_efficacy_has_no_efficacy_bound() -> None:
    looks = [
        {"when": {"events": 50}, "futility": {"z": 0.0}},
        {"when": {"events": 100}, **EFFICACY},
        FINAL,
    ]
    rule = stopping(looks)
    assert isinstance(rule.efficacy, EfficacyAt)
    assert rule.efficacy.looks == [2, 3]
    assert rule.futility == FutilityBounds(z=(0.0, -math.inf))
    efficacy, futility = rule.bounds(np.array([[0.25, 0.5, 1.0]]))
    assert np.isinf(efficacy[0, 0])
    assert futility[0, 0] == 0.0


def test_futility_by_spending_is_not_binding_unless_it_says_so() -> None:
    futility = {"futility": {"spending": "pocock", "beta": 0.2}}
    rule = stopping([{"when": {"events": 100}, **EFFICACY, **futility}, FINAL])
    assert rule.futility == BetaSpending(beta=0.2, spending=LanDeMetsPocock(), looks=(1,))


def test_alpha_and_sides_are_those_of_the_analysis() -> None:
    analysis = {"test": "logrank", "alpha": 0.05, "sided": 2}
    rule = stopping([{"when": {"events": 100}, **EFFICACY}, FINAL], analysis=analysis)
    assert (rule.alpha, rule.sided) == (0.05, 2)


@pytest.mark.parametrize(
    ("looks", "key", "words"),
    [
        ([{"when": {}}], "looks.0.when", "0 ways"),
        ([{"when": {"events": 9, "patients": 9}}], "looks.0.when", "2 ways"),
        ([{"when": {"events": 50}}, FINAL], "looks", "no analysis with bounds"),
        (
            [{"when": {"events": 50}, "efficacy": {}}, FINAL],
            "looks.0.efficacy",
            "one rule is needed",
        ),
        (
            [{"when": {"events": 50}, **EFFICACY}, {**FINAL, "efficacy": {"spending": "pocock"}}],
            "looks.1.efficacy",
            "differ from those of an earlier look",
        ),
        (
            [{"when": {"events": 50}, **EFFICACY}, {**FINAL, "futility": {"z": 1.0}}],
            "looks.1.futility",
            "no futility bound of its own",
        ),
        (
            [
                {"when": {"events": 50}, "futility": {"z": 0.0}},
                {"when": {"events": 99}, "futility": {"spending": "pocock"}},
                FINAL,
            ],
            "looks.0.futility",
            "others spending",
        ),
        (
            [{"when": {"information": 0.5}, **EFFICACY}, {"when": {"calendar_time": "3 years"}}],
            "looks.0.when.information",
            "waits for a number of events",
        ),
        (
            [{"when": {"events": 50}, "efficacy": {"spending": "obrian_fleming"}}, FINAL],
            "looks.0.efficacy.spending",
            "obrian_fleming",
        ),
    ],
)
def test_what_cannot_be_is_refused(looks: list[dict[str, Any]], key: str, words: str) -> None:
    found = problems(looks)
    assert key in found, found
    assert words in found[key]


@pytest.mark.parametrize(
    ("when", "key", "words"),
    [
        ({"events": 9, "arm": "experimentl"}, "looks.0.when.arm", "choices"),
        ({"events": 9, "endpoint": "relapse"}, "looks.0.when.endpoint", "choices"),
        ({"calendar_time": "1 year", "arm": "control"}, "looks.0.when.arm", "no such key"),
        ({"events": 9, "extension": "1 year"}, "looks.0.when", "needs a latest date"),
        ({"events": 9, "gap": "1 year"}, "looks.0.when.gap", "no look before"),
        ({"information": 1, "latest": "1 year"}, "looks.0.when", "all the information"),
        ({"calendar_time": "1 year", "latest": "2 years"}, "looks.0.when.latest", "a date already"),
        ({"any": [{"events": 9, "gap": "1 year"}]}, "looks.0.when.any.0.gap", "no such key"),
        ({"events": 151, "arm": "control"}, "looks.0.when", "150 patients of that arm"),
        ({}, "looks.0.when", "0 ways"),
    ],
)
def test_clocks_and_limits_that_contradict_themselves_are_refused(
    when: dict[str, Any], key: str, words: str
) -> None:
    found = problems([{"when": when, **EFFICACY}, FINAL])
    assert key in found, found
    assert words in found[key]


def test_bounds_by_what_is_likely_can_be_named() -> None:
    prior = {"mean": 0.5, "sd": 2}
    looks = [
        {
            "when": {"events": 100},
            "efficacy": {"posterior": 0.99, "prior": prior},
            "futility": {"predictive_power": 0.1, "prior": prior},
        },
        FINAL,
    ]
    belief = DriftBelief(mean=0.5, sd=2.0)
    assert trial(looks).stopping == WithFutility(
        rule=PosteriorEfficacy(probability=0.99, looks=(1, 2), belief=belief),
        measure=PredictivePower(belief=belief),
        levels={1: 0.1},
    )
    looks[0] = {**EFFICACY, "when": {"events": 100}, "futility": {"conditional_power": 0.2}}
    rule = trial(looks).stopping
    assert isinstance(rule, WithFutility)
    assert rule.measure == ConditionalPower(drift=None)
    assert isinstance(rule.rule, GroupSequential)


@pytest.mark.parametrize(
    ("looks", "key", "words"),
    [
        (
            [{"when": {"events": 50}, "efficacy": {"posterior": 1.5}}, FINAL],
            "looks.0.efficacy.posterior",
            "1.5",
        ),
        (
            [{"when": {"events": 50}, "futility": {"posterior": 0.1, "z": 0}}, FINAL],
            "looks.0.futility.z",
            "no such key",
        ),
        (
            [
                {"when": {"events": 50}, "futility": {"posterior": 0.1}},
                {"when": {"events": 99}, "futility": {"z": 0.0}},
                FINAL,
            ],
            "looks.1.futility",
            "different measures",
        ),
        (
            [{"when": {"events": 50}, **EFFICACY}, {**FINAL, "futility": {"posterior": 0.1}}],
            "looks.1.futility",
            "does not give up",
        ),
        (
            [
                {"when": {"events": 50}, "efficacy": {"posterior": 0.9}, "futility": {"z": 0.0}},
                FINAL,
            ],
            "looks.0",
            "posterior probability",
        ),
        ([{"when": {"events": 301}, **EFFICACY}, FINAL], "looks.0.when", "can never happen"),
        ([{"when": {"events": 200}, **EFFICACY}, FINAL], "looks.1.when", "after the one before"),
        (
            [{"when": {"all": [{"patients": 999}, {"events": 9}]}, **EFFICACY}, FINAL],
            "looks.0.when",
            "only 300 patients come",
        ),
    ],
)
def test_what_is_not_likely_or_never_is_refused(
    looks: list[dict[str, Any]], key: str, words: str
) -> None:
    found = problems(looks)
    assert key in found, found
    assert words in found[key]


@pytest.mark.parametrize(("sided", "alpha"), [(1, 0.5), (1, 0.7), (2, 1 - 1e-9)])
@pytest.mark.parametrize("bound", [{"haybittle_peto": 3}, {"z": 3.0}, {"spending": "pocock"}])
def test_looks_need_a_level_that_leaves_a_bound(
    sided: int, alpha: float, bound: dict[str, Any]
) -> None:
    base = {**SURVIVAL, "analysis": {"test": "logrank", "alpha": alpha, "sided": sided}}
    looks = [{"when": {"events": 100}, "efficacy": bound}, FINAL]
    if sided == 1:
        assert "no bound above z = 0" in problems(looks, base)["analysis.alpha"]
    else:
        assert trial(looks, base).interims


def test_a_look_that_one_of_its_clocks_reaches_can_happen() -> None:
    when = {"any": [{"patients": 999}, {"calendar_time": "1 year"}]}
    assert len(trial([{"when": when, **EFFICACY}, FINAL]).interims) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Late:
    """Spend nothing up to a fraction, then in proportion."""

    start: float

    def spent(self, fraction: np.ndarray, error: np.ndarray) -> np.ndarray:
        return error * np.maximum(fraction - self.start, 0.0) / (1 - self.start)


def test_a_spending_function_that_registers_is_named_in_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SPENDINGS._found, "late", _Late)
    looks = [
        {"when": {"events": 100}, "efficacy": {"spending": "late", "start": 0.5}},
        {"when": {"events": 150}, "efficacy": {"spending": "late", "start": 0.5}},
        {"when": {"events": 200}},
    ]
    rule = trial(looks).stopping
    assert isinstance(rule, GroupSequential)
    efficacy = rule.bounds(np.array([[0.5, 0.75, 1.0]]))[0][0]
    assert np.isinf(efficacy[0])
    assert efficacy[1] == pytest.approx(float(z_from_p_value(0.0125)))
