"""What each patient adds to a ratio of rates, beside the ratio of rates."""

from __future__ import annotations

import numpy as np
import pytest

from controls_seen import assert_pays
from lupusim.analysis import negative_binomial, rate_ratio
from lupusim.planning.controls.building import control_of
from lupusim.planning.controls.counts import sums_of_counts
from lupusim.planning.controls.kinds import is_controlled
from lupusim.planning.controls.parts import Baseline
from lupusim.simulation.block import followed
from lupusim.simulation.controls import Whole
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks.look_statistics import comparisons
from tolerance import SEED, assert_within_mcse
from trials_of_values import value_trial

BY = {"negative_binomial": negative_binomial, "rate_ratio": rate_ratio}


@pytest.mark.parametrize("test", BY)
def test_sums_follow_the_statistic(test: str) -> None:
    trial = value_trial(test, "flares", sample_size=1200)
    (one,) = sums_of_counts(trial, comparisons(trial)[0], Baseline.of(trial))
    _, patients = followed({"": trial}, Block(seed=SEED, number=0, n_replicates=60))
    whole = Whole(patients.generated)
    outcome = whole.outcome(0)
    result = BY[test](outcome.count, outcome.years, outcome.arm)
    z = result.estimate / result.standard_error
    nearly = one.mean + one.sum.sums(whole)
    assert np.abs(nearly - z).mean() < 0.1
    assert np.corrcoef(nearly, z)[0, 1] > 0.99
    assert_within_mcse(one.sum.sums(whole).mean(), 0.0, mcse=one.spread / np.sqrt(60))


@pytest.mark.parametrize(
    "trial",
    [
        value_trial("negative_binomial", "flares"),
        value_trial("negative_binomial", "flares", dispersion=0),
        value_trial("rate_ratio", "flares", looks=[{"when": {"calendar_time": "15 months"}}]),
    ],
    ids=["who differ", "alike", "before all are known"],
)
def test_means_are_zero_in_a_block_and_shares_are_nearer(trial) -> None:
    assert is_controlled(trial)
    control = control_of(trial)
    found, patients = followed({"": trial}, Block(seed=SEED, number=0, n_replicates=1500))
    values, claims = control.values(patients.generated), found[""]["reject"]
    assert_pays(control, values, claims, at_most=0.7)
