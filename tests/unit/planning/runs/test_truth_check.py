"""A true effect that does not exist, or meets no estimate, is told in words."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from lupusim.planning.runs.results import RunResult
from lupusim.planning.runs.run import run
from lupusim.scenario import scenario_from_mapping
from lupusim.trial.design import KnownEffect, SimulatedEffect
from tolerance import SEED
from trials import scenario

DEATHS = ["healthy -> death", "ill -> death"]
HOLM = {"method": "holm", "endpoints": [{"endpoint": "os", "test": "cox"}]}
UNKNOWN = "bias, squared error and coverage"


def result(truth: KnownEffect | SimulatedEffect, misread: float = 0.5, **more: Any) -> RunResult:
    """Run a trial in which everybody falls ill: who is seen healthy then was misread."""
    content = {
        "schema": "lupusim/scenario/1",
        "title": "All fall ill",
        "model": "illness-death",
        "arms": [{"name": "placebo", "control": True}, {"name": "cells"}],
        "population": {
            "covariates": {"all": {"mean": 1}},
            "effects": [
                {"covariate": "all", "on": "healthy -> ill", "hazard_ratio": 1e6, "reference": 0},
                {"covariate": "all", "on": "ill -> healthy", "hazard_ratio": 1e-9, "reference": 0},
                {"covariate": "all", "on": DEATHS, "hazard_ratio": 1e-9, "reference": 0},
            ],
        },
        "enrollment": {"kind": "uniform", "duration": "1 month"},
        "follow_up": "26 weeks",
        "visits": ["26 weeks"],
        "visit_conduct": {"misread": {"ill": {"healthy": misread}}},
        "endpoints": {
            "primary": {"kind": "responder", "states": ["healthy"], "at": "26 weeks"},
            "secondary": [{"kind": "survival", "name": "os"}],
        },
        "analysis": {"test": "risk_ratio", **more},
        "sample_size": 80,
    }
    trial = scenario_from_mapping(content).points[0].trial
    assert trial.analysis is not None
    trial = replace(trial, analysis=replace(trial.analysis, truth=truth))
    return run(scenario(trial), 10, seed=SEED)


def test_a_true_effect_that_does_not_exist_is_told_and_covered_by_nothing() -> None:
    found = result(SimulatedEffect(n_patients=8_000))
    (note,) = [note for note in found.notes if note.startswith(UNKNOWN)]
    assert "the true effect does not exist" in note
    tally = found.points[0].tally
    assert tally.sums["estimate"][0] == 10
    assert math.isnan(tally.mean("coverage").value)  # none of ten intervals was wrong
    assert math.isfinite(tally.mean("standard_error").value)


def test_estimates_that_are_nowhere_are_told_of_the_hypothesis_they_are_of() -> None:
    (note,) = result(KnownEffect(value=0.0), misread=0.0, multiplicity=HOLM).notes
    assert note == f"{UNKNOWN} of cells are not known: no replicate has an estimate"


def test_an_estimate_beside_its_truth_is_passed_over() -> None:  # negative control
    assert not [note for note in result(KnownEffect(value=0.0)).notes if UNKNOWN in note]
