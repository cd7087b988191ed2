"""Bayesian and response-adaptive trials: error against an exact count, shares, arms dropped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from lupusim.analysis.proportions.posterior_rates import better_probability
from lupusim.planning.runs.run import run
from lupusim.simulation.adaptation import Against, BayesianResponse, Shares
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.tally import Tally
from lupusim.trial import Trial
from tolerance import SEED, assert_within_mcse
from trials import scenario
from trials_adaptive import adaptive_trial

ADAPTIVE = BayesianResponse(
    success=0.99,
    drop=0.01,
    against=Against.ALL,
    shares=Shares(power=1.0, grows=True, least=0.1, most=0.8),
)


def tally_of(trial: Trial, n_replicates: int = 400) -> Tally:
    return simulate_block(trial, Block(seed=SEED, number=0, n_replicates=n_replicates))


def exact_power(rates: tuple[float, float], n: int, success: float) -> float:
    """Sum the binomial probabilities of all tables whose posterior probability succeeds."""
    responders = np.arange(n + 1.0)
    control, treated = (m.ravel() for m in np.meshgrid(responders, responders, indexing="ij"))
    counts = np.stack([control, treated], axis=1)
    succeeds = better_probability(counts, np.full(counts.shape, float(n)), (1.0, 1.0))[:, 1]
    weight = binom.pmf(control, n, rates[0]) * binom.pmf(treated, n, rates[1])
    return float(weight[succeeds >= success].sum())


@pytest.mark.parametrize("rates", [(0.3, 0.3), (0.3, 0.5)])
def test_one_bayesian_look_succeeds_as_often_as_the_binomials_say(rates) -> None:
    trial = adaptive_trial(BayesianResponse(success=0.95), rates[1], n_looks=1, n_patients=100)
    n_replicates = 6_000
    point = run(scenario(trial), n_replicates, seed=SEED).points[0]
    expected = exact_power(rates, 50, 0.95)
    mcse = np.sqrt(expected * (1 - expected) / n_replicates)
    assert_within_mcse(point.power.value, expected, mcse=mcse)
    null = exact_power((0.3, 0.3), 50, 0.95)
    error = np.sqrt(null * (1 - null) / n_replicates)
    assert_within_mcse(point.type_one_error.value, null, mcse=error)
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(point.power.value, exact_power(rates, 50, 0.9), mcse=mcse)


def test_more_patients_go_to_the_better_arm_and_limits_are_kept() -> None:
    never = replace(ADAPTIVE, success=1.1, drop=0.0)
    tally = tally_of(adaptive_trial(never, 0.3, 0.55))
    patients = [tally.mean(f"patients_{arm}").value for arm in ("control", "dose 1", "dose 2")]
    assert sum(patients) == 300
    assert patients[2] > 120
    assert min(patients) > 0.1 * 300 * 0.9
    even = tally_of(adaptive_trial(replace(never, shares=Shares()), 0.3, 0.55))
    assert even.mean("patients_dose 2").value == pytest.approx(100, abs=1)
    assert tally.mean("responders").value > even.mean("responders").value


def test_the_control_keeps_a_fixed_share() -> None:
    shares = Shares(power=1.0, control=0.4)
    tally = tally_of(adaptive_trial(BayesianResponse(success=1.1, shares=shares), 0.3, 0.6))
    later = 300 * 17 / 18
    expected = 0.4 * later + 300 / 18 / 3
    spread = np.sqrt(later * 0.4 * 0.6 / 400)
    assert_within_mcse(tally.mean("patients_control").value, expected, mcse=spread + 0.2)


def test_a_good_arm_is_found_early_and_bad_ones_are_dropped() -> None:
    tally = tally_of(adaptive_trial(ADAPTIVE, 0.1, 0.6))
    assert tally.mean("picked_dose 2").value > 0.9
    assert tally.mean("dropped_dose 1").value > 0.8
    assert tally.mean("n_enrolled").value < 200
    stops = [
        tally.mean(f"look_{k}_{how}").value
        for k in range(1, 19)
        for how in ("efficacy", "futility")
    ]
    assert sum(stops) == pytest.approx(1)


def test_arms_dropped_against_the_control_end_the_trial() -> None:
    rule = BayesianResponse(success=0.999, drop=0.2)
    tally = tally_of(adaptive_trial(rule, 0.15, 0.15))
    assert tally.mean("reject").value < 0.02
    assert tally.mean("dropped_dose 1").value > 0.95
    assert tally.mean("n_enrolled").value < 200


def test_a_run_reports_power_and_the_error_of_the_null_twin() -> None:
    row = run(scenario(adaptive_trial(ADAPTIVE, 0.3, 0.55)), 200, seed=SEED).points[0].row()
    assert 0 < row["type_one_error"] < row["power"] <= 1
