"""Bias and coverage against the true effect."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.numerics.win_levels import larger_is_better
from lupusim.analysis.outcomes import HierarchicalOutcome, NumberOutcome
from lupusim.planning.runs.run import run
from lupusim.report.run.table import operating_table
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks.true_effect import true_effect
from lupusim.trial.design import KnownEffect, SimulatedEffect
from tolerance import SEED, assert_within_mcse
from trials import analysis, disease_trial, exponential_arm, scenario, survival_trial

LOG_HALF = math.log(0.5)


def test_the_simulated_truth_of_proportional_hazards_is_the_log_hazard_ratio():
    """200,000 patients, about 3 in 4 with the event: standard error 2 / sqrt(events)."""
    trial = survival_trial(analysis=analysis("cox"))
    truth = true_effect(trial, trial.analysis, SimulatedEffect())
    assert_within_mcse(truth, LOG_HALF, mcse=2 / math.sqrt(200_000 * 0.65))


def test_a_simulated_truth_is_the_same_each_time_and_knows_no_dropout():
    trial = disease_trial()
    quick = SimulatedEffect(n_patients=10_000)
    first = true_effect(trial, trial.analysis, quick)
    assert true_effect(trial, trial.analysis, quick) == first
    assert math.isfinite(first)


def test_bias_and_coverage_are_reported_where_a_truth_is_known():
    known = analysis("cox", truth=KnownEffect(value=LOG_HALF))
    tally = simulate_block(
        survival_trial(analysis=known), Block(seed=SEED, number=0, n_replicates=400)
    )
    coverage = tally.mean("coverage")
    assert_within_mcse(coverage.value, 0.95, mcse=math.sqrt(0.95 * 0.05 / 400))
    bias = tally.mean("bias")
    assert bias.value == pytest.approx(tally.mean("estimate").value - LOG_HALF)
    assert abs(bias.value) < 0.1
    assert tally.mean("true_effect").value == pytest.approx(LOG_HALF)


def test_bias_is_as_uncertain_as_the_simulated_truth_it_is_measured_from():
    """2 / sqrt(events) of 20,000 patients, nine in ten with the event, is about 0.015."""
    asked = analysis("cox", truth=SimulatedEffect(n_patients=20_000))
    tally = simulate_block(
        survival_trial(analysis=asked), Block(seed=SEED, number=0, n_replicates=400)
    )
    assert 0.004 < tally.mean("true_effect").mcse < 0.045  # from five pools
    spread = tally.standard_deviation("bias") / 20
    assert tally.mean("bias").mcse == pytest.approx(
        math.hypot(spread, tally.mean("true_effect").mcse)
    )
    assert tally.mean("estimate").mcse == pytest.approx(spread)


def test_a_truth_from_a_single_pool_has_the_error_of_its_test():
    trial = survival_trial()
    one_pool = analysis("cox", truth=SimulatedEffect(n_patients=1000))
    tally = simulate_block(
        replace(trial, analysis=one_pool), Block(seed=SEED, number=0, n_replicates=2)
    )
    assert 0.02 < tally.mean("true_effect").mcse < 0.06


def test_negative_control_a_wrong_truth_is_covered_too_rarely():
    wrong = analysis("cox", truth=KnownEffect(value=LOG_HALF + 1))
    tally = simulate_block(
        survival_trial(analysis=wrong), Block(seed=SEED, number=0, n_replicates=400)
    )
    assert tally.mean("coverage").value < 0.5


def test_without_a_truth_nothing_is_said_of_bias():
    tally = simulate_block(survival_trial(), Block(seed=SEED, number=0, n_replicates=2))
    assert "bias" not in tally.sums


def test_a_trial_without_events_has_no_bias_and_no_coverage():
    arms = (exponential_arm("control", 1e-12), exponential_arm("cells", 1e-12))
    known = analysis("cox", truth=KnownEffect(value=0.0))
    tally = simulate_block(
        survival_trial(arms=arms, analysis=known), Block(seed=SEED, number=0, n_replicates=3)
    )
    assert tally.sums["bias"][0] == 0
    assert tally.mean("undefined").value == 1
    assert tally.mean("true_effect").value == 0  # it is stated all the same


def test_an_estimate_that_does_not_exist_is_not_averaged_where_the_test_does():
    # few events: often all on one arm, where Gray's test is defined, and no hazard ratio is
    arms = (exponential_arm("control", 0.01), exponential_arm("cells", 0.01))
    known = analysis("gray", truth=KnownEffect(value=0.0))
    trial = survival_trial(arms=arms, analysis=known)
    tally = simulate_block(trial, Block(seed=SEED, number=0, n_replicates=200))
    (n_estimates, *_), (n_undefined, *_) = tally.sums["estimate"], tally.sums["undefined"]
    assert 0 < n_estimates < 200 - 200 * tally.mean("undefined").value
    assert tally.sums["bias"][0] == n_estimates
    assert n_undefined == 200


def test_pooling_makes_one_trial_of_all_replicates():
    values, arm = np.arange(6.0).reshape(2, 3), np.array([[0, 1, 1], [1, 0, 0]], dtype=np.int8)
    everybody = np.ones((2, 3), dtype=bool)
    number = NumberOutcome(values=values, included=everybody, arm=arm).pooled()
    assert number.values.tolist() == [[0, 1, 2, 3, 4, 5]]
    assert number.baseline is None
    level = larger_is_better(values)
    hierarchy = HierarchicalOutcome(levels=(level,), included=everybody, arm=arm).pooled()
    assert hierarchy.levels[0].high.shape == (1, 6)
    assert hierarchy.arm.tolist() == [[0, 1, 1, 1, 0, 0]]


def test_exact_tests_have_an_estimator_for_large_samples():
    trial = disease_trial()
    binary = replace(
        trial,
        primary=trial.secondary[0],
        secondary=(),
        analysis=analysis("boschloo"),
    )
    truth = true_effect(binary, binary.analysis, SimulatedEffect(n_patients=10_000))
    assert 0 < truth < 0.5


def test_the_table_says_how_the_truth_is_known():
    known = analysis("cox", truth=KnownEffect(value=LOG_HALF))
    result = run(scenario(survival_trial(analysis=known)), 5, seed=SEED)
    (table,) = operating_table(result).renderables
    labels = list(table.columns[0])
    assert "root mean squared error" in labels
    assert "true effect (given)" in labels
    assert "coverage of the 95 % interval" in labels
    assert any("power (cox, alpha" in label for label in labels)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_truth_is_a_finite_number(bad):
    with pytest.raises(ValueError, match="value"):
        KnownEffect(value=bad)
    with pytest.raises(ValueError, match="n_patients"):
        SimulatedEffect(n_patients=10)
