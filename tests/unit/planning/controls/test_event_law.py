"""The law of how often something happens, beside closed forms and sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from lupusim.endpoints import EventCount
from lupusim.errors import NoExactSolutionError
from lupusim.model import MultiStateModel, TreatmentEffect
from lupusim.planning.controls.event_law import event_law, is_of_study_time
from lupusim.trial import Arm
from trials import survival_trial, way
from trials_of_values import value_trial

TURNS = MultiStateModel(
    name="flares",
    states=("even", "odd"),
    transitions=(way("even", "odd", 2), way("odd", "even", 2)),
)
MORTAL = MultiStateModel(
    name="ends",
    states=("well", "ill", "death"),
    transitions=(way("well", "ill", 1.2), way("ill", "well", 3.0), way("well", "death", 0.4)),
)
FLARES = EventCount(name="flares", events=("even", "odd"), until=1.0)


def test_counts_of_patients_who_differ_are_negative_binomial():
    trial = value_trial("negative_binomial", "flares")
    law = event_law(trial, trial.primary, 1.0)
    number = np.arange(law.stays.shape[2])
    leaves = -np.log1p(-0.15)  # 15 % a year
    for arm, rate in enumerate((1.5, 0.7)):
        chances = nbinom(1 / 0.8, 1 / (1 + 0.8 * rate)).pmf(number)
        stays = law.stays[arm, -1]
        assert stays[:-1] == pytest.approx(np.exp(-leaves) * chances[:-1], abs=2e-6)
        # who leaves in the last cell has had the events of its middle
        early = nbinom(1 / 0.8, 1 / (1 + 0.8 * rate * (1 - law.width / 2))).pmf(number)
        gone = np.exp(-leaves * (1 - law.width)) - np.exp(-leaves)
        assert law.leaves[arm, -1][:-1] == pytest.approx(gone * early[:-1], abs=1e-7)
        assert law.stays[arm, -1].sum() + law.leaves[arm].sum() == pytest.approx(1, abs=1e-9)


def test_an_effect_that_begins_late_acts_from_then_on():
    late = TreatmentEffect(on=(("even", "odd"), ("odd", "even")), hazard_ratio=0.25, onset=0.4)
    arms = (Arm(name="control", model=TURNS), Arm(name="new", model=TURNS, effects=(late,)))
    trial = survival_trial(arms=arms, primary=FLARES, follow_up=1.0)
    assert is_of_study_time(trial)
    law = event_law(trial, FLARES, 1.0)
    number = np.arange(law.stays.shape[2] - 1)
    for arm, mean in enumerate((2.0, 2 * (0.4 + 0.25 * 0.6))):
        assert law.stays[arm, -1, :-1] == pytest.approx(poisson(mean).pmf(number), abs=1e-9)


def test_a_state_that_ends_the_history_ends_the_watching():
    arms = (Arm(name="control", model=MORTAL), Arm(name="new", model=MORTAL))
    ill = EventCount(name="times ill", events=("ill",), until=1.0)
    trial = survival_trial(arms=arms, primary=ill, follow_up=1.0)
    law = event_law(trial, ill, 1.0)
    # nobody was ill: the first stay is exponential, and a quarter of its ends are deaths
    assert law.stays[0, -1, 0] == pytest.approx(np.exp(-1.6), abs=1e-9)
    assert law.leaves[0, :, 0].sum() == pytest.approx(0.25 * (1 - np.exp(-1.6)), abs=1e-9)
    # ill once, and still: the integral of leaving well at s and staying ill to the end, or back
    s = (np.arange(20_000) + 0.5) / 20_000
    back = 3.0 / 1.4 * (np.exp(-1.6 * (1 - s)) - np.exp(-3.0 * (1 - s)))
    once = (1.2 * np.exp(-1.6 * s) * (np.exp(-3.0 * (1 - s)) + back)).mean()
    assert law.stays[0, -1, 1] == pytest.approx(once, abs=1e-7)


def test_very_many_events_are_not_told_apart():
    often = MultiStateModel(
        name="often",
        states=("even", "odd"),
        transitions=(way("even", "odd", 900), way("odd", "even", 900)),
    )
    arms = (Arm(name="control", model=often), Arm(name="new", model=often))
    trial = survival_trial(arms=arms, primary=FLARES, follow_up=1.0)
    with pytest.raises(NoExactSolutionError, match="events of a patient"):
        event_law(trial, FLARES, 1.0)
    slow = replace(trial, arms=tuple(Arm(name=a.name, model=TURNS) for a in arms))
    assert event_law(slow, FLARES, 1.0).stays.shape[2] < 20
