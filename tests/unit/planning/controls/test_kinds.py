"""Which trials are counted alone, in words, and what known chance brings to the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import small_trials
from lupusim.planning.controls.building import control_of
from lupusim.planning.controls.kinds import is_controlled, why_counted
from lupusim.planning.runs.run import run
from lupusim.planning.runs.taken_out import taken_out
from lupusim.report.run.table import all_rows, main_rows
from lupusim.scenario import load_scenario
from lupusim.simulation.block import followed
from lupusim.simulation.generation.generation import Block
from lupusim.trial import Dropout
from lupusim.trial.scenario import DesignPoint, Scenario
from tolerance import SEED
from trials import disease_trial, survival_trial

REASONS = {
    "regimen_selection": "4 arms are compared",
    "ln_enrichment": "the trial adapts to what it sees",
    "cohort_5y": "nothing is tested",
    "phase2_sledai_24w": "visits are missed, late or misread",
    "two_rates": "all tables give its exact power",
    "time_to_event": "",
    "score_change": "",
}


@pytest.mark.parametrize("name", REASONS)
def test_why_claims_of_a_packaged_trial_are_counted_alone_is_said(name):
    trial = load_scenario(name).points[0].trial
    assert why_counted(trial) == REASONS[name]
    assert is_controlled(trial) == (not REASONS[name])


def test_dropout_by_state_and_unlike_patients_are_reasons():
    survival = survival_trial()
    assert why_counted(survival) == ""
    by_state = replace(survival, dropout=Dropout(per_year=0.2, by_state={"alive": 2.0}))
    assert why_counted(by_state) == "dropout depends on the state"
    assert why_counted(disease_trial()) != ""


def scenario(trial, n_replicates):
    words = {"name": "known", "title": "Known chance", "question": ""}
    points = (DesignPoint(values={}, trial=trial),)
    return Scenario(**words, points=points, n_replicates=n_replicates, seed=SEED)


def test_a_ratio_of_variances_is_that_of_counting_to_what_is_left_by_least_squares():
    trial = survival_trial()
    (point,) = run(scenario(trial, 2_000)).points
    found = taken_out(point)["power"]
    control = control_of(trial)
    block = Block(seed=SEED + 1, number=0, n_replicates=2_000)
    replicates, patients = followed({"trial": trial}, block)
    claims, sums = replicates["trial"]["reject"], control.values(patients.generated)
    left = (
        claims - sums @ np.linalg.lstsq(sums - sums.mean(0), claims - claims.mean(), rcond=None)[0]
    )
    assert found.counted_because == ""
    assert found.variance_ratio == pytest.approx(claims.var() / left.var(), rel=0.2)
    assert found.variance_ratio > 2
    rows = dict(all_rows(point))
    label = "variance of power with known chance taken out"
    assert rows[label] == f"{found.variance_ratio:.3g} times smaller"
    assert label not in dict(main_rows(point))


def test_what_is_counted_says_why_in_rows_and_json():
    rates = small_trials.rates((0.3, 0.5))
    result = run(scenario(rates, 200))
    (plain,) = result.to_json()["known_chance"]
    reason = {"counted_because": "all tables give its exact power"}
    assert plain == {"power": reason, "type_one_error": reason}
    row = dict(all_rows(result.points[0]))["variance of type I error with known chance taken out"]
    assert " ".join(row.split()) == "counted: all tables give its exact power"
    few = run(scenario(survival_trial(), 20)).points[0]
    assert "too few" in taken_out(few)["power"].counted_because
    assert "asked for" in taken_out(few.plain)["power"].counted_because
