"""Trials with several hypotheses: how near the truth each arm's estimate is."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.group_sequential import FutilityBounds
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.multiplicity import holm_graph
from lupusim.analysis.multiplicity.procedures import Adjusted, Graphical, sequential_graph
from lupusim.endpoints import Responder, TimeToEvent
from lupusim.model import TreatmentEffect
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.looks.look_statistics import gather
from lupusim.simulation.looks.multiplicity import hold_family
from lupusim.trial import AtCalendarTime, AtEvents, Trial, UniformEnrollment
from lupusim.trial.design import KnownEffect, SimulatedEffect
from lupusim.trial.multiplicity import Family, GivesUp, Hypothesis
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


@pytest.mark.parametrize("gives_up", list(GivesUp))
def test_futility_of_the_primary_endpoint_may_leave_the_others_going(gives_up: GivesUp) -> None:
    test = analysis("logrank")
    other = Hypothesis(endpoint="again", name="logrank", test=test.test, effect=test.effect)
    procedure = Graphical.of(sequential_graph("bonferroni", 2, None))
    trial = survival_trial(
        n_patients=120,
        follow_up=math.inf,
        interims=(AtEvents(events=30),),
        cutoff=AtEvents(events=70),
        secondary=(TimeToEvent(name="again", events=("death",)),),
        family=Family(procedure=procedure, hypotheses=(other,), gives_up=gives_up),
        stopping=GroupSequential(alpha=0.025, futility=FutilityBounds(z=(9.0,))),
    )
    found = hold_family(trial, generate(trial, BLOCK))
    late = found["again: reject_cells"].sum() - found["reject_cells"].sum()
    given_up = found["look_1_futility"].sum()
    assert (late > 10, given_up > 30) == (
        (True, False) if gives_up is GivesUp.PRIMARY else (False, True)
    )
    assert not any("picked" in name for name in found)  # there is one arm to pick


def test_one_of_the_proven_arms_is_picked() -> None:
    trial = three_arms(None)
    found = hold_family(trial, generate(trial, BLOCK))
    low, high = (found[f"reject_{name}"] > 0 for name in ("low", "high"))
    np.testing.assert_array_equal(found["picked_low"] + found["picked_high"], low | high)
    assert np.all(found["picked_low"][low & ~high] == 1)
    assert np.all(found["picked_high"][high & ~low] == 1)
    assert low.any()


def test_a_hypothesis_whose_data_are_complete_stays_testable_at_every_later_look() -> None:
    test = analysis("pooled_z")
    alive = Responder(name="alive at a month", states=("alive",), at=1 / 12)
    other = Hypothesis(endpoint=alive.name, name="pooled_z", test=test.test, effect=test.effect)
    trial = survival_trial(
        hazard_ratio=0.6,
        n_patients=300,
        enrollment=UniformEnrollment(duration=0.1),
        interims=(AtEvents(events=60), AtEvents(events=100)),
        cutoff=AtEvents(events=150),
        visits=(alive.at,),
        secondary=(alive,),
        stopping=GroupSequential(alpha=0.025),
        family=Family(
            procedure=Graphical.of(sequential_graph("fixed_sequence", 2, None)),
            hypotheses=(other,),
        ),
    )
    generated = generate(trial, replace(BLOCK, n_replicates=200))
    found = hold_family(trial, generated)
    survival, response = gather(trial, generated)
    np.testing.assert_array_equal(response.p_value[:, 0], response.p_value[:, 2])
    # rpact 3.3.4: getDesignGroupSequential(informationRates = c(60, 100, 150) / 150, "asOF")
    first = (survival.z >= [3.356869, 2.517093, 1.993428]).any(axis=1)
    expected = first & (response.p_value[:, 2] <= 0.025)
    np.testing.assert_array_equal(found["reject_cells"], first)
    np.testing.assert_array_equal(found["alive at a month: reject_cells"], expected)
    assert 0.02 < expected.mean() < first.mean()


def test_an_arm_that_closes_early_enrolls_nobody_more_where_the_last_look_never_comes() -> None:
    futile = GroupSequential(alpha=0.025, futility=FutilityBounds(z=(0.0,)))
    procedure = Graphical.of(sequential_graph("bonferroni", 2, None))
    trial = replace(
        three_arms(None),
        enrollment=UniformEnrollment(duration=2.0),
        interims=(AtCalendarTime(time=1.0),),
        cutoff=AtEvents(events=119),  # nearly everybody, and they are followed for two years
        follow_up=2.0,
        stopping=futile,
        family=Family(procedure=procedure),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = simulate({"": trial}, BLOCK)[""]
    endless = found["missed_cutoff"] == 1
    assert endless.any()
    generated = generate(trial, BLOCK)
    seen = gather(trial, generated)
    came = np.full(generated.arm.shape, True)
    for arm, shown in enumerate(seen, start=1):
        late = (generated.arm == arm) & (generated.enrollment_time > 1.0)
        came &= ~(late & (shown.z[:, :1] <= 0))  # given up at the look
    gone = endless & ~(came.sum(axis=1) == 120)
    assert gone.any()
    np.testing.assert_array_equal(found["n_enrolled"][gone], came.sum(axis=1)[gone])
