"""`analysis.adjust_for`, horizons of tests, and tests of further endpoints in a scenario file."""

from __future__ import annotations

from typing import Any

import pytest

from lupusim.errors import ScenarioError
from lupusim.planning.runs.run import run
from lupusim.scenario import load_scenario, scenario_from_mapping
from lupusim.scenario.document.yaml_reader import parse_document
from lupusim.trial import Trial
from tolerance import SEED

PLAIN = parse_document(load_scenario("survival_200_events").text, "s", ScenarioError).content
PEOPLE = {
    "strata": {"nephritis": {"yes": 0.5, "no": 0.5}},
    "codes": {"nephritis": {"yes": 1, "no": 0}},
    "covariates": {"age": {"mean": 35, "sd": 10}, "height": {"mean": 165}},
}
COX = {"test": "cox", "adjust_for": ["age", "nephritis"]}


def content(analysis: dict[str, Any], **changes: Any) -> dict[str, Any]:
    whole = {**PLAIN, "population": PEOPLE, "analysis": analysis, **changes}
    return {key: value for key, value in whole.items() if value is not None}


def trial(analysis: dict[str, Any], **changes: Any) -> Trial:
    return scenario_from_mapping(content(analysis, **changes)).points[0].trial


def problems(analysis: dict[str, Any], **changes: Any) -> dict[str, str]:
    with pytest.raises(ScenarioError) as caught:
        scenario_from_mapping(content(analysis, **changes))
    return {p.key: f"{p.fault}. {p.fix}" for p in caught.value.problems}


def test_names_reach_the_analysis_and_results_are_told_with_them() -> None:
    asked = trial(COX).analysis
    assert asked is not None
    assert asked.adjust_for == ("age", "nephritis")
    result = run(scenario_from_mapping(content(COX)), 4, seed=SEED)
    assert 0 <= result.points[0].power.value <= 1


def test_a_number_that_is_lacking_or_never_varies_is_refused_by_name() -> None:
    found = problems({"test": "cox", "adjust_for": ["aeg", "height", "weight_kg"]})
    assert "Did you mean 'age'" in found["analysis.adjust_for.0"]
    assert "'height' is the same for all" in found["analysis.adjust_for.1"]
    assert "'weight_kg' is the same for all" in found["analysis.adjust_for.2"]


def test_a_test_that_takes_no_covariates_names_those_that_do() -> None:
    found = problems({"test": "logrank", "adjust_for": ["age"]})
    assert "takes no covariates" in found["analysis.adjust_for"]
    assert "cox, fine_gray" in found["analysis.adjust_for"]
    counts = {"primary": {"kind": "event_count", "events": ["dead"], "until": "1 month"}}
    states = trial(COX).states
    counts["primary"]["events"] = [states[-1]]
    rates = problems({"test": "rate_ratio", "adjust_for": ["age"]}, endpoints=counts, looks=None)
    assert rates["analysis.adjust_for"].endswith("Remove it.")


def test_covariates_of_an_unknown_test_are_not_blamed() -> None:
    assert list(problems({"test": "coxx", "adjust_for": ["age"]})) == ["analysis.test"]


def test_weighted_tests_take_strata() -> None:
    for test in ("fleming_harrington", "max_combo"):
        assert trial({"test": test, "stratify_by": ["nephritis"]}).analysis is not None


def test_a_horizon_beyond_the_follow_up_is_refused() -> None:
    late = {"test": "survival_difference", "at": "2 years"}
    found = problems(late, follow_up="1 year", looks=None)
    assert "beyond the follow-up" in found["analysis.at"]
    assert trial(late, follow_up="2 years", looks=None).follow_up == pytest.approx(2.0)
    assert trial(late).analysis is not None  # followed until 200 events


def test_tests_of_further_endpoints_have_their_own_parameters() -> None:
    endpoints = {
        "primary": PLAIN["endpoints"]["primary"],
        "secondary": [{"kind": "survival", "name": "again"}],
    }

    def family(**test: Any) -> dict[str, Any]:
        again = {"endpoint": "again", "test": "restricted_mean", **test}
        return {**COX, "multiplicity": {"method": "holm", "endpoints": [again]}}

    made = trial(family(until="6 months", margin="1 month"), endpoints=endpoints).family
    assert made is not None
    assert made.hypotheses[0].test.until == pytest.approx(0.5)
    found = problems(family(), endpoints=endpoints)
    assert "missing" in found["analysis.multiplicity.endpoints.0.until"]
    wrong = problems(family(until="1 year", margin="-1 month"), endpoints=endpoints)
    assert "not a duration from 0" in wrong["analysis.multiplicity.endpoints.0.margin"]
