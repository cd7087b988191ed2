"""Pairs of patients who are followed for unequal times: each is cut at a time that all share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.endpoints import Hierarchy
from lupusim.planning.controls.building import control_of
from lupusim.planning.controls.kinds import why_counted
from lupusim.planning.controls.parts import Baseline
from lupusim.planning.controls.sampled import floors, pairs, samples
from lupusim.planning.controls.sampled.floors import floors_of, sizes_at
from lupusim.planning.controls.sampled.samples import SampledLaw
from lupusim.simulation.controls import Whole
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.looks.cutoffs import observed
from lupusim.trial import AfterLastPatient, AtCalendarTime, Trial
from lupusim.trial.looks import AtEventsOf
from tolerance import SEED, assert_within_mcse
from trials_of_wins import DEATH, RELAPSES, win_trial

DATED = win_trial(cutoff=AtCalendarTime(time=1.3), follow_up=1.0, n_patients=60)
LONG = Hierarchy(name="both", levels=(DEATH, RELAPSES))
AFTER = win_trial(
    primary=LONG,
    cutoff=AfterLastPatient(follow_up=1.0),
    follow_up=3.0,
    n_patients=60,
    visits=(),
)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "_DRAWN", 12_000)
    monkeypatch.setattr(pairs, "_PATIENTS", 600)
    monkeypatch.setattr(floors, "_TIMES", 5)


@pytest.mark.parametrize("trial", [DATED, AFTER], ids=["at a date", "after the last"])
def test_a_patient_is_seen_as_if_the_data_were_cut_at_that_time(trial: Trial) -> None:
    generated = generate(trial, Block(seed=SEED, number=0, n_replicates=4))
    found = floors_of(trial)
    place = found.of(generated.enrollment_time)
    table = Whole(generated).outcome_at(0, found).table()
    reached = found.cut.of(generated.enrollment_time)[:, None] - generated.enrollment_time
    for patient in range(0, trial.n_patients, 7):
        which = place[:, patient]
        there = np.flatnonzero(which >= 0)
        assert (found.times[which[there]] <= reached[there, patient]).all()
        date = generated.enrollment_time[:, patient] + found.times[which]
        alone = generated.measurements[0].outcome(observed(generated, date)).table()
        for name, column in alone.items():
            shown = np.broadcast_to(column, place.shape)[there, patient]
            mine = np.broadcast_to(table[name], place.shape)[there, patient]
            np.testing.assert_allclose(mine, shown, atol=1e-8)
    assert not table["in_analysis"][place < 0].any()


def test_as_many_patients_are_cut_at_each_time() -> None:
    found, baseline = floors_of(AFTER), Baseline.of(AFTER)
    sizes = sizes_at(baseline.pair(1), found)
    place = found.of(baseline.enrolled)
    by_hand = [
        [((place == k) & (baseline.arm == arm)).sum(axis=1) for k in range(5)] for arm in (0, 1)
    ]
    np.testing.assert_array_equal(sizes, np.moveaxis(np.array(by_hand), 2, 0))
    of_all = sizes.sum(axis=(0, 1)) / sizes.sum()
    assert of_all[0] == 0.0  # all are followed for a year
    np.testing.assert_allclose(of_all[1:], 0.25, atol=0.03)


def test_the_mean_of_a_step_is_that_of_patients_who_are_drawn_by_kind() -> None:
    (score,) = control_of(AFTER, seed=1).scores
    law, baseline = pairs.pair_law(AFTER, 0, seed=1), Baseline.of(AFTER)
    sizes = sizes_at(baseline.pair(1), law.floors).astype(int)
    n_kinds, rng, repeats = law.floors.times.size, np.random.default_rng(SEED), 40
    steps = []
    for draw in np.tile(np.arange(len(sizes)), repeats)[:20_000]:
        total = 0.0
        for arm in (0, 1):
            for kind in np.flatnonzero(sizes[draw, arm]):
                drawn = rng.multinomial(
                    sizes[draw, arm, kind], law.sample.chance[arm * n_kinds + kind]
                )
                total += drawn @ score.sum.adds[arm, kind]
        steps.append(1 / (1 + np.exp((total - score.thresholds) / score.scale)))
    mean, error = np.mean(steps, axis=0), np.std(steps, axis=0) / np.sqrt(len(steps))
    assert_within_mcse(mean, score.means.mean(axis=0), mcse=error)


def test_arms_alike_err_together_kind_by_kind() -> None:
    chance = np.array([[0.2, 0.8], [0.6, 0.4]])
    slopes = np.array([[[1.0], [0.0]], [[0.5], [0.0]], [[2.0], [0.0]], [[-0.5], [0.0]]])
    law = SampledLaw(
        chance=np.tile(chance, (2, 1)),
        n_patients=np.array([100.0, 50.0, 100.0, 50.0]),
        alike=True,
        beside=np.zeros((4, 2, 0)),
        n_kinds=2,
    )
    known = 3.0**2 * 0.2 * 0.8 / 100  # the second kind's slopes cancel
    np.testing.assert_allclose(law.covariance(slopes), [[known]])


def test_kinds_that_nobody_of_the_sample_is_of_add_nothing() -> None:
    chance, _ = samples._Sums(3, 0).law(None)
    assert chance.tolist() == [0.0, 0.0, 1.0]


def test_further_looks_and_dates_that_events_decide_are_counted() -> None:
    reason = "how many patients a look sees is left to chance"
    early = AtCalendarTime(time=0.8)
    looks = replace(DATED, interims=(early,), stopping=GroupSequential(alpha=0.025))
    assert why_counted(looks) == reason
    at_events = replace(AFTER, cutoff=AtEventsOf(events=20, endpoint=1), secondary=(DEATH,))
    assert why_counted(at_events) == reason
    assert why_counted(DATED) == why_counted(AFTER) == ""
