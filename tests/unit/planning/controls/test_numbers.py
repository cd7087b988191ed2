"""Years in states: their mean from the exact engine, and the law of what patients add."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from controls_seen import assert_pays
from lupusim.endpoints import TimeInStates
from lupusim.endpoints.time_in_states import MissingTime
from lupusim.model import TreatmentEffect
from lupusim.planning.controls.building import control_of
from lupusim.planning.controls.kinds import why_counted
from lupusim.planning.controls.sampled.numbers import mean_years, number_law
from lupusim.scenario import load_scenario
from lupusim.simulation.block import followed
from lupusim.simulation.controls import Score, Together
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.looks.cutoffs import observed
from lupusim.trial import Arm, AtCalendarTime, Dropout, Infusions, Population
from lupusim.trial.population.covariates import GammaFrailty
from lupusim.trial.treatment.arms import Switch
from tolerance import SEED, assert_within_mcse
from trials import DISEASE, analysis
from trials_of_wins import two_doses, win_trial

YEARS = TimeInStates(name="years", states=("remission",), until=1.0)
SOON = TreatmentEffect(on=(("relapse", "remission"),), hazard_ratio=5.0)
RESCUE = Arm(name="rescue", model=DISEASE, effects=(SOON,))
SWITCHING = (
    Arm(name="control", model=DISEASE),
    Arm(name="new", model=DISEASE, switch=Switch(on=("relapse",), arm=RESCUE)),
)


def years_trial(**changes):
    return win_trial("welch", **{"primary": YEARS, "n_patients": 90, **changes})


SMART = load_scenario("smart_msc_then_cart").points[0].trial


@pytest.mark.parametrize(
    "trial",
    [
        years_trial(),
        years_trial(arms=SWITCHING),
        years_trial(primary=replace(YEARS, missing=MissingTime.IN_STATES)),
        years_trial(primary=replace(YEARS, states=("relapse", "death"))),
        years_trial(dropout=Dropout(per_year=0.4, by_state={"relapse": 3.0}, by_arm={"new": 2.0})),
        SMART,
    ],
    ids=[
        "plain",
        "switch",
        "missing count",
        "with death",
        "dropout by state and arm",
        "a packaged one",
    ],
)
def test_mean_years_are_those_of_patients(trial):
    years = trial.primary.years_in_states
    generated = generate(trial, Block(seed=SEED, number=0, n_replicates=600))
    outcome = generated.measurements[0].outcome(observed(generated, np.full(600, np.inf)))
    for number, arm in enumerate(trial.arms):
        mine = outcome.values[generated.arm == number]
        error = mine.std() / np.sqrt(mine.size)
        assert_within_mcse(mine.mean(), mean_years(arm, trial.dropout, years), mcse=error)


def test_the_law_has_the_mean_that_is_known():
    trial = years_trial()
    law = number_law(trial, 0, seed=1)
    known = [mean_years(arm, trial.dropout, YEARS) for arm in trial.arms]
    np.testing.assert_allclose(law.sample.chance[:, :-1] @ law.value, known, atol=2e-4)
    np.testing.assert_allclose(law.sample.chance.sum(axis=1), 1.0)
    twin = number_law(trial.null_twin(), 0, seed=1)
    assert twin.sample.alike
    np.testing.assert_array_equal(twin.sample.chance[0], twin.sample.chance[1])


@pytest.mark.parametrize("test", ["welch", "t_test"])
def test_what_is_taken_out_leaves_a_smaller_error(test):
    trial = years_trial(analysis=win_trial(test).analysis)
    control = control_of(trial, seed=1)
    found, patients = followed({"": trial}, Block(seed=SEED, number=0, n_replicates=1000))
    assert_pays(control, control.values(patients.generated), found[""]["reject"], at_most=0.6)


def test_who_has_no_mean_is_counted():
    assert why_counted(years_trial(arms=SWITCHING)) == ""
    frail = Population(frailties=(GammaFrailty(on=(("active", "death"),), variance=0.5),))
    left_out = replace(YEARS, missing=MissingTime.LEFT_OUT)
    cells = Infusions(cells_per_kg=1e6, at=(0.0,), missed=0.1)
    missing = replace(SWITCHING[0], name="cells", infusions=cells)
    late = TreatmentEffect(on=(("remission", "relapse"),), hazard_ratio=3.0, lasts=0.4)
    rescue = replace(RESCUE, effects=(late,))
    unknown = replace(SWITCHING[1], switch=Switch(on=("relapse",), arm=rescue))
    for changes in (
        {"population": frail},
        {"primary": left_out},
        {"arms": (SWITCHING[0], missing)},
        {"arms": (SWITCHING[0], unknown)},
    ):
        assert why_counted(years_trial(**changes)) == "no exact mean is known of its years"
    dated = years_trial(cutoff=AtCalendarTime(time=1.5))
    assert why_counted(dated) == "how many patients a look sees is left to chance"
    assert why_counted(years_trial(primary=left_out, dropout=Dropout(per_year=0.0))) == ""


def test_years_of_several_arms_have_steps_of_their_own_and_no_product():
    found = [
        {type(score) for score in control_of(trial).scores}
        for trial in (SMART, two_doses(analysis("win_odds")))
    ]
    assert found == [{Score}, {Score, Together}]
