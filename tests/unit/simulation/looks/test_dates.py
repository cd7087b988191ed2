"""Trials that end with their last patient: dates tell when, and the price, as patients do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lupusim.scenario import load_scenario, packaged_names
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks.dates import dated_block, ends_by_dates
from lupusim.trial import AfterPatients
from lupusim.trial.treatment.costs import Costs
from small_trials import rates
from tolerance import SEED

BLOCK = Block(seed=SEED, number=3, n_replicates=7)
TRIALS = {
    f"{name} {number}": point.trial
    for name in packaged_names("scenarios")
    for number, point in enumerate(load_scenario(name).points[:2])
}
BY_DATES = {name: trial for name, trial in TRIALS.items() if ends_by_dates(trial)}
PRICED = Costs(per_patient=3.0, per_screened=0.5, per_month=2.0)


@pytest.mark.parametrize("costs", [None, PRICED], ids=["no costs", "costs"])
@pytest.mark.parametrize("name", BY_DATES)
def test_dates_tell_the_end_and_the_price_as_a_run_does_to_the_bit(name, costs):
    trial = replace(BY_DATES[name], costs=costs)
    told, run = dated_block(trial, BLOCK).sums, simulate_block(trial, BLOCK).sums
    assert {"duration", "missed_cutoff", "n_enrolled", *(["cost"] if costs else [])} == set(told)
    assert told == {key: run[key] for key in told}


def test_many_packaged_trials_are_of_the_kind_and_not_all():
    assert {"two_rates 0", "null_and_drift 1", "phase2_remission_52w 0"} <= set(BY_DATES)
    assert len(BY_DATES) < len(TRIALS)


def test_trials_whose_end_or_price_hangs_on_patients_are_followed():
    trial = rates((0.3, 0.5), n_patients=24)
    assert ends_by_dates(trial)
    assert not ends_by_dates(replace(trial, cutoff=AfterPatients(patients=20, follow_up=0.5)))
    assert not ends_by_dates(replace(trial, costs=Costs(per_visit=1.0)))
    for name in ("survival_three_looks", "supply_stress"):
        assert f"{name} 0" not in BY_DATES
