"""Estimates after stopping: the naive one is too good, the median-unbiased one is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim import load_scenario
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block
from lupusim.trial.design import KnownEffect
from tolerance import SEED, assert_within_mcse

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
