"""What the looks show: times in order, only who is enrolled, the same as looking one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim import load_scenario
from lupusim.analysis.group_sequential import EfficacyAt
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.multiplicity.procedures import Graphical, sequential_graph
from lupusim.endpoints import OrdinalState, SustainedResponder, TimeInStates
from lupusim.simulation.adaptation import BlindedSize, PromisingZone
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.looks.cutoffs import analyze, cut, time_of, waited
from lupusim.simulation.looks.group_sequential import hold_looks
from lupusim.simulation.looks.look_statistics import Remembered, gather, look_times
from lupusim.simulation.looks.multiplicity import hold_family
from lupusim.simulation.tally import Tally
from lupusim.trial import AfterPatients, AtCalendarTime, AtEvents, Endpoint, Trial
from lupusim.trial.looks import AtEventsOf, Limited
from lupusim.trial.multiplicity import Family
from tolerance import SEED
from trials import analysis
from trials_adaptive import AT, adaptive_trial


@pytest.fixture(scope="module")
def trial() -> Trial:
    return load_scenario("survival_three_looks").points[0].trial


BLOCK = Block(seed=SEED, number=0, n_replicates=25)


def test_each_look_shows_what_a_trial_cut_there_shows(trial: Trial) -> None:
    generated = generate(trial, BLOCK)
    assert trial.analysis is not None
    (evidence,) = gather(trial, generated)
    for number, cutoff in enumerate(trial.looks):
        observation = cut(generated, cutoff)
        outcome = generated.measurements[0].outcome(observation)
        verdict = analyze(trial, trial.analysis, observation, outcome, sided=1)
        np.testing.assert_array_equal(evidence.cutoff[:, number], observation.cutoff)
        np.testing.assert_allclose(evidence.p_value[:, number], verdict.p_value, rtol=1e-12)
        np.testing.assert_array_equal(evidence.information[:, number], outcome.information)


def test_no_look_comes_before_the_one_before(trial: Trial) -> None:
    crossed = replace(trial, interims=(AtCalendarTime(time=1.9), AtEvents(events=20)))
    times = np.stack(look_times(crossed, generate(crossed, BLOCK)))
    assert (np.diff(times, axis=0) >= 0).all()
    assert (times[0] == 1.9).all()


def test_an_interim_look_that_is_not_due_before_the_last_one_is_skipped(trial: Trial) -> None:
    generated = generate(trial, BLOCK)
    reached = time_of(AtEvents(events=100), generated)
    date = float(np.median(reached))
    last_look = Limited(clock=AtCalendarTime(time=date), gap=0.05)
    dated = replace(trial, interims=(AtEvents(events=30), AtEvents(events=100)), cutoff=last_look)
    first, second, last = look_times(dated, generated)
    np.testing.assert_array_equal(second, np.where(reached < date, reached, last))
    before = np.where(second < last, second, first)
    np.testing.assert_allclose(last, np.maximum(date, before + 0.05))
    skipped = second == last
    assert 0 < skipped.mean() < 1
    found = hold_looks(dated, generated)
    np.testing.assert_array_equal(np.isnan(found["look_2_time"]), skipped)
    assert not found["look_2_efficacy"][skipped].any()
    np.testing.assert_array_equal(np.isnan(found["look_2_information"]), skipped)
    family = Family(procedure=Graphical.of(sequential_graph("bonferroni", 1, None)))
    same = hold_family(replace(dated, family=family), generated)
    np.testing.assert_array_equal(same["reject"], found["reject"])
    np.testing.assert_array_equal(same["look_3_efficacy"], found["look_3_efficacy"])


def test_events_that_do_not_happen_are_never_reached(trial: Trial) -> None:
    short = replace(trial, cutoff=AtEvents(events=300), follow_up=0.1)
    assert np.isinf(look_times(short, generate(short, BLOCK))[-1]).all()


def test_a_look_can_wait_for_the_events_of_one_arm_and_a_gap(trial: Trial) -> None:
    looks = (AtEventsOf(events=20, arm=1), Limited(clock=AtEvents(events=21), gap=0.5))
    waiting = replace(trial, interims=looks)
    generated = generate(waiting, BLOCK)
    first, second, _ = look_times(waiting, generated)
    time = generated.measurements[0].event_time(generated.watched_until) + generated.enrollment_time
    happened = (time <= first[:, None]) & (generated.arm == 1)
    assert (happened.sum(axis=1) == 20).all()
    np.testing.assert_allclose(second, first + 0.5)


def test_it_is_told_how_often_a_look_did_not_wait_for_its_clock(trial: Trial) -> None:
    last = Limited(clock=AtEvents(events=200), latest=2.5, extension=0.25)
    dated = replace(trial, cutoff=last)
    found = hold_looks(dated, generate(dated, BLOCK))
    held = np.isfinite(found["look_3_short"])
    stops = found["look_1_efficacy"] + found["look_2_efficacy"]
    np.testing.assert_array_equal(held, stops == 0)
    late = found["look_3_time"] > 2.5
    np.testing.assert_array_equal(found["look_3_extended"][held], late[held])
    np.testing.assert_array_equal(found["look_3_short"][held], (found["look_3_time"] == 2.75)[held])
    fixed = replace(trial, interims=(), stopping=None, cutoff=replace(last, extension=0.0))
    observation = cut(generate(fixed, BLOCK), fixed.cutoff)
    assert waited(1, fixed.cutoff, observation.cutoff)["look_1_short"].mean() > 0
    assert waited(1, AtEvents(events=9), observation.cutoff) == {}


def test_known_evidence_is_not_gathered_again_and_gives_the_same(trial: Trial) -> None:
    generated = generate(trial, BLOCK)
    looks = Remembered(trial, generated)
    afresh, again = hold_looks(trial, generated), hold_looks(trial, generated, looks)
    for name, values in afresh.items():
        np.testing.assert_array_equal(values, again[name])


def test_bounds_are_the_same_whether_their_information_is_usual_or_not() -> None:
    rule = GroupSequential(alpha=0.025)
    usual, other = [0.3, 0.7, 1.0], [0.4, 0.6, 1.0]
    mixed = rule.bounds(np.array([usual, other, usual]))[0]
    turned = rule.bounds(np.array([other, usual, other]))[0]
    np.testing.assert_allclose(mixed[[0, 1]], turned[[1, 0]], atol=1e-9)
    np.testing.assert_array_equal(mixed[0], mixed[2])


@pytest.mark.parametrize(
    ("primary", "test"),
    [
        (TimeInStates(name="years", states=("well",), until=AT), "t_test"),
        (SustainedResponder(name="lasting", states=("well",), visits=(AT / 2, AT)), "pooled_z"),
        (OrdinalState(name="rank", ranking=(("ill",), ("well",)), at=AT), "wilcoxon"),
    ],
)
def test_every_endpoint_at_a_visit_has_its_planned_information(
    primary: Endpoint, test: str
) -> None:
    trial = adaptive_trial(
        None,
        0.5,
        n_looks=2,
        n_patients=100,
        primary=primary,
        visits=(AT / 2, AT),
        analysis=analysis(test),
        stopping=GroupSequential(alpha=0.025),
    )
    found = hold_looks(trial, generate(trial, BLOCK))
    np.testing.assert_allclose(found["look_1_information"], 0.5)
    np.testing.assert_allclose(found["look_2_information"], 1.0)


def test_a_size_can_be_chosen_for_every_endpoint_at_a_visit() -> None:
    primary = TimeInStates(name="years", states=("well",), until=AT)
    trial = adaptive_trial(
        PromisingZone(planned=60),
        0.5,
        n_looks=2,
        n_patients=100,
        primary=primary,
        interims=(AfterPatients(patients=40, follow_up=AT),),
        analysis=analysis("t_test"),
        stopping=GroupSequential(alpha=0.025),
    )
    found = simulate({"": trial}, BLOCK)[""]
    goes_on = found["look_1_efficacy"] == 0
    np.testing.assert_array_equal(found["n_enrolled"][goes_on] >= found["size"][goes_on], True)
    assert 0 < found["enlarged"].mean() < 1
    free = simulate({"": replace(trial, stopping=None)}, BLOCK)[""]
    last_alone = GroupSequential(
        alpha=0.025, efficacy=EfficacyAt(looks=(2,), rule="obrien_fleming")
    )
    same = simulate({"": replace(trial, stopping=last_alone)}, BLOCK)[""]
    assert free["look_1_efficacy"].sum() == 0  # an interim look without bounds claims nothing
    for name in same:
        np.testing.assert_array_equal(free[name], same[name], err_msg=name)
    limited = Limited(clock=trial.cutoff, latest=9.0)
    with pytest.raises(ValueError, match="has limits of its own"):
        replace(trial, cutoff=limited)
    with pytest.raises(ValueError, match="needs a response at a visit"):
        replace(trial, adaptation=BlindedSize(planned=60, difference=0.2))


def test_estimates_of_a_look_are_of_trials_that_reach_it_and_of_those_that_stop(
    trial: Trial,
) -> None:
    generated = generate(trial, replace(BLOCK, n_replicates=200))
    found = hold_looks(trial, generated)
    (seen,) = gather(trial, generated)
    stops = [found[f"look_{k}_efficacy"] + found[f"look_{k}_futility"] > 0 for k in (1, 2, 3)]
    tally = Tally.of(found)
    for number, here in enumerate(stops):
        reach = ~np.any(stops[:number], axis=0) if number else np.ones(200, dtype=bool)
        name = f"look_{number + 1}_estimate"
        for quantity, who in ((name, reach), (f"{name}_stops", here)):
            expected = seen.estimate[who, number]
            np.testing.assert_array_equal(found[quantity][who], expected)
            assert np.isnan(found[quantity][~who]).all()
            assert tally.mean(quantity).value == pytest.approx(expected.mean())
            middle = np.quantile(expected, 0.5, method="inverted_cdf")
            assert tally.quantile(quantity, 0.5).value == pytest.approx(middle, rel=0.004)
