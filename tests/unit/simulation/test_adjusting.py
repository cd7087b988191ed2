"""From an analysis that names covariates to the test that gets them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.multiplicity.procedures import Adjusted
from lupusim.analysis.registry import TESTS
from lupusim.planning.theory.power import formula_power
from lupusim.scenario import scenario_from_mapping
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.looks.cutoffs import analyze, cut
from lupusim.simulation.looks.look_statistics import comparisons
from lupusim.simulation.looks.true_effect import true_effect
from lupusim.simulation.patient_level.tables import simulate_trial
from lupusim.simulation.scoring import generation_hash
from lupusim.trial import Better, CovariateEffect, NormalCovariate, Population
from lupusim.trial.design import SimulatedEffect
from lupusim.trial.multiplicity import Family, Hypothesis
from lupusim.trial.scenario import DesignPoint, Scenario
from tolerance import SEED
from trials import analysis, survival_trial

PEOPLE = Population(
    covariates={"age": NormalCovariate(mean=35.0, sd=10.0)},
    effects=(
        CovariateEffect(
            covariate="age", on=(("alive", "death"),), hazard_ratio=1.1, reference=35.0
        ),
    ),
    weight_sd=9.0,
)
BLOCK = Block(seed=SEED, number=0, n_replicates=20)


def adjusted(*names, **changes):
    values = {"population": PEOPLE, "analysis": analysis("cox", adjust_for=names)}
    return survival_trial(**{**values, **changes})


def verdict_of(trial):
    generated = generate(trial, BLOCK)
    observation = cut(generated, trial.cutoff)
    outcome = generated.measurements[0].outcome(observation)
    found = analyze(trial, trial.analysis, observation, outcome, sided=1)
    return generated, outcome, found


def test_the_test_gets_the_numbers_of_the_patients_in_the_order_of_the_names():
    generated, outcome, found = verdict_of(adjusted("weight_kg", "age"))
    numbers = generated.patients.numbers
    expected = TESTS["cox"](
        outcome,
        better=Better.FEWER,
        sided=1,
        stratum=np.zeros(outcome.arm.shape, dtype=np.intp),
        covariates=np.stack([numbers["weight_kg"], numbers["age"]], axis=2),
    )
    np.testing.assert_array_equal(found.p_value, expected.p_value)
    plain = verdict_of(adjusted())[2]
    assert (found.p_value != plain.p_value).all()


def test_weight_is_drawn_where_a_test_asks_for_it_and_moves_nothing_else():
    with_weight, outcome, _ = verdict_of(adjusted("weight_kg"))
    without, same, _ = verdict_of(adjusted("age"))
    assert "weight_kg" in with_weight.patients.numbers
    assert "weight_kg" not in without.patients.numbers
    np.testing.assert_array_equal(outcome.time, same.time)
    asked = [generation_hash(adjusted(*names)) for names in ((), ("age",), ("weight_kg",))]
    assert asked[0] == asked[1] != asked[2]


def test_a_further_endpoint_is_adjusted_where_its_test_can_be():
    primary = adjusted("age").primary
    again, third = (replace(primary, name=name) for name in ("again", "third"))
    tests = {"again": "logrank", "third": "fine_gray"}
    hypotheses = tuple(
        Hypothesis(endpoint=e, name=n, test=TESTS[n], effect=TESTS[n].effect)
        for e, n in tests.items()
    )
    plain = adjusted("age", secondary=(again, third))
    trial = replace(plain, family=Family(procedure=Adjusted(method="holm"), hypotheses=hypotheses))
    assert [one.analysis.adjust_for for one in comparisons(trial)] == [("age",), (), ("age",)]
    tally = simulate_block(trial, BLOCK)
    assert 0 <= tally.mean("reject").value <= 1


def test_a_simulated_truth_is_that_of_the_adjusted_test():
    trial = adjusted("age", analysis=analysis("cox", adjust_for=("age",), truth=SimulatedEffect()))
    found = true_effect(trial, trial.analysis, SimulatedEffect(n_patients=20_000))
    assert found == pytest.approx(np.log(0.5), abs=0.06)


def test_a_single_trial_shows_the_numbers_its_test_is_adjusted_for():
    scenario = Scenario(
        name="adjusted",
        title="",
        question="",
        points=(DesignPoint(values={}, trial=adjusted("age")),),
    )
    shown = simulate_trial(scenario, seed=SEED).patients
    drawn = generate(adjusted("age"), Block(seed=SEED, number=0, n_replicates=1)).patients
    np.testing.assert_array_equal(shown["age"], drawn.numbers["age"][0])


def test_no_formula_knows_an_adjusted_test():
    plain = replace(adjusted(), population=Population(weight_sd=9.0))
    assert (
        formula_power(replace(plain, analysis=analysis("cox", adjust_for=("weight_kg",)))) is None
    )


def test_the_subgroup_is_analyzed_though_all_its_patients_have_one_level_of_the_factor():
    """By the t test of those patients alone the power is above 0.9; it was 0."""
    content = {
        "schema": "lupusim/scenario/1",
        "title": "The subgroup alone goes on",
        "outcomes": {"score": {"kind": "score", "at": "12 weeks", "sd": 1, "correlation": 0.5}},
        "arms": [
            {"name": "placebo", "control": True, "outcomes": {"score": 0}},
            {"name": "cells", "outcomes": {"score": {"difference": -1}}},
        ],
        "population": {
            "strata": {"severity": {"high": 0.5, "low": 0.5}},
            "codes": {"severity": {"high": 1, "low": 0}},
        },
        "enrollment": {"kind": "uniform", "duration": "12 months"},
        "allocation": {"method": "simple"},
        "analysis": {"test": "ancova", "adjust_for": ["severity"]},
        "looks": [
            {"when": {"patients": 20, "followed": "12 weeks"}},
            {"when": {"last_patient": "12 weeks"}},
        ],
        "adaptation": {
            "kind": "enrichment",
            "factor": "severity",
            "level": "high",
            "everybody": 9.0,
            "subgroup": -9.0,
            "weights": [0.5, 0.5],
        },
        "sample_size": 60,
    }
    trial = scenario_from_mapping(content).points[0].trial
    tally = simulate_block(trial, Block(seed=SEED, number=0, n_replicates=60))
    assert tally.mean("reject_subgroup").value > 0.8
