"""Adaptive rules and families of hypotheses, each in sentences that a protocol can take over."""

from dataclasses import replace

import pytest

import lupusim
from lupusim.analysis.group_sequential import FutilityBounds
from lupusim.analysis.multiplicity.procedures import (
    PROCEDURES,
    Adjusted,
    Dunnett,
    Graphical,
    sequential_graph,
)
from lupusim.report.words import what_it_means
from lupusim.report.words.rules import rules_of_trial
from lupusim.scenario.files.scenario import scenario_from_mapping
from lupusim.simulation.adaptation import (
    ADAPTATIONS,
    BayesianResponse,
    BlindedSize,
    ByDifference,
    ByThresholds,
    Enrichment,
    Gate,
    GateMeasure,
    PromisingZone,
    SelectArms,
    Shares,
)
from lupusim.trial.adaptation.base import Facts
from lupusim.trial.multiplicity import GivesUp
from paragraphs import paragraph_of
from tolerance import SEED

NAMES = ("remission", "flares", "steroids")


def trial_of(name, **changes):
    return replace(lupusim.load_scenario(name).points[0].trial, **changes)


def said_of(rule, name="two_rates"):
    return " ".join(rule.in_words(trial_of(name)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("regimen_selection", "3 experimental arms are compared by their z of the low disease"),
        ("regimen_selection", "squared weights fixed beforehand (0.5 and 0.5)"),
        ("regimen_selection", "tested by Dunnett's test"),
        ("ln_enrichment", "patients with history relapsed alone if their conditional power"),
        ("ln_enrichment", "tested by Spiessens and Debois' test"),
        ("regimen_adaptive", "beta(0.5, 0.5) prior"),
        ("regimen_adaptive", "exceeds that of placebo is 0.9975 or more, and is dropped if it is"),
        ("regimen_adaptive", "Success if an arm succeeds by this rule."),
        ("platform_regimens", "Arm once closes once it has 120 patients. Arm twice joins in month"),
        ("platform_regimens", "compared with the controls randomized while it was open"),
        ("phase3_bicla_52w", "BICLA at week 52, LLDAS, DORIS, BILAG flares"),
        ("smart_msc_then_cart", "Holm's procedure holds the family-wise error of 3 hypotheses"),
    ],
)
def test_check_says_what_a_packaged_trial_changes_and_holds(name, words):
    assert words in what_it_means(lupusim.load_scenario(name))


def test_check_and_report_say_the_same():
    scenario = lupusim.load_scenario("regimen_selection")
    (point, *_) = lupusim.run(scenario, 4, seed=SEED).points
    said = list(rules_of_trial(point.trial))
    assert len(said) == 2
    for sentence in said:
        assert sentence in paragraph_of(point)
        assert sentence in what_it_means(scenario)


def test_a_trial_that_goes_as_planned_has_no_rules():
    assert list(rules_of_trial(trial_of("two_rates"))) == []


def test_every_rule_has_words_of_its_own():
    assert all(ADAPTATIONS[kind].in_words is not Facts.in_words for kind in ADAPTATIONS)


def test_a_rule_of_a_plug_in_is_named_with_its_numbers():
    class Mine(Facts):
        def __repr__(self):
            return "Mine(threshold=3)"

    assert list(Mine().in_words(None)) == [
        "While it runs, the trial follows the rule Mine(threshold=3)."
    ]


def test_a_promising_zone_says_its_limits_and_what_it_counts():
    rule = PromisingZone(planned=60, least=0.36, power=0.8)
    assert "lies between 36 % and 80 %, the last analysis waits for as many patients" in said_of(
        rule
    )
    assert "at most 100; otherwise for the 60 planned" in said_of(rule)
    assert "as many events as" in said_of(rule, "survival_three_looks")
    assert "at most 200;" in said_of(rule, "survival_three_looks")


def test_a_blinded_size_says_its_difference():
    words = said_of(BlindedSize(planned=60, difference=0.25, power=0.9))
    assert "a difference of 25 percentage points needs for a power of 90 %" in words
    assert "at least 60 and at most 100" in words


def test_arms_within_a_margin_and_early_proof_are_told():
    rule = SelectArms(epsilon=0.5, at_least=0.0, weights=None, early_alpha=0.001)
    words = said_of(rule, "regimen_selection")
    assert "those go on that are within 0.5 of the best and no arm goes on whose z" in words
    assert "their places stay empty" in words
    assert "(the planned shares of the information)" in words
    assert "at level 0.001; the last analysis has what is left" in words


def test_a_choice_of_population_is_told_by_its_rule():
    by_z = ByDifference(difference=1.0, at_least=0.2)
    words = said_of(Enrichment(factor="history", level="relapsed", choice=by_z))
    assert "exceeds that of the full population by 1 or more, otherwise everybody" in words
    assert "If the larger of both z is below 0.2, the trial stops." in words
    thresholds = ByThresholds(everybody=1.0, subgroup=1.5)
    words = said_of(Enrichment(factor="history", level="relapsed", choice=thresholds))
    assert "everybody if the z of the full population is 1 or more" in words


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        (GateMeasure.Z, "unless the z is 0.3 or more"),
        (GateMeasure.ESTIMATE, "in favor of the treatment) is 0.3 or more"),
        (GateMeasure.POSTERIOR, "posterior probability of a benefit is 0.3 or more"),
    ],
)
def test_a_gate_says_what_must_be_seen_early(measure, words):
    early = trial_of("regimen_selection").adaptation.early
    said = said_of(Gate(early=early, measure=measure, at_least=0.3))
    assert words in said
    assert early.endpoint in said


def test_shares_that_follow_the_posterior_are_told_with_their_limits():
    shares = Shares(power=0.5, grows=True, least=0.1, control=0.25)
    words = said_of(BayesianResponse(shares=shares, success_at_end=0.975), "regimen_adaptive")
    assert "(0.975 at the last look)" in words
    assert "raised to the power 0.5, times the share of the patients who are in by then," in words
    assert "each arm at least 0.1 and at most 1; the control keeps a share of 0.25." in words


@pytest.mark.parametrize("method", PROCEDURES)
def test_every_procedure_names_its_hypotheses(method):
    words = Adjusted(method=method).in_words(NAMES)
    assert words.endswith("remission, flares, steroids.")
    assert method == "fixed_sequence" or "3 hypotheses" in words


@pytest.mark.parametrize("method", ["bonferroni", "holm", "fixed_sequence"])
def test_a_graph_that_is_a_known_procedure_is_called_by_its_name(method):
    graph = Graphical.of(sequential_graph(method, 3, None))
    assert graph.in_words(NAMES).startswith(Adjusted(method=method).in_words(NAMES))
    assert "(Maurer and Bretz 2013)" in graph.in_words(NAMES)


def test_another_graph_tells_its_shares_and_where_they_go():
    graph = Graphical.of(sequential_graph("fallback", 3, [0.5, 0.3, 0.2]))
    words = graph.in_words(NAMES)
    assert "remission starts with 50 %; flares starts with 30 %; steroids starts with 20 %" in words
    assert "from remission 100 % to flares; from flares 100 % to steroids." in words


def test_dunnett_steps_down_or_not():
    assert "stepping down" in Dunnett(ratio=(1, 1, 1, 1)).in_words(NAMES)
    assert "stepping down" not in Dunnett(ratio=(1, 1, 1, 1), steps_down=False).in_words(NAMES)


@pytest.mark.parametrize("whose", list(GivesUp))
def test_a_family_says_which_hypotheses_its_futility_bounds_give_up(whose):
    trial = lupusim.load_scenario("phase3_bicla_52w").points[0].trial
    assert "given up" not in " ".join(rules_of_trial(trial))
    futile = replace(trial.stopping, futility=FutilityBounds(z=[0.0]))
    family = replace(trial.family, gives_up=whose)
    told = " ".join(rules_of_trial(replace(trial, stopping=futile, family=family)))
    assert "is given up where its statistic is not above a look's futility bound" in told
    assert ("of the primary endpoint is given up" in told) == (whose is GivesUp.PRIMARY)


def test_several_arms_say_when_one_of_them_randomizes_nobody_any_more():
    shares = (("control", 0.3), ("low", 0.45), ("high", 0.5))
    content = {
        "schema": "lupusim/scenario/1",
        "title": "two doses, two looks",
        "outcomes": {"response": {"kind": "response", "at": "24 weeks"}},
        "arms": [
            {"name": name, "control": name == "control", "outcomes": {"response": share}}
            for name, share in shares
        ],
        "enrollment": "10 per month",
        "analysis": {"test": "pooled_z", "multiplicity": {"method": "holm"}},
        "looks": [
            {"when": {"patients": 60, "followed": "24 weeks"}, "futility": {"z": 0}},
            {"when": {"last_patient": "24 weeks"}},
        ],
        "sample_size": 120,
    }
    nobody = "An arm of which nothing is left to be shown randomizes nobody from that look on."
    assert nobody in what_it_means(scenario_from_mapping(content))
    assert nobody not in what_it_means(lupusim.load_scenario("phase3_bicla_52w"))
