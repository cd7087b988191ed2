"""Which limits a selection of arms may have, and when an arm is proven early."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.simulation.adaptation import SelectArms
from lupusim.simulation.adaptation.stages import weights_of
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block
from lupusim.trial import AfterPatients
from tolerance import SEED
from trials_staged import events_selection, selection_trial


def test_limits_at_their_edge() -> None:
    assert SelectArms(epsilon=0.0).epsilon == 0
    assert SelectArms(keep=1).keep == 1
    with pytest.raises(ValueError, match=r"epsilon=-0\.1 must be 0 or above"):
        SelectArms(epsilon=-0.1)
    with pytest.raises(ValueError, match="keep=0 must be at least 1"):
        SelectArms(keep=0)


@pytest.mark.parametrize("early_alpha", [0.0, 0.005])
def test_an_arm_is_proven_at_the_look_alone_where_some_alpha_is_kept_for_it(early_alpha) -> None:
    trial = selection_trial(SelectArms(keep=1, early_alpha=early_alpha), 0.3, 0.95)
    found = simulate({"": trial}, Block(seed=SEED, number=0, n_replicates=10))[""]
    assert np.all(found["look_1_efficacy"] == (early_alpha > 0))
    assert np.all((found["n_enrolled"] == 200) == (early_alpha > 0))
    assert found["reject_dose 2"].all()


def test_a_selection_says_by_which_limits_arms_go_on() -> None:
    said = list(SelectArms(keep=2, at_least=0.5)._limits())
    assert said == ["the 2 best go on", "no arm goes on whose z is below 0.5"]
    assert list(SelectArms(epsilon=0.1)._limits()) == [
        "those go on that are within 0.1 of the best"
    ]


def test_stages_of_times_to_events_wait_for_their_own_events() -> None:
    rule = SelectArms(keep=1, first_events=60)
    trial = events_selection(rule, 0.5, 1.0)
    (both,) = rule.stage_events(trial)
    assert (both.events, both.n_patients) == (trial.cutoff.primary_events, trial.n_patients)
    trial = events_selection(rule, 0.5, 1.0, interims=(AfterPatients(patients=150),))
    first, second = rule.stage_events(trial)
    assert (first.events, first.n_patients) == (60, 150)
    assert second.events == trial.cutoff.primary_events - 60
    assert second.n_patients == trial.n_patients - 150
    followed = (AfterPatients(patients=150, follow_up=0.5),)
    assert rule.stage_events(events_selection(rule, 0.5, 1.0, interims=followed)) == (second,)
    plain = SelectArms(keep=1)
    assert plain.stage_events(selection_trial(plain, 0.3, 0.3)) == ()


def test_stages_weigh_what_they_are_planned_to_know() -> None:
    rule = SelectArms(keep=1)
    assert weights_of(selection_trial(rule, 0.3, 0.3), rule) == (0.5, 0.5)
    rule = SelectArms(keep=1, first_events=30)
    assert weights_of(events_selection(rule, 0.5, 1.0), rule) == (0.25, 0.75)
