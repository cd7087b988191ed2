"""The analysis and the endpoints of a scenario file."""

from __future__ import annotations

from typing import Any

import pytest

from lupusim.errors import ScenarioError
from lupusim.scenario import scenario_from_mapping
from lupusim.scenario.durations import parse_duration
from lupusim.trial import Trial
from lupusim.trial.design import KnownEffect, SimulatedEffect

RESPONSE = {"kind": "responder", "states": ["remission"], "at": "52 weeks"}
DISEASE = {
    "schema": "lupusim/model/1",
    "name": "disease",
    "states": ["active", "remission", "relapse", "death"],
    "start": "active",
    "transitions": [
        {"from": "active", "to": "remission", "hazard": {"family": "exponential", "rate": 1.5}},
        {"from": "remission", "to": "relapse", "hazard": {"family": "exponential", "rate": 0.8}},
        {"from": "relapse", "to": "remission", "hazard": {"family": "exponential", "rate": 0.5}},
        {"from": "active", "to": "death", "hazard": {"family": "exponential", "rate": 0.1}},
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from lupusim.scenario.yaml_text import block

    place = tmp_path_factory.mktemp("models")
    (place / "disease.yaml").write_text(block(DISEASE), encoding="utf-8")
    return place


def content(**changes: Any) -> dict[str, Any]:
    whole = {
        "schema": "lupusim/scenario/1",
        "title": "Remission",
        "model": "disease.yaml",
        "population": {"strata": {"nephritis": {"yes": 0.5, "no": 0.5}}},
        "arms": [{"name": "placebo", "control": True}, {"name": "cells"}],
        "enrollment": {"kind": "uniform", "duration": "6 months"},
        "allocation": {"method": "permuted_block", "stratify_by": ["nephritis"]},
        "follow_up": "52 weeks",
        "visits": ["12 weeks", "24 weeks", "36 weeks", "52 weeks"],
        "endpoints": {"primary": RESPONSE},
        "analysis": {"test": "pooled_z"},
        "sample_size": 40,
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


@pytest.fixture(scope="module")
def trial(folder: Any) -> Any:
    def build(**changes: Any) -> Trial:
        return scenario_from_mapping(content(**changes), folder=folder).points[0].trial

    return build


@pytest.fixture(scope="module")
def problems(folder: Any) -> Any:
    def build(**changes: Any) -> dict[str, str]:
        with pytest.raises(ScenarioError) as caught:
            scenario_from_mapping(content(**changes), folder=folder)
        return {p.key: f"{p.fault}. {p.fix}" for p in caught.value.problems}

    return build


SURVIVAL = {"primary": {"kind": "time_to_event", "events": ["relapse", "death"]}}


def test_a_test_that_lives_on_strata_takes_those_of_the_allocation(trial: Any) -> None:
    assert trial(analysis={"test": "cochran_mantel_haenszel"}).analysis.stratify_by == (
        "nephritis",
    )
    bare = {"test": "cochran_mantel_haenszel", "stratify_by": []}
    assert trial(analysis=bare).analysis.stratify_by == ()
    assert trial(analysis={"test": "logistic_regression"}).analysis.stratify_by == ()


def test_strata_for_a_test_that_takes_none_are_refused(problems: Any) -> None:
    found = problems(analysis={"test": "pooled_z", "stratify_by": ["nephritis"]})
    assert "takes no strata" in found["analysis.stratify_by"]
    assert "cochran_mantel_haenszel" in found["analysis.stratify_by"]


def test_parameters_reach_the_test_in_years(trial: Any) -> None:
    found = trial(
        endpoints=SURVIVAL,
        analysis={"test": "restricted_mean", "until": "52 weeks", "margin": 0.1},
    ).analysis.test
    assert found.until == pytest.approx(parse_duration("52 weeks"))
    assert found.margin == 0.1
    weights = trial(endpoints=SURVIVAL, analysis={"test": "fleming_harrington", "rho": 1})
    assert (weights.analysis.test.rho, weights.analysis.test.gamma) == (1, 1)


@pytest.mark.parametrize(
    ("analysis", "key", "words"),
    [
        ({"test": "restricted_mean"}, "analysis.until", "missing"),
        ({"test": "cox", "until": "1 year"}, "analysis.until", "no such parameter"),
        ({"test": "cox", "margin": 0}, "analysis", "ratio above 0"),
        ({"test": "cox", "margin": 1.3, "sided": 2}, "analysis.margin", "one side"),
        ({"test": "fleming_harrington", "gamma": -1}, "analysis.gamma", "out of range"),
        ({"test": "pooled_z"}, "analysis.test", "a time to an event"),
        ({"test": "cox", "true_effect": "known"}, "analysis.true_effect", "not a number"),
    ],
)
def test_what_a_test_cannot_use_is_told(
    problems: Any, analysis: dict[str, Any], key: str, words: str
) -> None:
    assert words in problems(endpoints=SURVIVAL, analysis=analysis)[key]


def test_the_true_effect_is_given_or_simulated(trial: Any) -> None:
    given = trial(analysis={"test": "pooled_z", "true_effect": 0.2}).analysis.truth
    assert given == KnownEffect(value=0.2)
    simulated = trial(analysis={"test": "pooled_z", "true_effect": "simulated"}).analysis.truth
    assert simulated == SimulatedEffect()
