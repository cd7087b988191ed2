"""The truths of many draws: chances at few strengths tell those at all, or all are worked out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

from lupusim.model import TreatmentEffect
from lupusim.planning.assurance import truths as drawn_truths
from lupusim.planning.assurance.beliefs import Beliefs, FurtherRatio
from lupusim.planning.assurance.effect_priors import NormalEffect, OrNoEffect
from lupusim.planning.assurance.truths import DrawnTruths, interpolated
from lupusim.planning.theory.counts.design import count_design
from lupusim.trial import Arm, Dropout
from tolerance import SEED
from trials import DISEASE, counted

ONSET = (("active", "remission"),)
N = 300
WIDE = NormalEffect(mean=0.7, sd=1.0)
TRIAL = counted(
    arms=(
        Arm(name="placebo", model=DISEASE),
        Arm(name="new", model=DISEASE, effects=(TreatmentEffect(on=ONSET, hazard_ratio=2.0),)),
    ),
    dropout=Dropout(per_year=0.2, by_arm={"new": 3.0}),
)


def chances_of(truths):
    design = count_design(truths.trial)
    return truths.chances(design.response, design.cells)[truths.place, :, 0]


def remission(strength, leaving):
    """The chance of remission at one year of who has not left, by a matrix exponential."""
    generator = np.zeros((4, 4))
    for t in DISEASE.transitions:
        ratio = 2.0**strength if (t.from_state, t.to_state) in ONSET else 1.0
        generator[DISEASE.index(t.from_state), DISEASE.index(t.to_state)] = t.hazard.rate * ratio
    return expm(generator - np.diag(generator.sum(axis=1)))[0, 1] * math.exp(-leaving)


def counted_solutions(monkeypatch):
    """Let it be counted for how many truths chances are worked out."""
    solved = []
    work_out = drawn_truths.chances_of_truths

    def watched(trials, *asked):
        solved.append(len(trials))
        return work_out(trials, *asked)

    monkeypatch.setattr(drawn_truths, "chances_of_truths", watched)
    return solved


@pytest.mark.parametrize("prior", [WIDE, OrNoEffect(probability=0.3, otherwise=WIDE)])
def test_chances_at_few_strengths_tell_those_of_all_draws(prior, monkeypatch):
    solved = counted_solutions(monkeypatch)
    truths = DrawnTruths.of(TRIAL, Beliefs(effect=prior), N, seed=SEED)
    strengths = truths.strengths[truths.place]
    expected = [(remission(0.0, 0.2), remission(s, 0.6)) for s in strengths.tolist()]
    assert chances_of(truths) == pytest.approx(np.array(expected), abs=1e-9)
    assert sum(solved) < N / 2


def test_draws_of_models_are_worked_out_one_by_one(monkeypatch):
    solved = counted_solutions(monkeypatch)
    further = FurtherRatio(on=ONSET, mean=0.0, sd=0.3, seed=SEED)
    truths = DrawnTruths.of(TRIAL, Beliefs(draws=(further,)), N, seed=SEED)
    found = chances_of(truths)
    assert sum(solved) == N
    alone = replace(truths, strengths=truths.strengths[:1], place=np.zeros(1, dtype=int))
    assert chances_of(alone)[0] == pytest.approx(found[0], abs=1e-12)
    assert np.ptp(found[:, 1]) > 0.05


def test_a_function_that_is_not_smooth_is_not_interpolated():
    points = np.linspace(-1.0, 2.0, 50)
    smooth = interpolated(lambda x: np.exp(x)[:, None] * [1.0, 2.0], points)
    assert smooth == pytest.approx(np.exp(points)[:, None] * [1.0, 2.0], rel=1e-12)
    assert interpolated(np.abs, points) is None
    assert interpolated(lambda x: 1.0 * (x > 0.3), points) is None


def test_chances_that_jump_are_worked_out_at_all_draws(monkeypatch):
    def jump(trials, *_):
        ratios = (trial.arms[1].effects[0].hazard_ratio for trial in trials)
        return np.array([[[0.0], [float(ratio > 2.5)]] for ratio in ratios])

    monkeypatch.setattr(drawn_truths, "chances_of_truths", jump)
    truths = DrawnTruths.of(TRIAL, Beliefs(effect=WIDE), N, seed=SEED)
    ratios = 2.0 ** truths.strengths[truths.place]
    assert (chances_of(truths)[:, 1] == (ratios > 2.5)).all()


def test_what_is_asked_of_each_draw_is_asked_once_of_each_truth():
    asked = []

    def ratio(trial):
        asked.append(trial)
        effects = trial.arms[1].effects
        return effects[0].hazard_ratio if effects else 1.0

    prior = OrNoEffect(probability=0.5)
    truths = DrawnTruths.of(TRIAL, Beliefs(effect=prior), N, seed=SEED)
    found = truths.of_each(ratio)
    assert len(asked) == 2
    assert found == pytest.approx(2.0 ** truths.strengths[truths.place])
