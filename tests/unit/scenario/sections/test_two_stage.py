"""Selections of arms, enrichments and gates in scenario files."""

from __future__ import annotations

from typing import Any

import pytest

from lupusim import run
from lupusim.analysis.registry import TESTS
from lupusim.errors import ScenarioError
from lupusim.report.run.looks import adaptation_rows
from lupusim.report.run.table import condition
from lupusim.scenario import load_scenario, scenario_from_mapping
from lupusim.scenario.document.yaml_reader import parse_document
from lupusim.simulation.adaptation import (
    ByDifference,
    ByThresholds,
    Enrichment,
    GateMeasure,
    Intersection,
    Judged,
    Measure,
    SelectArms,
)


def content_of(name: str, adaptation: dict[str, Any] | None = None, **changes: Any) -> Any:
    content = parse_document(load_scenario(name).text, name, ScenarioError).content
    kept = {key: value for key, value in content.items() if key != "vary"}
    return {**kept, "adaptation": {**content["adaptation"], **(adaptation or {})}, **changes}


def selection(**given: Any) -> Any:
    content = content_of("regimen_selection")
    return {**content, "adaptation": {"kind": "select_arms", "weights": [0.5, 0.5], **given}}


def enrichment(**given: Any) -> Any:
    content = content_of("ln_enrichment")
    subgroup = {"factor": "history", "level": "relapsed", "weights": [0.5, 0.5]}
    return {**content, "adaptation": {"kind": "enrichment", **subgroup, **given}}


def gate(**given: Any) -> Any:
    content = content_of("regimen_selection")
    early = {"endpoint": "low disease activity at week 12", "test": "pooled_z"}
    adaptation = {"kind": "gate", **early, **given}
    return {**content, "arms": content["arms"][:2], "allocation": {}, "adaptation": adaptation}


def rule(content: Any) -> Any:
    return scenario_from_mapping(content).points[0].trial.adaptation


def problems(content: Any) -> dict[str, str]:
    with pytest.raises(ScenarioError) as caught:
        scenario_from_mapping(content)
    return {p.key: p.fault for p in caught.value.problems}


def test_a_selection_is_read() -> None:
    found = rule(content_of("regimen_selection"))
    assert (found.keep, found.reallocate, found.weights) == (1, True, (0.5, 0.5))
    assert found.early.endpoint == "low disease activity at week 12"
    assert found.early.test is TESTS["pooled_z"]
    within = {"epsilon": 0.1, "by": "estimate", "at_least": -0.5, "intersections": "simes"}
    assert rule(selection(**within)) == SelectArms(
        epsilon=0.1,
        by=Judged.ESTIMATE,
        at_least=-0.5,
        intersections=Intersection.SIMES,
        weights=(0.5, 0.5),
    )


def test_an_enrichment_is_read() -> None:
    assert rule(content_of("ln_enrichment")) == Enrichment(
        factor="history",
        level="relapsed",
        choice=ByThresholds(everybody=0.3, subgroup=0.3, measure=Measure.CONDITIONAL_POWER),
        intersections=Intersection.SPIESSENS_DEBOIS,
        weights=(0.5, 0.5),
    )
    found = rule(enrichment(difference=0.5, at_least=0))
    assert found.choice == ByDifference(difference=0.5, at_least=0.0)
    assert found.intersections is Intersection.SIMES


@pytest.mark.parametrize("measure", list(GateMeasure))
def test_a_gate_is_read(measure: GateMeasure) -> None:
    found = rule(gate(**{measure.value: 0.5}, look=1))
    assert (found.measure, found.at_least, found.look) == (measure, 0.5, 1)
    assert found.early.endpoint == "low disease activity at week 12"


PRIMARY = "low disease activity at week 24"


@pytest.mark.parametrize(
    ("content", "key", "words"),
    [
        (selection(), "adaptation", "nothing says which arms go on"),
        (selection(keep=1, epsilon=0.1), "adaptation", "contradict each other"),
        (selection(keep=7), "adaptation.keep", "more than the 3"),
        (selection(keep=1, by="size"), "adaptation.by", "not one of the choices"),
        (selection(keep=1, intersections="spiessens_debois"), "adaptation.intersections", "choice"),
        (selection(keep=1, weights=[0.5]), "adaptation.weights", "1 weights"),
        (selection(keep=1, weights=[0.5, 0.6]), "adaptation", "sum to 1"),
        (selection(keep=1, on={"endpoint": "x", "test": "pooled_z"}), "adaptation.on.endpoint", ""),
        (
            selection(keep=1, on={"endpoint": PRIMARY, "test": "logrank"}),
            "adaptation.on.test",
            "'logrank' does not test what",
        ),
        (
            selection(keep=1, on={"endpoint": PRIMARY, "test": "cochran_mantel_haenszel"}),
            "adaptation.on.test",
            "needs more than its name",
        ),
        (
            selection(keep=1, on={"endpoint": PRIMARY, "test": "pooled_z"}),
            "adaptation.on",
            "is observed 24 weeks after randomization",
        ),
        (enrichment(), "adaptation", "0 rules"),
        (enrichment(everybody=1, difference=1), "adaptation", "2 rules"),
        (enrichment(difference=1, subgroup=1), "adaptation.subgroup", "needs none"),
        (enrichment(difference="x"), "adaptation.difference", "not a number"),
        (enrichment(everybody=1, subgroup=1, at_least=0), "adaptation.at_least", "when to stop"),
        (enrichment(everybody=1), "adaptation.subgroup", "missing"),
        (
            enrichment(everybody=2, subgroup=1, by="conditional_power"),
            "adaptation.everybody",
            "out of range",
        ),
        (enrichment(difference=1, level="relapse"), "adaptation.level", "no level 'relapse'"),
        (enrichment(difference=1, factor="histories"), "adaptation.factor", "no factor"),
        ({**enrichment(difference=1), "allocation": {}}, "adaptation.factor", "not balanced"),
        (
            {k: v for k, v in enrichment(difference=1).items() if k != "allocation"},
            "adaptation.factor",
            "not balanced",
        ),
        (enrichment(difference=1, early_alpha=0), "adaptation.early_alpha", "out of range"),
        (selection(keep=1, early_alpha=0.5), "adaptation.early_alpha", "leaves nothing"),
        (gate(), "adaptation", "0 thresholds"),
        (gate(z=0, posterior=0.5), "adaptation", "2 thresholds"),
        (gate(posterior=1.5), "adaptation.posterior", "out of range"),
        (gate(z=0, look=3), "adaptation.look", "no interim look 3"),
        (gate(z=0, endpoint=PRIMARY), "adaptation.endpoint", "is observed 24 weeks"),
    ],
)
def test_what_cannot_be_is_refused(content: Any, key: str, words: str) -> None:
    found = problems(content)
    assert key in found, found
    assert words in found[key]


def test_a_rule_that_cannot_be_read_is_the_only_problem_told() -> None:
    assert list(problems(selection(keep=0))) == ["adaptation.keep"]
    assert list(problems(selection(keep=1, weights=[0.5, 0.6]))) == ["adaptation"]
    assert list(problems(content_of("ln_enrichment", {"kind": "enrich"}))) == ["adaptation.kind"]


def test_the_table_says_what_the_interim_look_decided() -> None:
    chosen, marked = (
        run(scenario_from_mapping(content_of(name)), 20)
        for name in ("regimen_selection", "ln_enrichment")
    )
    labels = [label for label, _ in adaptation_rows(chosen.points[0])]
    assert {"goes on, monthly", "proven, once", "patients randomized, placebo"} <= set(labels)
    labels = [label for label, _ in adaptation_rows(marked.points[0])]
    assert {"relapsed alone go on", "proven for relapsed"} <= set(labels)
    assert "msc patients fare as in nephritis-control with the stated effects" in condition(marked)
    stopped = run(scenario_from_mapping(gate(z=0)), 20)
    labels = [label for label, _ in adaptation_rows(stopped.points[0])]
    assert "stopped by the gate (low disease activity at week 12)" in labels
    plain = run(load_scenario("survival_200_events"), 5)
    assert not list(adaptation_rows(plain.points[0]))


def test_arms_without_an_effect_are_told_from_the_others() -> None:
    content = selection(keep=1)
    del content["arms"][1]["effects"]
    result = run(scenario_from_mapping(content), 20)
    labels = [label for label, _ in adaptation_rows(result.points[0])]
    assert "claims for an arm that fares as the control" in labels


def test_blocks_give_the_same_bits_on_any_number_of_processes() -> None:
    scenario = scenario_from_mapping(content_of("ln_enrichment"))
    one, two = (run(scenario, 400, seed=1, n_jobs=jobs).points[0] for jobs in (1, 2))
    assert one.tally.sums == two.tally.sums
