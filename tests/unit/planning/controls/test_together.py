"""The product of several arms' steps, beside a sum over all tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom

from lupusim.planning.controls.building import control_of
from lupusim.planning.controls.values import value_law
from lupusim.simulation.block import followed
from lupusim.simulation.controls import Together
from lupusim.simulation.generation.generation import Block
from lupusim.trial import Trial
from trials_of_values import value_trial


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
    n_each = n_steps * len(found.arms)
    assert values.shape[1] == n_each + n_steps


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
