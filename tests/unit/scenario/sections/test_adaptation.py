"""What a trial changes while it runs, in a scenario file."""

from __future__ import annotations

from typing import Any

import pytest

from lupusim import run
from lupusim.errors import ScenarioError
from lupusim.report.run.table import operating_table
from lupusim.scenario import load_scenario, scenario_from_mapping
from lupusim.scenario.document.yaml_reader import parse_document
from lupusim.simulation.adaptation import (
    Against,
    BayesianResponse,
    BlindedSize,
    PromisingZone,
    Shares,
)

SURVIVAL = parse_document(load_scenario("survival_three_looks").text, "s", ScenarioError).content
RESPONSE = parse_document(load_scenario("phase2_remission_52w").text, "r", ScenarioError).content
LOOKS = [{"when": {"information": 0.5}}, {"when": {"information": 1.0}}]
SEEN = {"when": {"all": [{"patients": 31, "followed": "52 weeks"}, {"calendar_time": "1 year"}]}}
BOUNDED = [{**LOOKS[0], "efficacy": {"spending": "obrien_fleming"}}, LOOKS[1]]


def response(adaptation: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
    content = {**RESPONSE, "adaptation": adaptation, "looks": LOOKS, **changes}
    content.pop("vary", None)
    if "analysis" not in changes:
        content.pop("analysis")
    return content


def rule(content: dict[str, Any]) -> object:
    return scenario_from_mapping(content).points[0].trial.adaptation


def problems(content: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ScenarioError) as caught:
        scenario_from_mapping(content)
    return {p.key: p.fault for p in caught.value.problems}


def test_a_bayesian_rule_is_read_with_its_shares() -> None:
    given = {
        "kind": "bayesian_response",
        "success": 0.98,
        "success_at_end": 0.95,
        "drop": 0.05,
        "against": "all",
        "prior": [0.5, 1.5],
        "shares": {"power": 1, "grows": True, "least": 0.1, "most": 0.8, "control": 0.3},
    }
    assert rule(response(given)) == BayesianResponse(
        success=0.98,
        success_at_end=0.95,
        drop=0.05,
        against=Against.ALL,
        prior=(0.5, 1.5),
        shares=Shares(power=1.0, grows=True, least=0.1, most=0.8, control=0.3),
    )
    assert rule(response({"kind": "bayesian_response"})) == BayesianResponse()


def test_sizes_chosen_at_a_look_are_read() -> None:
    zone = {"kind": "promising_zone", "planned": 150, "least": 0.2, "power": 0.8}
    found = rule({**SURVIVAL, "adaptation": zone})
    assert found == PromisingZone(planned=150, least=0.2, power=0.8)
    blinded = {"kind": "blinded_size", "planned": 60, "difference": 0.3}
    analysis = {"test": "pooled_z"}
    found = rule(response(blinded, looks=BOUNDED, analysis=analysis, sample_size=120))
    assert found == BlindedSize(planned=60, difference=0.3)


@pytest.mark.parametrize(
    ("content", "key", "words"),
    [
        (response({"kind": "magic"}), "adaptation.kind", "magic"),
        (response({"kind": "bayesian_response", "prior": [1]}), "adaptation.prior", "1 numbers"),
        (
            response({"kind": "bayesian_response", "drop": 0.9, "success": 0.5}),
            "adaptation",
            "below success",
        ),
        (
            response(
                {"kind": "bayesian_response", "shares": {"power": 1, "least": 0.9, "most": 0.5}}
            ),
            "adaptation.shares",
            "below most",
        ),
        (
            response({"kind": "bayesian_response"}, analysis={"test": "pooled_z"}),
            "adaptation",
            "two rules decide",
        ),
        (
            {**SURVIVAL, "adaptation": {"kind": "bayesian_response"}},
            "endpoints.primary.kind",
            "response at a visit",
        ),
        (
            response(
                {"kind": "bayesian_response", "shares": {"power": 1, "least": 0.4, "control": 0.7}}
            ),
            "adaptation.shares",
            "control 0.7 and one arm with at least 0.4 make 1.1, more than 1",
        ),
        (
            response({"kind": "bayesian_response", "shares": {"power": 1, "most": 0.4}}),
            "adaptation.shares",
            "2 arms with at most 0.4 make 0.8, less than 1",
        ),
        (
            {**SURVIVAL, "adaptation": {"kind": "promising_zone", "planned": 134}},
            "looks.1.when",
            "the size is chosen once 134 events are seen, and 134 are planned",
        ),
        (
            response({"kind": "bayesian_response", "shares": {"control": 0.7}}),
            "adaptation.shares.control",
            "with power 0 the arms keep the planned ratio",
        ),
        (
            response(
                {"kind": "promising_zone", "planned": 30},
                looks=[{**SEEN, "efficacy": {"spending": "obrien_fleming"}}, LOOKS[1]],
                analysis={"test": "pooled_z"},
            ),
            "looks.0.when",
            "the size is chosen once 31 patients are seen, and 30 are planned",
        ),
        (
            {**SURVIVAL, "adaptation": {"kind": "promising_zone", "planned": 999}},
            "adaptation.planned",
            "more than the 200",
        ),
        (
            {
                **SURVIVAL,
                "analysis": {"test": "max_combo"},
                "adaptation": {"kind": "promising_zone", "planned": 150},
            },
            "analysis.test",
            "'max_combo' learns after the look is not independent of what it showed there",
        ),
    ],
)
def test_what_cannot_be_is_refused(content: dict[str, Any], key: str, words: str) -> None:
    found = problems(content)
    assert key in found, found
    assert words in found[key]


def test_the_table_says_what_was_adapted() -> None:
    bayesian = scenario_from_mapping(response({"kind": "bayesian_response", "success": 0.9}))
    labels = list(operating_table(run(bayesian, 20)).renderables[0].columns[0])
    assert "success of any arm (posterior probability to beat the control 0.9)" in labels
    zone = {**SURVIVAL, "adaptation": {"kind": "promising_zone", "planned": 150}}
    labels = list(operating_table(run(scenario_from_mapping(zone), 20)).renderables[0].columns[0])
    assert "size enlarged" in labels
