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
from lupusim.trial import Dropout, Population
from lupusim.trial.observation import IntercurrentEvent, Strategy
from lupusim.trial.population.covariates import CovariateEffect
from lupusim.trial.scenario import DesignPoint, Scenario
from tolerance import SEED
from trials import disease_trial, survival_trial
from trials_of_values import value_trial

REASONS = {
    "regimen_selection": "",
    "platform_regimens": "",
    "smart_msc_then_cart": "",
    "single_arm_external_control": "",
    "single_arm_simon": "one arm alone",
    "ln_enrichment": "the trial adapts to what it sees",
    "cohort_5y": "nothing is tested",
    "phase2_sledai_24w": "",
    "lots_and_reinfusion": "a further course begins its effect anew",
    "supply_stress": "treatment hangs on supply",
    "null_and_drift": "all tables give its exact power",
    "event_rate": "",
    "phase3_bicla_52w": "",
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


def test_a_null_twin_whom_no_treatment_changes_is_known_though_doses_are_not():
    points = load_scenario("lots_and_reinfusion").points
    alike, unequal = (points[k].trial.null_twin() for k in (0, 1))
    assert why_counted(alike) == ""
    assert why_counted(unequal) == ""
    assert why_counted(points[1].trial) == "patients of one lot share their luck"
    assert why_counted(load_scenario("supply_stress").points[0].trial.null_twin()) == ""


def test_a_look_that_leaves_its_patients_to_chance_is_a_reason():
    early = {"when": {"calendar_time": "8 months"}, "efficacy": {"spending": "obrien_fleming"}}
    last = {"when": {"last_patient": "24 weeks"}}
    trial = value_trial("pooled_z", "response", looks=[early, last])
    assert why_counted(trial) == "how many patients a look sees is left to chance"
    fixed = early | {"when": {"patients": 60, "followed": "24 weeks"}}
    counted = value_trial("pooled_z", "response", looks=[fixed, last])
    assert why_counted(counted) == "all tables give its exact power"
    strata = {"population": {"strata": {f: {"a": 0.5, "b": 0.5} for f in ("one", "two")}}}
    split = strata | {"allocation": {"block_size": 4, "stratify_by": ["one", "two"]}}
    assert why_counted(value_trial("pooled_z", "response", looks=[fixed, last], **split)) == ""


@pytest.mark.parametrize("strategy", ["hypothetical", "while_on_treatment"])
def test_no_table_is_promised_where_an_event_is_treated_as_none_knows(strategy):
    rescue = IntercurrentEvent(
        name="rescue", hazard_per_year={"active": 0.5}, strategy=Strategy(strategy)
    )
    trial = replace(small_trials.rates((0.3, 0.5)), intercurrent_events=(rescue,))
    assert why_counted(trial) == f"rescue is treated as {strategy}"


def test_what_acts_on_hazards_must_not_steer_the_allocation():
    trial = value_trial("negative_binomial", "flares")
    edges = (("even number of flares", "odd number of flares"),)
    effect = CovariateEffect(covariate="nephritis", level="yes", on=edges, hazard_ratio=2.0)
    population = Population(factors={"nephritis": {"yes": 0.3, "no": 0.7}}, effects=(effect,))
    trial = replace(trial, population=population)
    assert why_counted(trial) == ""
    steered = replace(trial, stratify_by=("nephritis",))
    assert why_counted(steered) == "what acts on hazards may steer the allocation"


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
    shared = {"patient_sets": result.points[0].null_tally.n_sets}
    assert plain == {"power": reason, "type_one_error": reason | shared}
    words = "sets of patients behind the type I error"
    assert dict(all_rows(result.points[0]))[words] == f"{shared['patient_sets']} for 200 trials"
    row = dict(all_rows(result.points[0]))["variance of type I error with known chance taken out"]
    assert " ".join(row.split()) == "counted: all tables give its exact power"
    few = run(scenario(survival_trial(), 20)).points[0]
    assert "too few" in taken_out(few)["power"].counted_because
    assert "asked for" in taken_out(few.plain)["power"].counted_because
