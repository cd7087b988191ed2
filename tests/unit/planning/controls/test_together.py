"""The product of several arms' steps, beside a sum over all tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom

from lupusim.planning.controls.building import control_of
from lupusim.planning.controls.parts import Baseline
from lupusim.planning.controls.sampled import pairs
from lupusim.planning.controls.together import together
from lupusim.planning.controls.values import value_law
from lupusim.simulation.block import followed
from lupusim.simulation.controls import Together
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks.look_statistics import comparisons
from lupusim.trial import Trial
from tolerance import SEED
from trials import analysis
from trials_of_values import value_trial
from trials_of_wins import two_doses


def on_two_sides(trial: Trial) -> Trial:
    family = replace(trial.family, procedure=replace(trial.family.procedure, sided=2))
    return replace(trial, analysis=replace(trial.analysis, sided=2), family=family)


@pytest.mark.parametrize(
    ("n", "better", "sided"),
    [(30, "more", 1), (30, "fewer", 1), (60, "more", 1), (30, "more", 2), (60, "fewer", 2)],
)
def test_its_mean_is_that_of_all_tables(n: int, better: str, sided: int) -> None:
    trial = value_trial("pooled_z", "response", doses="dunnett", sample_size=3 * n)
    if sided == 2:
        trial = on_two_sides(trial)
    if better == "fewer":
        turned = replace(trial.primary, better=type(trial.primary.better)(-1))
        trial = replace(trial, primary=turned)
    found = control_of(trial).scores[-1]
    assert isinstance(found, Together)
    assert np.isinf(found.between).any() == (sided == 1)
    law = value_law(trial, trial.primary, trial.analysis.test)
    number = np.arange(n + 1)
    chances = [binom(n, share).pmf(number) for share in law.weight[:, 1]]

    def added(which: int, arm: int) -> np.ndarray:
        """What an arm adds to a sum, by its number of responders."""
        adds = found.sums[which].adds
        y = np.array([0.0, 1.0]) - adds.center[arm]
        none, one = adds.constant[arm] + (adds.linear[arm] + adds.square[arm] * y) * y
        return number * one + (n - number) * none - n * adds.mean[arm]

    control = added(0, 0)
    for step in range(found.means.shape[1]):
        of_arms = []
        for which, arm in enumerate(found.arms):
            sums = found.slopes[which] * control[:, None] + added(which, arm)[None]
            low, high = (expit((end - sums) / found.scale) for end in found.between[which, :, step])
            of_arms.append((high - low) @ chances[arm])
        expected = float(chances[0] @ np.prod(of_arms, axis=0))
        assert found.means[:, step].mean() == pytest.approx(expected, abs=2e-5)


def products(trial: Trial, n_replicates: int) -> tuple[Together, np.ndarray]:
    control = control_of(trial)
    _, patients = followed({"": trial}, Block(seed=1, number=0, n_replicates=n_replicates))
    return control.scores[-1], control.values(patients.generated)


def test_it_is_the_last_of_the_controls_and_one_where_no_arm_is_near_a_claim() -> None:
    trial = value_trial("pooled_z", "response", doses="holm", sample_size=90)
    found, values = products(trial, 40)
    n_steps = found.means.shape[1]
    steps = values[:, -n_steps:] + found.means.mean(axis=0)
    assert ((steps >= 0) & (steps <= 1)).all()
    assert n_steps == 2 * 3  # at all of alpha and at a part
    assert values.shape[1] == 3 * len(found.arms) + n_steps


def test_few_patients_have_none() -> None:
    few = value_trial("ancova", doses="holm", sample_size=48)
    assert not any(isinstance(one, Together) for one in control_of(few).scores)
    many = value_trial("ancova", doses="holm")
    assert isinstance(control_of(many).scores[-1], Together)


def test_two_sides_claim_outside_of_all_that_one_does_not() -> None:
    one_sided = value_trial("pooled_z", "response", doses="dunnett", sample_size=150)
    one, two = (control_of(trial).scores[-1] for trial in (one_sided, on_two_sides(one_sided)))
    assert (two.between[:, 0] < two.between[:, 1]).all()
    highest = [found.between[:, 1].max(axis=1) for found in (one, two)]
    assert (highest[1] > highest[0]).all()  # half of the error on either side


@pytest.mark.parametrize("sided", [1, 2])
def test_a_mean_moves_with_the_chances_of_a_sample_as_its_slopes_say(
    sided: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "_DRAWN", 6_000)
    monkeypatch.setattr(pairs, "_PATIENTS", 300)  # who tell cells apart
    trial = two_doses(analysis("win_odds", sided=sided))
    baseline, law = Baseline.of(trial), pairs.pair_law(trial, 0, seed=SEED)
    asked = comparisons(trial)
    sums = [(one, pairs.sums_of_pairs(trial, one, baseline, law)[0]) for one in asked]
    middle = np.array([-0.5, 0.0, 0.5])
    ends = np.stack([middle - 1.0 if sided == 2 else np.full(3, -np.inf), middle + 1.0])
    _, drawn = together(sums, [ends, ends + 0.2])
    towards = np.random.default_rng(SEED).normal(size=law.sample.chance.shape) * law.sample.chance

    def mean(step: float) -> np.ndarray:
        moved = replace(law.sample, chance=law.sample.chance + step * towards)
        laws = [replace(one.slopes, sample=moved) for _, one in sums]
        others = [
            (what, replace(one, law=other, slopes=other))
            for (what, one), other in zip(sums, laws, strict=True)
        ]
        return together(others, [ends, ends + 0.2])[0].means.mean(axis=0)

    expected = (mean(1e-5) - mean(-1e-5)) / 2e-5
    found = (drawn.slopes * towards[:, :, None]).sum(axis=(0, 1))
    assert drawn.sample is law.sample
    assert found == pytest.approx(expected, rel=1e-4)
