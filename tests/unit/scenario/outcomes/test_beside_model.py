"""A model for one arm and a stated outcome for another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

from lupusim.engines.exact import solve
from lupusim.errors import ScenarioError
from lupusim.planning.runs.run import run
from lupusim.report.run.table import condition
from lupusim.scenario import scenario_from_mapping
from tolerance import assert_within_mcse

# healthy, ill, death: the rates of the packaged illness-death model, by hand
RATES = np.array([[-0.22, 0.2, 0.02], [0.4, -0.5, 0.1], [0.0, 0.0, 0.0]])
ILL = expm(RATES)[0, 1]  # after a year
IS_ILL = {"kind": "response", "at": "1 year", "better": "fewer", "states": ["ill"]}
DIES = {"kind": "time_to_event", "events": ["death"], "terminal": True}
MODEL = {"name": "control", "control": True, "model": "illness-death"}


def content(**changes: Any) -> dict[str, Any]:
    whole = {
        "schema": "lupusim/scenario/1",
        "title": "Ill or not",
        "outcomes": {"illness": IS_ILL},
        "arms": [MODEL, {"name": "treated", "outcomes": {"illness": {"ratio": 0.5}}}],
        "enrollment": "20 per month",
        "analysis": {"test": "pooled_z"},
        "sample_size": 200,
        "simulation": {"replicates": 200},
    }
    return whole | changes


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"ratio": 0.5}, 0.5 * ILL),
        ({"difference": "-5 %"}, ILL - 0.05),
        ({"odds_ratio": 0.5}, 0.5 * ILL / (1 - ILL) / (1 + 0.5 * ILL / (1 - ILL))),
        ("4 %", 0.04),
        ("0 %", 0.0),
    ],
)
def test_a_share_is_stated_by_itself_or_against_the_model_s(value: Any, expected: float) -> None:
    arms = [MODEL, {"name": "treated", "outcomes": {"illness": value}}]
    control, treated = scenario_from_mapping(content(arms=arms)).points[0].trial.arms
    assert treated.model.states == control.model.states
    (shares,) = solve(treated.law, [1.0]).probabilities
    assert shares == pytest.approx([1 - expected, expected, 0], abs=1e-7)


def test_both_arms_are_simulated_as_they_are_described() -> None:
    result = run(scenario_from_mapping(content()), 200, seed=1)
    tally = result.points[0].tally
    for arm, expected in (("control", ILL), ("treated", 0.5 * ILL)):
        mean = tally.mean(f"response_{arm}")
        assert_within_mcse(mean.value, expected, mcse=mean.mcse)
    words = condition(result)
    assert "control patients fare as in illness-death" in words
    assert "treated patients fare as stated:" in words


def test_the_control_may_be_stated_and_the_other_arm_have_the_model() -> None:
    arms = [
        {"name": "control", "control": True, "outcomes": {"illness": "20 %"}},
        {"name": "treated", "effects": [{"on": "healthy -> ill", "hazard_ratio": 0.5}]},
    ]
    (point,) = scenario_from_mapping(content(arms=arms, model="illness-death")).points
    control, treated = point.trial.arms
    assert control.stated.startswith("20 %")
    assert not treated.stated
    (shares,) = solve(control.law, [1.0]).probabilities
    assert shares[1] == pytest.approx(0.2)


def test_a_death_stands_beside_a_response() -> None:
    arms = [MODEL, {"name": "treated", "outcomes": {"illness": "10 %", "death": "5 % a year"}}]
    outcomes = {"illness": IS_ILL, "death": DIES}
    trial = scenario_from_mapping(content(arms=arms, outcomes=outcomes, follow_up="1 year"))
    (shares,) = solve(trial.points[0].trial.arms[1].law, [1.0]).probabilities
    assert shares == pytest.approx([0.9 * 0.95, 0.1 * 0.95, 0.05], abs=1e-7)


TREATED = {"name": "treated", "outcomes": {"illness": "10 %"}}
SCORE = {"kind": "score", "at": "1 year", "sd": 1, "correlation": 0.5}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"outcomes": {"illness": IS_ILL | {"states": []}}}, "not said which of its states"),
        ({"outcomes": {"illness": IS_ILL | {"states": ["il"]}}}, "Did you mean 'ill'"),
        ({"outcomes": {"illness": IS_ILL | {"states": ["death"]}}}, "ends a history in the model"),
        ({"outcomes": {"illness": IS_ILL | {"states": ["healthy"]}}}, "do not all start in one"),
        ({"outcomes": {"illness": IS_ILL, "score": SCORE}}, "of this kind it is not known where"),
        (
            {"outcomes": {"illness": IS_ILL, "ill": IS_ILL}, "correlation": 0.5},
            "two outcomes that end no history",
        ),
        (
            {
                "outcomes": {"illness": IS_ILL, "death": DIES},
                "correlation": 0.5,
                "follow_up": "1 year",
            },
            "cannot be correlated",
        ),
        (
            {
                "outcomes": {"illness": {"kind": "time_to_event", "events": ["ill"]}},
                "arms": [MODEL, {"name": "t", "outcomes": {"illness": {"hazard_ratio": 0.5}}}],
                "follow_up": "1 year",
                "analysis": {"test": "logrank"},
            },
            "the control has a model, on whose transitions a ratio would act",
        ),
        ({"arms": [TREATED | {"control": True}, TREATED | {"name": "b"}]}, "no arm has a model"),
        (
            {
                "arms": [
                    {"name": "a", "control": True, "outcomes": {"illness": {"ratio": 2}}},
                    {"name": "b", "model": "illness-death"},
                ]
            },
            "the control itself has no one share",
        ),
        ({"arms": [MODEL, {"name": "treated", "outcomes": {}}]}, "nothing is stated of it"),
    ],
)
def test_what_cannot_stand_beside_a_model_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        scenario_from_mapping(content(**changes))
