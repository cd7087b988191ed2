"""Simulated trials with several looks against the analytic answer of their design."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from lupusim import load_scenario
from lupusim.analysis import group_sequential
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.planning.runs.run import RunResult, run
from lupusim.trial.looks import StoppingRule
from lupusim.trial.scenario import DesignPoint, Scenario
from tolerance import SEED, assert_within_mcse

N_REPLICATES = 6_000


def three_looks(**changes: object) -> Scenario:
    scenario = load_scenario("survival_three_looks")
    trial = replace(scenario.points[0].trial, **changes)
    return replace(scenario, points=(DesignPoint(values={}, trial=trial),))


def simulated(**changes: object) -> RunResult:
    return run(three_looks(**changes), N_REPLICATES, seed=SEED)


def null_shares(result: RunResult, kind: str) -> np.ndarray:
    tally = result.points[0].null_tally
    assert tally is not None
    return np.array([tally.mean(f"look_{k}_{kind}").value for k in (1, 2, 3)])


def test_the_alpha_spent_at_each_look_is_what_the_design_says() -> None:
    design = group_sequential.bounds([67, 134, 200], alpha=0.025)
    expected = np.diff(design.alpha_spent, prepend=0.0)
    seen = null_shares(simulated(), "efficacy")
    assert_within_mcse(seen, expected, mcse=np.sqrt(expected * (1 - expected) / N_REPLICATES))


def test_power_agrees_with_the_exit_probabilities_under_schoenfelds_drift() -> None:
    # 0.707106: rpact 4.5 and lrstat 0.3.3, three looks at 67, 134, 200 events, hazard ratio 0.7
    power = simulated().points[0].power
    assert power is not None
    assert_within_mcse(power.value, 0.707106, mcse=power.mcse)


def test_binding_futility_stops_as_often_as_the_design_says_under_the_null() -> None:
    futility = group_sequential.FutilityBounds(z=(0.0, 0.5), binding=True)
    rule = GroupSequential(alpha=0.025, futility=futility)
    design = group_sequential.bounds([67, 134, 200], alpha=0.025, futility=futility)
    expected = group_sequential.exit_probabilities(design, 0.0).futility
    seen = null_shares(simulated(stopping=rule), "futility")
    assert_within_mcse(seen, expected, mcse=np.sqrt(expected * (1 - expected) / N_REPLICATES))


def test_testing_three_times_at_1_96_is_caught() -> None:
    @dataclass(frozen=True)
    class Naive(StoppingRule):
        def bounds(self, information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return np.full(information.shape, 1.96), np.full(information.shape, -np.inf)

    error = simulated(stopping=Naive()).points[0].type_one_error
    assert error is not None
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(error.value, 0.025, mcse=np.sqrt(0.025 * 0.975 / N_REPLICATES))


def test_trials_that_stop_early_are_shorter_and_enroll_no_more() -> None:
    sequential, fixed = (
        simulated().points[0],
        run(load_scenario("survival_200_events"), N_REPLICATES, seed=SEED).points[0],
    )
    assert sequential.tally.mean("duration").value < fixed.tally.mean("duration").value
    assert sequential.tally.mean("n_enrolled").value <= 300
    early = sequential.tally.mean("look_1_efficacy").value
    assert 0 < sequential.tally.mean("flip_flop").value < early + 0.5
