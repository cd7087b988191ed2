"""Content hashes: the same for the same trial, another for every number that counts."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lupusim.scenario import load_scenario, packaged_names
from lupusim.simulation import fingerprint
from lupusim.simulation.fingerprint import code_fingerprint, trial_fingerprint
from lupusim.trial import AtCalendarTime, Better
from trials import disease_trial, survival_trial


def test_equal_trials_have_equal_hashes_in_every_process():
    code = (
        "from trials import disease_trial\n"
        "from lupusim.simulation.fingerprint import *\n"
        "print(trial_fingerprint(disease_trial()), code_fingerprint())"
    )
    command = [sys.executable, "-c", code]
    path = os.pathsep.join(
        [str(Path(__file__).parents[2] / "support"), os.environ.get("PYTHONPATH", "")]
    )
    env = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "7"}
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
    assert told.split() == [trial_fingerprint(disease_trial()), code_fingerprint()]


@pytest.mark.parametrize(
    "changes",
    [
        {"n_patients": 62},
        {"follow_up": 1.0 + 1e-12},
        {"cutoff": AtCalendarTime(time=2.0)},
        {"stratify_by": ()},
        {"secondary": ()},
    ],
)
def test_every_change_of_the_design_changes_the_hash(changes):
    trial = disease_trial()
    assert trial_fingerprint(replace(trial, **changes)) != trial_fingerprint(trial)


def test_a_treated_arm_differs_from_its_null_twin():
    trial = survival_trial()
    assert trial_fingerprint(trial) != trial_fingerprint(trial.null_twin())
    weaker = survival_trial(hazard_ratio=0.6)
    assert trial_fingerprint(weaker.null_twin()) == trial_fingerprint(trial.null_twin())


def test_whole_numbers_and_words_for_people_do_not_count():
    trial = survival_trial()
    arms = tuple(
        replace(arm, model=replace(arm.model, description="x", source=("y",))) for arm in trial.arms
    )
    assert trial_fingerprint(replace(trial, arms=arms)) == trial_fingerprint(trial)
    assert trial_fingerprint(replace(trial, follow_up=2)) == trial_fingerprint(trial)


@pytest.mark.parametrize("name", packaged_names("scenarios"))
def test_every_packaged_scenario_has_a_hash_for_each_design(name):
    points = load_scenario(name).points
    assert len({trial_fingerprint(point.trial) for point in points}) == len(points)


def test_every_kind_of_part_has_a_content():
    parts = [Better.MORE, Better.FEWER, {"a": 1}, {"a": 2}, np.ones(2), np.ones((2, 1)), (1, 2)]
    parts += [[1, 3], {1, 2}, frozenset({3}), None, True, "x", np.float64(0.5), int]
    with pytest.raises(TypeError, match="object has no content hash"):
        fingerprint._plain(object())
    with pytest.raises(TypeError, match="has no content hash"):
        fingerprint._plain(len)
    assert len({repr(fingerprint._plain(part)) for part in parts}) == len(parts)
