"""Arms that join or leave: who is open when, who is randomized to what, what can be wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.multiplicity.procedures import Dunnett
from lupusim.common.rng import stream
from lupusim.endpoints import TimeToEvent
from lupusim.simulation.adaptation import BlindedSize, SelectArms
from lupusim.trial import AtEvents, PermutedBlocks, SimpleRandomization, UniformEnrollment, Urn
from lupusim.trial.allocation.open_arms import is_open, randomize
from lupusim.trial.enrollment.arm_periods import (
    Controls,
    OnceOnArm,
    OnceRandomized,
    OnDate,
    arms_change,
)
from lupusim.trial.looks import AtEventsOf, WhenAny
from lupusim.trial.multiplicity import Family
from lupusim.trial.population.drift import Drift
from tolerance import SEED
from trials import analysis, exponential_arm
from trials_platform import LATER, drifting, platform_trial
from trials_staged import selection_trial

N_REPLICATES, N_PATIENTS = 40, 120
BASE = exponential_arm("arm", 1.0)


def an_arm(**changes):
    return replace(BASE, **changes)


MIXED = (
    an_arm(),
    an_arm(closes=OnceOnArm(patients=20)),
    an_arm(allocation=2, joins=OnDate(time=0.5)),
    an_arm(joins=OnceRandomized(patients=30), closes=OnceRandomized(patients=90)),
)
GAP = (an_arm(), an_arm(closes=OnDate(time=0.3)), an_arm(joins=OnDate(time=0.6)))
FULL_ALONE = (an_arm(), an_arm(closes=OnceOnArm(patients=10)), an_arm(joins=OnDate(time=0.6)))
SET_OFF = (an_arm(), an_arm(closes=OnDate(time=1e-9)), an_arm(joins=OnDate(time=0.6)))
TWO_CAPS = (
    an_arm(),
    an_arm(closes=OnceOnArm(patients=15)),
    an_arm(closes=OnceOnArm(patients=16)),
    an_arm(),
)


def randomized(arms, allocation=None, stratum=None):
    rng = stream(SEED, "platform test")
    shape = (N_REPLICATES, N_PATIENTS)
    time = UniformEnrollment(duration=1.0).times(*shape, rng=rng)
    if stratum is None:
        stratum = np.zeros(shape, dtype=np.intp)
    blocks = PermutedBlocks(block_size=2 * sum(arm.allocation for arm in arms))
    found = randomize(arms, allocation or blocks, enrollment_time=time, stratum=stratum, rng=rng)
    return time, found


def passed(moment, place, time, count):
    if isinstance(moment, OnDate):
        return time >= moment.time
    return (count if isinstance(moment, OnceOnArm) else place) >= moment.patients


def open_by_hand(arms, time, arm):
    """Return the open arms of every patient of one replicate, patient by patient."""
    count = [0] * len(arms)
    now = [0, *(k for k, one in enumerate(arms) if k and one.joins is None)]
    found = []
    for place, (when, own) in enumerate(zip(time, arm, strict=True)):
        there = [
            k
            for k, one in enumerate(arms)
            if (one.joins is None or passed(one.joins, place, when, count[k]))
            and (one.closes is None or not passed(one.closes, place, when, count[k]))
        ]
        now = there if len(there) > 1 else now
        found.append(now)
        count[own] += 1
    return found


@pytest.mark.parametrize("allocation", [None, SimpleRandomization()])
@pytest.mark.parametrize("arms", [MIXED, GAP, FULL_ALONE, SET_OFF, TWO_CAPS])
def test_the_open_arms_are_those_found_patient_by_patient(arms, allocation):
    time, found = randomized(arms, allocation)
    for row in range(N_REPLICATES):
        by_hand = open_by_hand(arms, time[row], found.arm[row])
        assert found.open_arms[row].tolist() == [sum(1 << k for k in one) for one in by_hand]


@pytest.mark.parametrize("arms", [MIXED, GAP, FULL_ALONE, SET_OFF, TWO_CAPS])
def test_nobody_is_randomized_to_an_arm_that_is_not_open(arms):
    _, found = randomized(arms)
    own = np.take_along_axis(
        np.stack([is_open(found.open_arms, k) for k in range(len(arms))]),
        found.arm[None].astype(np.intp),
        axis=0,
    )
    assert own.all()


@pytest.mark.parametrize("n_strata", [1, 2])
@pytest.mark.parametrize("arms", [MIXED, GAP, TWO_CAPS])
def test_whole_blocks_since_a_change_hold_the_ratio_of_the_open_arms(arms, n_strata):
    stratum = np.tile(np.arange(N_PATIENTS) % n_strata, (N_REPLICATES, 1))
    _, found = randomized(arms, stratum=stratum)
    for row in range(N_REPLICATES):
        breaks = np.flatnonzero(np.diff(found.open_arms[row])) + 1
        for part in np.split(np.arange(N_PATIENTS), breaks):
            numbers = [k for k in range(len(arms)) if found.open_arms[row, part[0]] >> k & 1]
            block = sorted(k for k in numbers for _ in range(2 * arms[k].allocation))
            for level in range(n_strata):
                own = found.arm[row, part[stratum[row, part] == level]]
                for begin in range(0, own.size - len(block) + 1, len(block)):
                    assert sorted(own[begin : begin + len(block)].tolist()) == block


def test_an_arm_closes_with_its_last_patient():
    _, found = randomized(TWO_CAPS)
    assert ((found.arm == 1).sum(axis=1) == 15).all()
    assert ((found.arm == 2).sum(axis=1) == 16).all()


def test_an_arm_that_is_alone_stays_open_until_another_joins():
    time, found = randomized(GAP)
    assert is_open(found.open_arms, 1)[time < 0.6].all()
    assert not is_open(found.open_arms, 1)[time >= 0.6].any()


@pytest.mark.parametrize(
    "make",
    [
        lambda: OnDate(time=0.0),
        lambda: OnceRandomized(patients=0),
        lambda: OnceOnArm(patients=0),
        lambda: Drift(on=(("a", "b"),), hazard_ratio_per_year=0.0),
        lambda: Drift(on=(("a", "b"),), hazard_ratio_per_year=np.inf),
    ],
)
def test_impossible_numbers_are_refused(make):
    with pytest.raises(ValueError, match="must be"):
        make()


def test_a_drift_is_log_linear_in_calendar_time():
    drift = Drift(on=(("ill", "well"),), hazard_ratio_per_year=1.5)
    assert np.exp(drift.log_ratio(np.array([0.0, 1.0, 2.0]))) == pytest.approx([1.0, 1.5, 2.25])


def test_arms_change_where_one_joins_or_closes():
    assert arms_change(MIXED)
    assert arms_change((an_arm(), an_arm(closes=LATER)))
    assert not arms_change((an_arm(), an_arm()))


def faulted(trial, **changes):
    """Return what a trial says when it is changed into one that cannot be."""
    with pytest.raises(ValueError, match=r": ") as caught:
        replace(trial, **changes)
    return str(caught.value)


def with_arm(trial, number, **changes):
    arms = list(trial.arms)
    arms[number] = replace(arms[number], **changes)
    return tuple(arms)


def test_the_control_is_open_throughout():
    trial = platform_trial()
    said = faulted(trial, arms=with_arm(trial, 0, joins=LATER, closes=LATER))
    assert "arms.0.joins: the control is shared" in said
    assert "arms.0.closes: the control is shared" in said


def test_an_experimental_arm_is_there_from_the_start_and_one_to_the_end():
    trial = platform_trial()
    assert "no experimental arm is open" in faulted(trial, arms=with_arm(trial, 1, joins=LATER))
    closing = replace(trial, arms=with_arm(trial, 1, closes=LATER))
    said = faulted(closing, arms=with_arm(closing, 2, closes=OnceOnArm(patients=30)))
    assert "every experimental arm closes, and patients still come" in said


def test_a_single_arm_does_not_change():
    trial = platform_trial()
    alone = {"family": None, "analysis": None, "n_patients": 40}
    said = faulted(trial, arms=(replace(trial.arms[1], closes=LATER),), **alone)
    assert "the control is shared" in said
    assert "no experimental arm is open" in said


@pytest.mark.parametrize(
    ("joins", "closes"),
    [(OnDate(time=0.5), OnDate(time=0.5)), (LATER, OnceRandomized(patients=80))],
)
def test_an_arm_does_not_close_before_it_joins(joins, closes):
    trial = platform_trial()
    said = faulted(trial, arms=with_arm(trial, 2, joins=joins, closes=closes))
    assert "arms.2.closes: the arm closes before it joins" in said


def test_an_arm_that_joins_after_enrollment_has_so_many_expected_patients():
    trial = platform_trial()
    said = faulted(trial, arms=with_arm(trial, 2, joins=OnDate(time=5.0)))
    assert "arms.2.joins: 0.0 patients of this arm are expected" in said
    assert "ends at 23.9 months" in said


def test_an_arm_that_closes_at_once_has_so_many_expected_patients():
    trial = platform_trial(joins=(None, None))
    said = faulted(trial, arms=with_arm(trial, 1, closes=OnceOnArm(patients=1)))
    assert "arms.1.closes: 1.0 patients of this arm are expected" in said


def test_what_is_not_built_for_arms_that_change_is_refused():
    trial = platform_trial()
    assert "allocation.method: this allocation" in faulted(trial, allocation=Urn())
    rule = BlindedSize(planned=100, difference=0.2)
    assert "adaptation: arms join or leave as planned" in faulted(trial, adaptation=rule)


def test_dunnetts_test_counts_on_shared_controls():
    said = faulted(platform_trial(), family=Family(procedure=Dunnett(ratio=(1, 1, 1))))
    assert "arms that share all control patients" in said


def test_controls_need_arms_that_change():
    fixed = platform_trial(joins=(None, None))
    said = faulted(fixed, analysis=analysis("pooled_z", controls=Controls.ALL))
    assert "analysis.controls: no arm joins later or leaves" in said


def test_adjusted_controls_need_one_look():
    trial = platform_trial()
    adjusted = analysis("logistic_regression", controls=Controls.ADJUSTED)
    said = faulted(trial, analysis=adjusted, interims=(WhenAny(conditions=(AtEvents(events=9),)),))
    assert "analysis.controls: at an interim look an arm may have nobody" in said


def test_a_drift_and_a_decision_on_who_comes_do_not_go_together():
    said = faulted(selection_trial(SelectArms(keep=1), 0.3, 0.5), population=drifting(1.2))
    assert "population.drift: who is enrolled further depends" in said


def test_a_drift_of_an_unknown_way_is_a_problem():
    population = replace(drifting(1.2), drift=(Drift(on=(("ill", "x"),), hazard_ratio_per_year=2),))
    said = faulted(platform_trial(), population=population)
    assert "population.drift.0.on.0: no arm's model has a transition 'ill -> x'" in said


def test_events_in_an_arm_are_not_limited_by_its_share_where_arms_change():
    trial = platform_trial(primary=TimeToEvent(name="response", events=("well",)))
    look = AtEventsOf(events=90, endpoint=0, arm=1)  # more than a third of 200
    assert replace(trial, analysis=analysis(), cutoff=look).cutoff == look


def test_a_larger_trial_waits_for_more_patients_and_for_the_same_dates() -> None:
    assert OnDate(time=0.5).scaled(3.0) == OnDate(time=0.5)
    assert OnceRandomized(patients=30).scaled(1.5) == OnceRandomized(patients=45)
    assert OnceOnArm(patients=10).scaled(0.01) == OnceOnArm(patients=1)


def test_what_one_enrollment_lets_expect_is_not_said_of_another():
    trial = platform_trial()
    late = with_arm(trial, 2, joins=OnDate(time=5.0))
    for _ in range(2):
        assert replace(trial, n_patients=trial.n_patients).n_patients  # enough on each arm
        assert "0.0 patients of this arm are expected" in faulted(trial, arms=late)
        fewer = faulted(trial, arms=late, n_patients=trial.n_patients // 2)
        assert "0.0 patients of this arm are expected" in fewer
        assert "ends at 23.9 months" not in fewer
