"""Scenario files with tests of repeated measures and recurrent events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lupusim.errors import ScenarioError
from lupusim.scenario.files.scenario import scenario_from_mapping
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks.true_effect import true_effect
from lupusim.trial import Trial
from lupusim.trial.design import SimulatedEffect
from tolerance import SEED

CHANGE = {"kind": "marker_change", "at": "52 weeks", "missing": "left_out"}
RELAPSES = {"kind": "event_count", "events": "relapse", "name": "relapses"}
STATE = {"mean": 11.5, "sd": 3.7}


def content(**changes: Any) -> dict[str, Any]:
    remission = {"mean": 3.2, "sd": 2.8}
    return {
        "schema": "lupusim/scenario/1",
        "title": "a score over a year",
        "model": "standard-care",
        "sample_size": 90,
        "follow_up": "52 weeks",
        "visits": ["0 weeks", "12 weeks", "24 weeks", "52 weeks"],
        "visit_conduct": {"missed": 0.1, "window": "1 week"},
        "dropout": {"per_year": 0.2},
        "population": {
            "strata": {"nephritis": {"yes": 0.5, "no": 0.5}},
            "covariates": {"age": {"mean": 35, "sd": 9}},
        },
        "marker": {
            "correlation": 0.5,
            "by_state": {
                "active": STATE,
                "relapse": STATE,
                "partial_remission": remission,
                "complete_remission": remission,
            },
        },
        "arms": [{"name": "placebo", "control": True}, {"name": "low"}, {"name": "high"}],
        "enrollment": {"kind": "uniform", "duration": "1 year"},
        "endpoints": {"primary": CHANGE, "secondary": [RELAPSES]},
        "analysis": {
            "test": "mmrm",
            "stratify_by": ["nephritis"],
            "adjust_for": ["age"],
            "multiplicity": {
                "method": "holm",
                "endpoints": [{"endpoint": "relapses", "test": "andersen_gill"}],
            },
        },
        **changes,
    }


def read(**changes: Any) -> Trial:
    return scenario_from_mapping(content(**changes)).points[0].trial


def rescue(strategy: str) -> dict[str, Any]:
    return {"rescue": {"hazard_per_year": {"active": 0.3}, "strategy": strategy}}


@pytest.mark.parametrize("strategy", ["hypothetical", "treatment_policy", "while_on_treatment"])
def test_a_trial_of_several_arms_decides_by_a_mixed_model(strategy: str) -> None:
    made = read(intercurrent_events=rescue(strategy))
    tally = simulate_block(made, Block(seed=SEED, number=0, n_replicates=12))
    assert np.isfinite(tally.mean("estimate_high").value)
    assert 0 <= tally.mean("reject").value <= 1


def test_the_true_effect_of_a_mixed_model_can_be_simulated() -> None:
    made = read(
        arms=[
            {"name": "placebo", "control": True},
            {
                "name": "drug",
                "effects": [{"on": "active -> complete_remission", "hazard_ratio": 3}],
            },
        ],
        analysis={"test": "mmrm", "true_effect": "simulated"},
        endpoints={"primary": CHANGE},
    )
    assert made.analysis is not None
    truth = true_effect(made, made.analysis, SimulatedEffect(n_patients=4000))
    assert -8 < truth < -0.5


def test_who_relapses_may_be_adjusted_for_the_score_at_entry() -> None:
    """Only a change of the score knows its baseline already."""
    made = scenario_from_mapping(
        content(
            population={"covariates": {"score": {"mean": 11, "sd": 3}}},
            marker={**content()["marker"], "baseline": "score"},
            endpoints={
                "primary": {
                    "kind": "time_to_event",
                    "events": ["relapse", "death"],
                    "name": "first",
                },
                "secondary": [RELAPSES],
            },
            analysis={
                "test": "cox",
                "adjust_for": ["score"],
                "multiplicity": {
                    "method": "holm",
                    "endpoints": [{"endpoint": "relapses", "test": "andersen_gill"}],
                },
            },
        )
    )
    assert made.points[0].trial.numbers_needed == ("score", "score")


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        (
            {"endpoints": {"primary": {**CHANGE, "missing": "no_change"}, "secondary": [RELAPSES]}},
            "analysis.test",
            "missing: left_out",
        ),
        (
            {"intercurrent_events": rescue("composite")},
            "intercurrent_events.rescue.strategy",
            "no value for a failure",
        ),
        (
            {"analysis": {"test": "negative_binomial"}, "endpoints": {"primary": CHANGE}},
            "analysis.test",
            "does not test a number",
        ),
        (
            {
                "analysis": {"test": "negative_binomial", "adjust_for": ["age"]},
                "endpoints": {"primary": RELAPSES},
            },
            "analysis.adjust_for",
            "takes no covariates",
        ),
        (
            {
                "analysis": {"test": "andersen_gill", "margin": 0},
                "endpoints": {"primary": RELAPSES},
            },
            "analysis.margin",
            "above 0",
        ),
    ],
)
def test_what_would_not_act_is_refused(changes: dict[str, Any], key: str, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        read(**changes)
    found = {p.key: f"{p.fault}. {p.fix}" for p in caught.value.problems}
    assert words in found[key]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"marker": {"correlation": 1.5}}, "marker."),
        ({"population": {"weight_kg": {"mean": -1}}}, "population."),
        (
            {"endpoints": {"primary": {"kind": "marker_change"}, "secondary": [RELAPSES]}},
            "endpoints.primary.",
        ),
    ],
)
def test_what_follows_from_a_part_that_cannot_be_read_is_not_told(changes, key) -> None:
    with pytest.raises(ScenarioError) as caught:
        read(**changes)
    assert {p.key for p in caught.value.problems if not p.key.startswith(key)} == set()
