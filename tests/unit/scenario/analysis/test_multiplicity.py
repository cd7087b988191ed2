"""Many hypotheses in a scenario file: methods by name, what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lupusim.analysis.multiplicity.procedures import Adjusted, Dunnett, Graphical
from lupusim.errors import ScenarioError
from lupusim.scenario import load_scenario, scenario_from_mapping
from lupusim.scenario.document.yaml_reader import parse_document
from lupusim.trial.multiplicity import Ends, Family, GivesUp

SURVIVAL = parse_document(load_scenario("survival_200_events").text, "s", ScenarioError).content
THREE_ARMS = [
    {"name": "control", "control": True},
    {"name": "low", "allocation": 2},
    {"name": "high", "allocation": 2},
]
SECONDARY = {
    "primary": {"kind": "survival"},
    "secondary": [{"kind": "survival", "name": "again"}],
}
AGAIN = [{"endpoint": "again", "test": "logrank"}]
LOOKS = [
    {"when": {"events": 100}, "efficacy": {"spending": "pocock"}},
    {"when": {"events": 200}},
]


def content(multiplicity: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
    analysis = {"test": "logrank", "alpha": 0.025}
    if multiplicity is not None:
        analysis["multiplicity"] = multiplicity
    return {**SURVIVAL, "arms": THREE_ARMS, "analysis": analysis, **changes}


def family(multiplicity: dict[str, Any], **changes: Any) -> Family:
    found = scenario_from_mapping(content(multiplicity, **changes)).points[0].trial.family
    assert found is not None
    return found


def problems(multiplicity: dict[str, Any] | None, **changes: Any) -> dict[str, str]:
    with pytest.raises(ScenarioError) as caught:
        scenario_from_mapping(content(multiplicity, **changes))
    return {p.key: p.fault for p in caught.value.problems}


def test_methods_are_named() -> None:
    assert family({"method": "holm"}).procedure == Adjusted(method="holm")
    assert family({"method": "dunnett"}).procedure == Dunnett(ratio=(1, 2, 2))
    single = Dunnett(ratio=(1, 2, 2), steps_down=False)
    assert family({"method": "dunnett_single_step"}).procedure == single


@pytest.mark.parametrize("method", ["dunnett", "hochberg", "hommel", "none"])
def test_procedures_of_one_look_stand_beside_looks_that_cannot_succeed(method: str) -> None:
    futile = [{"when": {"events": 50}, "futility": {"z": 0}}, {"when": {"events": 100}}]
    assert family({"method": method}, looks=futile).procedure.one_look_only


def test_over_looks_a_method_becomes_a_graph_that_spends_as_the_looks_say() -> None:
    procedure = family({"method": "holm", "ends": "first"}, looks=LOOKS).procedure
    assert isinstance(procedure, Graphical)
    assert procedure.transitions == ((0.0, 1.0), (1.0, 0.0))
    assert "Pocock" in repr(procedure.efficacy)
    assert family({"method": "holm", "ends": "first"}).ends is Ends.FIRST


def test_weights_make_a_graph() -> None:
    procedure = family({"method": "bonferroni", "weights": [0.8, 0.2]}).procedure
    assert isinstance(procedure, Graphical)
    assert procedure.weights == (0.8, 0.2)


def test_a_graph_over_arms_and_endpoints() -> None:
    rows = [[0, 0.5, 0.5, 0], [0.5, 0, 0, 0.5], [0, 1, 0, 0], [1, 0, 0, 0]]
    found = family(
        {"method": "graph", "weights": [0.5, 0.5, 0, 0], "transitions": rows, "endpoints": AGAIN},
        endpoints=SECONDARY,
    )
    assert isinstance(found.procedure, Graphical)
    assert found.hypotheses[0].endpoint == "again"


@pytest.mark.parametrize(
    ("multiplicity", "changes", "key", "words"),
    [
        (None, {}, "analysis.multiplicity", "nothing holds their error"),
        ({"method": "tukey"}, {}, "analysis.multiplicity.method", "tukey"),
        ({"method": "graph"}, {}, "analysis.multiplicity", "do not fit"),
        (
            {"method": "graph", "weights": [1], "transitions": [[0]]},
            {},
            "analysis.multiplicity",
            "2 weights and 2 rows",
        ),
        ({"method": "hochberg", "weights": [0.5, 0.5]}, {}, "analysis.multiplicity.weights", "no"),
        ({"method": "bonferroni", "weights": [0.9, 0.9]}, {}, "analysis.multiplicity", "weights"),
        ({"method": "dunnett"}, {"looks": LOOKS}, "analysis.multiplicity.method", "one look only"),
        (
            {"method": "holm"},
            {"looks": [{**one, "efficacy": {"posterior": 0.99}} for one in LOOKS]},
            "analysis.multiplicity",
            "no share of alpha",
        ),
        (
            {"method": "dunnett", "endpoints": AGAIN},
            {"endpoints": SECONDARY},
            "analysis.multiplicity",
            "one endpoint",
        ),
        (
            {"method": "holm", "endpoints": [{"endpoint": "agian", "test": "logrank"}]},
            {"endpoints": SECONDARY},
            "analysis.multiplicity.endpoints.0.endpoint",
            "agian",
        ),
        (
            {"method": "holm", "endpoints": [{"endpoint": "again", "test": "pooled_z"}]},
            {"endpoints": SECONDARY},
            "analysis.multiplicity.endpoints.0.test",
            "does not test",
        ),
        (
            {"method": "holm"},
            {"arms": THREE_ARMS[:2]},
            "analysis.multiplicity",
            "one hypothesis only",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    multiplicity: dict[str, Any] | None, changes: dict[str, Any], key: str, words: str
) -> None:
    found = problems(multiplicity, **changes)
    assert key in found, found
    assert words in found[key]


def test_two_sided_hypotheses_have_looks_and_give_none_up() -> None:
    analysis = {"test": "logrank", "sided": 2, "multiplicity": {"method": "holm"}}
    two = family({}, analysis=analysis, looks=LOOKS).procedure
    assert isinstance(two, Graphical)
    assert (two.sided, family({"method": "holm"}, looks=LOOKS).procedure.sided) == (2, 1)
    futile = [{**LOOKS[0], "futility": {"z": 0.0}}, LOOKS[1]]
    assert "looks.0" in problems(None, analysis=analysis, looks=futile)


def test_futility_beside_several_hypotheses_does_not_bind() -> None:
    binding = [{**LOOKS[0], "futility": {"z": 0.0, "binding": True}}, LOOKS[1]]
    found = problems({"method": "holm"}, looks=binding)
    assert "binding" in found["analysis.multiplicity"]


def test_a_procedure_has_the_sides_of_its_trial() -> None:
    trial = scenario_from_mapping(content({"method": "holm"}, looks=LOOKS)).points[0].trial
    assert trial.analysis is not None
    with pytest.raises(ValueError, match="sided=1, and the tests are of sided=2"):
        replace(trial, analysis=replace(trial.analysis, sided=2))


FUTILE = [
    {"when": {"events": 100}, "futility": {"z": 0.0}, "efficacy": {"spending": "pocock"}},
    {"when": {"events": 200}},
]


def test_futility_may_judge_the_primary_endpoint_alone() -> None:
    sequence = {"method": "fixed_sequence", "endpoints": AGAIN, "gives_up": "primary"}
    for futility in ({"z": 0.0}, {"effect": 0.0}, {"conditional_power": 0.1}):
        looks = [{**FUTILE[0], "futility": futility}, FUTILE[1]]
        found = family(sequence, looks=looks, endpoints=SECONDARY)
        assert found.gives_up is GivesUp.PRIMARY
    faults = problems(sequence, looks=LOOKS, endpoints=SECONDARY)
    assert "no look has a futility bound" in faults["analysis.multiplicity.gives_up"]


@pytest.mark.parametrize(
    ("looks", "words"),
    [
        ([LOOKS[0] | {"efficacy": {"spending": "pocock", "effect": -0.1}}, LOOKS[1]], "needs"),
        (
            [LOOKS[0] | {"efficacy": {"z": 3.0}}, LOOKS[1] | {"efficacy": {"z": 2.0}}],
            "share of alpha",
        ),
    ],
)
def test_bounds_that_hypotheses_cannot_share_are_refused(
    looks: list[dict[str, Any]], words: str
) -> None:
    assert words in problems({"method": "holm"}, looks=looks)["analysis.multiplicity"]


def test_a_fault_of_a_graph_is_told_in_plain_numbers() -> None:
    graph = {"method": "graph", "weights": [0.5, 0.5], "transitions": [[0.1, 0.9], [1, 0]]}
    assert "transitions=[[0.1, 0.9], [1.0, 0.0]]" in problems(graph)["analysis.multiplicity"]
