"""The law of a score's change, beside scores that a few lines of NumPy draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr

from lupusim.analysis.outcomes import NumberOutcome
from lupusim.engines.exact import solve
from lupusim.planning.controls.building import control_of
from lupusim.planning.controls.changes import (
    are_cells_known,
    change_cells,
    change_law,
    is_change_known,
)
from lupusim.planning.controls.kinds import is_controlled
from lupusim.scenario import load_scenario
from lupusim.trial import Dropout, Trial
from lupusim.trial.population.screening import Activity, Minimums, Screening
from tolerance import SEED, assert_within_mcse
from trials import analysis
from trials_of_values import value_trial

SLEDAI = load_scenario("phase2_sledai_24w").points[1].trial
MARKER = SLEDAI.marker
N = 200_000


def moments(law, arm: int) -> np.ndarray:
    """Return means of what is asked of changes and baselines of those who have them."""
    chance = law.weight[arm] / law.weight[arm].sum()
    v, b = law.change[arm], law.baseline[arm]
    return np.array([chance @ x for x in (v, b, v**2, v * b, np.abs(v + 3))])


def seen(v: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    columns = np.array([v, b, v**2, v * b, np.abs(v + 3)])
    return columns.mean(axis=1), columns.std(axis=1) / np.sqrt(v.size)


def test_scores_with_a_lowest_one() -> None:
    trial = value_trial("ancova", lowest=14)
    law = change_law(trial, trial.primary)
    rng = np.random.default_rng(SEED)
    for arm, change in enumerate((-3, -6.5)):
        first, other = rng.standard_normal((2, N))
        later = 20 + change + 8 * (0.6 * first + 0.8 * other)
        b = np.maximum(20 + 8 * first, 14)
        mean, error = seen(np.maximum(later, 14) - b, b)
        assert_within_mcse(moments(law, arm), mean, mcse=error)


def test_scores_of_those_who_pass_a_screening() -> None:
    assert is_controlled(SLEDAI)
    staying = replace(SLEDAI, dropout=Dropout(per_year=0.0))
    law = change_law(staying, staying.primary)
    rng = np.random.default_rng(SEED)
    score = np.rint(8 + 3.7 * rng.standard_normal(4 * N))
    b = score[score >= 8][:N]
    states = staying.states[:-1]  # all but death
    mean, sd = (np.array([of[state] for state in states]) for of in (MARKER.mean, MARKER.sd))
    for number, arm in enumerate(staying.arms):
        (shares,) = solve(arm.law, [staying.primary.at]).probabilities
        alive = shares[:-1].sum()
        assert law.weight[number].sum() == pytest.approx(0.95 * alive, abs=1e-6)
        state = rng.choice(len(states), p=shares[:-1] / alive, size=N)
        own = 0.5 * (b - 8) / 3.7 + np.sqrt(0.75) * rng.standard_normal(N)
        v = np.maximum(mean[state] + sd[state] * own, 0.0) - b
        found, error = seen(v, b)
        assert_within_mcse(moments(law, number), found, mcse=error)


def test_grades_let_in_too() -> None:
    by_grade = Screening(
        activity=Activity(sledai_mean=7.0, sledai_sd=3.0, systems=2, grade_a=0.1, grade_b=0.2),
        eligible=(Minimums(sledai=9), Minimums(bilag_a=1), Minimums(sledai=4, bilag_b=2)),
    )
    trial = replace(SLEDAI, population=replace(SLEDAI.population, screening=by_grade))
    law = change_law(trial, trial.primary)
    rng = np.random.default_rng(SEED)
    score = np.maximum(np.rint(7 + 3 * rng.standard_normal(4 * N)), 0)
    grade = rng.choice(3, size=(4 * N, 2), p=[0.1, 0.2, 0.7])
    a, b = (grade == 0).sum(axis=1), (grade == 1).sum(axis=1)
    let_in = score[(score >= 9) | (a >= 1) | ((score >= 4) & (b >= 2))]
    known = law.weight[0].sum()
    for least in (0, 1, 4, 7, 9, 12):
        share = law.weight[0][law.baseline[0] >= least].sum() / known
        there = let_in >= least
        assert_within_mcse(share, there.mean(), mcse=there.std() / np.sqrt(there.size) + 1e-12)


def test_a_second_test_that_knows_of_the_first_is_another_law() -> None:
    activity = replace(SLEDAI.population.screening.activity, correlation=0.5)
    again = replace(SLEDAI.population.screening, activity=activity, tests=2, every=0.1)
    trial = replace(SLEDAI, population=replace(SLEDAI.population, screening=again))
    assert not is_change_known(trial)
    once = replace(again, tests=1, every=0.0)
    assert is_change_known(replace(trial, population=replace(trial.population, screening=once)))


def assert_cells(trial: Trial, arm: int, v: np.ndarray) -> None:
    """Compare the chances of cells with the shares of changes that were drawn."""
    assert are_cells_known(trial, trial.primary)
    cells, chance = change_cells(trial, trial.primary)
    outcome = NumberOutcome(
        values=v[None], included=np.ones((1, v.size), bool), arm=np.zeros((1, v.size), np.int8)
    )
    share = np.bincount(cells.of(outcome)[0], minlength=cells.number) / v.size
    own = chance[arm, :-1] / chance[arm, :-1].sum()
    error = np.sqrt(own * (1 - own) / v.size) + 1e-12
    often = own * v.size > 100
    assert_within_mcse(share[often], own[often], mcse=error[often])
    assert_within_mcse(share.cumsum(), own.cumsum(), mcse=np.sqrt(0.25 / v.size))


def test_cells_of_a_score_are_those_of_a_normal_difference() -> None:
    trial = value_trial("wilcoxon")
    cells, chance = change_cells(trial, trial.primary)
    known = chance[:, :-1].sum(axis=1)
    edges = cells.start + cells.width * np.arange(1, cells.number)
    for arm, change in enumerate((-3, -6.5)):
        below = ndtr((edges - change) / (8 * np.sqrt(2 - 2 * 0.6)))
        np.testing.assert_allclose(chance[arm].cumsum()[:-2], known[arm] * below, atol=1e-9)
    np.testing.assert_allclose(known, np.exp(24 * 7 / 365.2425 * np.log(0.85)), atol=1e-6)


def test_cells_of_a_score_with_a_lowest_one_that_many_have_at_both_visits() -> None:
    trial = value_trial("wilcoxon", lowest=18, missing="no_change", dropout="1 % a year")
    rng = np.random.default_rng(SEED)
    for arm, change in enumerate((-3, -6.5)):
        first, other = rng.standard_normal((2, N))
        later = np.maximum(20 + change + 8 * (0.6 * first + 0.8 * other), 18)
        v = later - np.maximum(20 + 8 * first, 18)
        assert (v == 0).mean() > 0.2
        left = rng.random(N) < 1 - 0.99 ** (24 * 7 / 365.2425)
        assert_cells(trial, arm, np.where(left, 0.0, v))
        with pytest.raises(AssertionError, match="standard errors apart"):
            assert_cells(trial, 1 - arm, np.where(left, 0.0, v))


def test_cells_of_scores_of_those_who_pass_a_screening() -> None:
    staying = replace(SLEDAI, dropout=Dropout(per_year=0.0), analysis=analysis("wilcoxon"))
    rng = np.random.default_rng(SEED)
    score = np.rint(8 + 3.7 * rng.standard_normal(4 * N))
    b = score[score >= 8][:N]
    mean, sd = (
        np.array([of[state] for state in staying.states[:-1]]) for of in (MARKER.mean, MARKER.sd)
    )
    for number, arm in enumerate(staying.arms):
        (shares,) = solve(arm.law, [staying.primary.at]).probabilities
        state = rng.choice(mean.size, p=shares[:-1] / shares[:-1].sum(), size=N)
        own = 0.5 * (b - 8) / 3.7 + np.sqrt(0.75) * rng.standard_normal(N)
        assert_cells(staying, number, np.maximum(mean[state] + sd[state] * own, 0.0) - b)


def test_values_that_hang_on_the_first_alone_have_no_cells() -> None:
    trial = value_trial("wilcoxon")
    marker = replace(trial.marker, correlation=1.0, baseline_correlation=1.0)
    assert not are_cells_known(replace(trial, marker=marker), trial.primary)
    assert not are_cells_known(trial, value_trial("pooled_z", "response").primary)


def test_the_mean_of_a_step_is_that_of_numbers_of_patients_that_are_drawn() -> None:
    trial = value_trial("wilcoxon", dropout="0 % a year")
    (score,) = control_of(trial).scores
    cells, rng = score.sum.cells, np.random.default_rng(SEED)
    edges = cells.start + cells.width * np.arange(1, cells.number)
    sums = np.zeros(N)
    for arm, change in enumerate((-3, -6.5)):
        below = ndtr((edges - change) / (8 * np.sqrt(2 - 2 * 0.6)))
        sums += (
            rng.multinomial(50, np.diff(below, prepend=0, append=1), N) @ score.sum.adds[arm, :-1]
        )
    steps = 1 / (1 + np.exp((sums[:, None] - score.thresholds) / score.scale))
    error = steps.std(axis=0) / np.sqrt(N)
    assert_within_mcse(steps.mean(axis=0), score.means.mean(axis=0), mcse=error)
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(steps.mean(axis=0) + 0.01, score.means.mean(axis=0), mcse=error)
