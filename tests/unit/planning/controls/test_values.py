"""What each patient adds to a difference of means, beside the difference of means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from controls_seen import assert_pays
from lupusim.planning.controls.building import control_of
from lupusim.planning.controls.kinds import is_controlled
from lupusim.planning.controls.values import (
    ValueLaw,
    log_characteristic,
    quadratic,
    value_law,
    variances,
)
from lupusim.simulation.block import followed
from lupusim.simulation.generation.generation import Block
from lupusim.trial import AtCalendarTime
from tolerance import SEED, assert_within_mcse
from trials_of_values import value_trial

LAW = ValueLaw(
    weight=np.array([[0.3, 0.2, 0.3], [0.5, 0.3, 0.1]]),
    value=np.array([[0.0, 0.7, 2.0], [1.5, 0.4, 3.1]]),
)


def drawn(shape: tuple[int, int], arm: int) -> np.ndarray:
    """Return values of an arm of LAW, NaN where there is none."""
    rng = np.random.default_rng([SEED, arm])
    part = rng.choice(4, size=shape, p=[*LAW.weight[arm], 1 - LAW.weight[arm].sum()])
    return np.append(LAW.value[arm], np.nan)[part]


def added(values: np.ndarray, arm: int, n: int) -> np.ndarray:
    _, adds = quadratic(LAW, np.array([n, n]), 0.0)
    y = values - adds.center[arm]
    each = adds.constant[arm] + adds.linear[arm] * y + adds.square[arm] * y**2
    return np.where(np.isnan(values), 0.0, each) - adds.mean[arm]


def test_sums_follow_the_statistic() -> None:
    n, values = 1000, [drawn((60, 1000), arm) for arm in (0, 1)]
    mean, _ = quadratic(LAW, np.array([n, n]), 0.0)
    nearly = mean + sum(added(values[arm], arm, n).sum(axis=1) for arm in (0, 1))
    known = [np.isfinite(v).sum(axis=1) for v in values]
    of_arms = [np.nanmean(v, axis=1) for v in values]
    spread = [np.nanvar(v, axis=1) / k for v, k in zip(values, known, strict=True)]
    z = (of_arms[1] - of_arms[0]) / np.sqrt(sum(spread))
    assert np.abs(nearly - z).max() < 0.1
    assert np.corrcoef(nearly, z)[0, 1] > 0.998


@pytest.mark.parametrize("arm", [0, 1])
def test_the_law_of_what_is_added(arm: int) -> None:
    each = added(drawn((1, 200_000), arm)[0], arm, 40)
    _, adds = quadratic(LAW, np.array([40.0, 40.0]), 0.0)
    assert_within_mcse(each.mean(), 0.0, mcse=each.std() / np.sqrt(each.size))
    squares = each**2
    expected = variances(LAW, adds)[arm]
    assert_within_mcse(squares.mean(), expected, mcse=squares.std() / np.sqrt(each.size))
    nodes = np.array([0.5, 2.0, 6.0])
    law = np.exp(log_characteristic(LAW, adds, nodes))[arm]
    waves = np.exp(1j * nodes[:, None] * each)
    for part in ("real", "imag"):
        seen = getattr(waves, part)
        error = seen.std(axis=1) / np.sqrt(each.size)
        assert_within_mcse(seen.mean(axis=1), getattr(law, part), mcse=error)


@pytest.mark.parametrize(
    "trial",
    [
        value_trial("ancova"),
        value_trial("t_test", missing="no_change"),
        value_trial("ancova", lowest=18),
        value_trial("logistic_regression", "response"),
        value_trial("pooled_z", "response", second="ancova"),
        value_trial("pooled_z", "response", doses="dunnett", sample_size=150),
    ],
    ids=[
        "adjusted",
        "unchanged where missing",
        "with a lowest score",
        "odds",
        "two hypotheses",
        "two doses",
    ],
)
def test_means_are_zero_in_a_block_and_shares_are_nearer(trial) -> None:
    control = control_of(trial)
    found, patients = followed({"": trial}, Block(seed=SEED, number=0, n_replicates=2000))
    values, claims = control.values(patients.generated), found[""]["reject"]
    assert_pays(control, values, claims, at_most=0.7)


def test_the_law_of_a_change_is_that_of_two_normal_scores() -> None:
    trial = value_trial("ancova")
    law = value_law(trial, trial.primary, trial.analysis.test)
    stays = np.exp(-trial.dropout.cumulative(np.array(trial.primary.at)))
    assert law.known == pytest.approx([stays, stays])
    assert (law.baseline.slope, law.baseline.mean) == pytest.approx((0.6 - 1, 20))
    mean, variance = law.moments()
    assert mean == pytest.approx([-3, -6.5])
    assert variance == pytest.approx([8**2 * (1 - 0.6**2)] * 2)


def test_who_has_no_change_known_may_count_as_unchanged() -> None:
    trial = value_trial("ancova", missing="no_change")
    law = value_law(trial, trial.primary, trial.analysis.test)
    stays = np.exp(-trial.dropout.cumulative(np.array(trial.primary.at)))
    slope = (0.6 - 1) * stays
    assert law.known == pytest.approx([1, 1])
    assert law.baseline.slope == pytest.approx(slope)
    mean, variance = law.moments()
    assert mean == pytest.approx([-3 * stays, -6.5 * stays])
    own = 8**2 * (1 - 2 * 0.6 * (1 + slope) + (1 + slope) ** 2)
    between = stays * (1 - stays) * np.array([3, 6.5]) ** 2
    assert variance == pytest.approx(stays * own + (1 - stays) * (8 * slope) ** 2 + between)


def test_looks_that_leave_to_chance_whose_score_is_known_are_counted() -> None:
    early = replace(value_trial("ancova"), cutoff=AtCalendarTime(time=1.0))
    assert not is_controlled(early)
    # every table is enumerated
    assert not is_controlled(value_trial("pooled_z", "response"))
