"""Sums of shares that differ by date or factor, or whose patients come in stages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from controls_seen import assert_pays
from lupusim.planning.controls.building import control_of
from lupusim.planning.controls.kinds import why_counted
from lupusim.planning.controls.shares import chances
from lupusim.scenario import load_scenario
from lupusim.simulation.block import followed
from lupusim.simulation.generation.generation import Block
from lupusim.trial import Dropout, Population
from lupusim.trial.population.covariates import CovariateEffect
from lupusim.trial.population.drift import Drift
from tolerance import SEED
from trials_adaptive import AT
from trials_platform import drifting, platform_trial

FEMALE = {"sex": {"female": 0.4, "male": 0.6}}
EFFECT = CovariateEffect(covariate="sex", level="male", on=(("ill", "well"),), hazard_ratio=2.0)


def test_chances_drift_with_the_date_as_the_hazard_does() -> None:
    trial = platform_trial(0.3, 0.5, population=drifting(2.0), dropout=Dropout(per_year=0.2))
    known = chances(trial, trial.primary, 3.0)
    stays = np.exp(-0.2 * AT)
    for arm, rate in enumerate((0.3, 0.3, 0.5)):
        expected = stays * (1 - (1 - rate) ** (2.0**known.dates))
        assert known.chance[arm, 0] == pytest.approx(expected, abs=1e-6)


def test_chances_differ_by_factor() -> None:
    both = Population(
        factors=FEMALE,
        effects=(EFFECT,),
        drift=(Drift(on=(("ill", "well"),), hazard_ratio_per_year=0.5),),
    )
    trial = platform_trial(0.3, 0.5, population=both)
    known = chances(trial, trial.primary, 1.0)
    for cell, ratio in enumerate((1.0, 2.0)):
        expected = 1 - 0.7 ** (ratio * 0.5**known.dates)
        assert known.chance[1, cell] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "trial",
    [
        platform_trial(0.5, 0.5, population=drifting(1.5)),
        platform_trial(
            0.5,
            0.5,
            joins=(None, None),
            population=Population(factors=FEMALE, effects=(EFFECT,)),
            stratify_by=("sex",),
        ),
        load_scenario("regimen_selection").points[0].trial,
    ],
    ids=["an arm that joins later", "strata that differ", "stages"],
)
def test_means_are_zero_in_a_block_and_shares_are_nearer(trial) -> None:
    assert why_counted(trial) == ""
    control = control_of(trial)
    found, patients = followed({"": trial}, Block(seed=SEED, number=0, n_replicates=800))
    values, claims = control.values(patients.generated), found[""]["reject"]
    assert_pays(control, values, claims, at_most=0.8)


def test_a_choice_that_leaves_places_empty_is_counted() -> None:
    trial = load_scenario("regimen_selection").points[0].trial
    rule = replace(trial.adaptation, reallocate=False)
    assert why_counted(replace(trial, adaptation=rule)) == "the trial adapts to what it sees"
    rule = replace(trial.adaptation, keep=None, epsilon=0.5)
    assert why_counted(replace(trial, adaptation=rule)) == "the trial adapts to what it sees"
