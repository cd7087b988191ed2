"""Trials with several hypotheses: how near the truth each arm's estimate is."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.group_sequential import FutilityBounds
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.multiplicity import holm_graph
from lupusim.analysis.multiplicity.procedures import Adjusted, Graphical
from lupusim.model import TreatmentEffect
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.looks.multiplicity import hold_family
from lupusim.trial import AtCalendarTime, TimeToEvent, Trial
from lupusim.trial.design import KnownEffect, SimulatedEffect
from lupusim.trial.multiplicity import Family, Hypothesis
from tolerance import SEED
from trials import analysis, exponential_arm, survival_trial

BLOCK = Block(seed=SEED, number=0, n_replicates=40)
HOLM = Family(procedure=Adjusted(method="holm"))


def three_arms(truth: KnownEffect | SimulatedEffect | None) -> Trial:
    effects = [TreatmentEffect(on=(("alive", "death"),), hazard_ratio=r) for r in (0.5, 1.0)]
    arms = (
        exponential_arm("control", 0.8),
        exponential_arm("low", 0.8, effects=effects[:1]),
        exponential_arm("high", 0.8, effects=effects[1:]),
    )
    return survival_trial(
        arms=arms, n_patients=120, family=HOLM, analysis=analysis("cox", truth=truth)
    )


def test_each_arm_has_a_truth_of_its_own() -> None:
    trial = three_arms(SimulatedEffect(n_patients=60_000))
    found = hold_family(trial, generate(trial, BLOCK))
    assert found["true_effect_low"][0] == pytest.approx(math.log(0.5), abs=0.05)
    assert found["true_effect_high"][0] == pytest.approx(0.0, abs=0.05)
    for arm in ("low", "high"):
        error = found[f"estimate_{arm}"] - found[f"true_effect_{arm}"]
        np.testing.assert_allclose(found[f"bias_{arm}"], error)
        np.testing.assert_allclose(found[f"squared_error_{arm}"], error**2)
    assert not any("bias" in name for name in hold_family(three_arms(None), generate(trial, BLOCK)))


def test_one_number_is_no_truth_of_two_arms() -> None:
    with pytest.raises(ValueError, match="cannot be the true effect of 2 arms"):
        three_arms(KnownEffect(value=-0.7))


def test_the_truth_is_that_of_the_primary_endpoint() -> None:
    test = analysis("logrank")
    other = Hypothesis(endpoint="again", name="logrank", test=test.test, effect=test.effect)
    trial = survival_trial(
        secondary=(TimeToEvent(name="again", events=("death",)),),
        family=replace(HOLM, hypotheses=(other,)),
        analysis=analysis("cox", truth=KnownEffect(value=math.log(0.5))),
    )
    found = hold_family(trial, generate(trial, BLOCK))
    assert [name for name in found if "bias" in name] == ["bias_cells"]


@pytest.mark.parametrize("futility", [None, FutilityBounds(z=(-9.0,))])
def test_a_look_without_any_event_gives_no_hypothesis_up(futility: FutilityBounds | None) -> None:
    trial = replace(
        three_arms(None),
        interims=(AtCalendarTime(time=1e-4),),
        stopping=GroupSequential(alpha=0.025, futility=futility),
        family=Family(procedure=Graphical.of(holm_graph(2))),
    )
    found = hold_family(trial, generate(trial, BLOCK))
    assert not found["look_1_futility"].any()
    assert found["reject_low"].any()
