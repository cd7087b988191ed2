"""Estimates after stopping: the naive one is too good, the median-unbiased one is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim import load_scenario
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block
from lupusim.trial import AtEvents, PermutedBlocks
from lupusim.trial.design import KnownEffect
from tolerance import SEED, assert_within_mcse
from trials import survival_trial

N_REPLICATES = 6_000
TRUTH = float(np.log(0.7))


@pytest.fixture(scope="module")
def found() -> dict[str, np.ndarray]:
    trial = load_scenario("survival_three_looks").points[0].trial
    analysis = replace(trial.analysis, truth=KnownEffect(value=TRUTH))
    trial = replace(
        trial, analysis=analysis, stopping=GroupSequential(alpha=0.025, efficacy="pocock")
    )
    blocks = [
        simulate({"": trial}, Block(seed=SEED, number=k, n_replicates=100))[""]
        for k in range(N_REPLICATES // 100)
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def test_half_of_the_unbiased_estimates_lie_above_the_truth(found) -> None:
    above = (found["unbiased_estimate"] > TRUTH).mean()
    assert_within_mcse(above, 0.5, mcse=np.sqrt(0.25 / N_REPLICATES))


def test_the_naive_estimate_is_caught(found) -> None:
    above = (found["estimate"] > TRUTH).mean()
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(above, 0.5, mcse=np.sqrt(0.25 / N_REPLICATES))
    assert found["bias"].mean() < found["unbiased_bias"].mean() < 0.03


def test_the_interval_of_the_stage_wise_ordering_covers(found) -> None:
    covered = found["unbiased_coverage"].mean()
    assert_within_mcse(covered, 0.95, mcse=np.sqrt(0.95 * 0.05 / N_REPLICATES))


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [1, 2, 3])
@pytest.mark.parametrize("hazard_ratio", [0.4, 0.6, 0.8, 1.0])
def test_after_a_stop_the_hazard_ratio_is_right_for_any_effect_and_allocation(hazard_ratio, ratio):
    """Half of Cox's estimates after two looks lie below the truth, 95 % of intervals hold it.

    Peto's one-step estimate covered in 0.88 of the trials of 1:2 with a ratio of 0.5.
    """
    truth = float(np.log(hazard_ratio))
    base = survival_trial(hazard_ratio=hazard_ratio)
    control, cells = base.arms
    design = replace(
        base,
        arms=(control, replace(cells, allocation=ratio)),
        allocation=PermutedBlocks(block_size=1 + ratio),
        n_patients=480,
        follow_up=float("inf"),
        cutoff=AtEvents(events=300),
        interims=(AtEvents(events=150),),
        stopping=GroupSequential(alpha=0.025, efficacy="pocock"),
        analysis=replace(base.analysis, truth=KnownEffect(value=truth)),
    )
    n = 5000
    blocks = [
        simulate({"it": design}, Block(seed=SEED, number=k, n_replicates=250))["it"]
        for k in range(n // 250)
    ]
    found = {
        name: np.concatenate([block[name] for block in blocks])
        for name in ("unbiased_estimate", "unbiased_coverage")
    }
    below = float(np.mean(found["unbiased_estimate"] < truth))
    assert_within_mcse(below, 0.5, mcse=np.sqrt(0.25 / n))
    covered = float(np.mean(found["unbiased_coverage"]))
    assert_within_mcse(covered, 0.95, mcse=np.sqrt(0.95 * 0.05 / n))
