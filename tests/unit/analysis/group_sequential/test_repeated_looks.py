"""Looks that bring nothing new keep the file's bounds, and the last look spends what is left."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from lupusim.analysis.group_sequential import (
    BetaSpending,
    EfficacyAt,
    EfficacyBounds,
    EfficacyRule,
    FutilityBounds,
    HaybittlePeto,
)
from lupusim.analysis.group_sequential.stopping import GroupSequential

ALPHA = 0.025
ONE_LOOK = norm.isf(ALPHA)
# rpact 4.4: getDesignGroupSequential(informationRates = c(0.5, 1), typeOfDesign = "asOF")
HALF, END = 2.962588, 1.968596


def bounds(rule: EfficacyRule | str, *rows: list[float], **more: object) -> np.ndarray:
    asked = GroupSequential(alpha=ALPHA, efficacy=rule, **more)
    return np.stack(asked.bounds(np.array(rows)))


def test_a_look_at_complete_data_has_its_own_bound_and_the_last_look_has_what_is_left() -> None:
    efficacy, futility = bounds(EfficacyBounds(z=(2.5,)), [1.0, 1.0], [0.5, 1.0])
    np.testing.assert_allclose(efficacy[0], [2.5, ONE_LOOK])
    later = efficacy[1, 1]
    both = multivariate_normal(cov=[[1, 0.5**0.5], [0.5**0.5, 1]]).cdf([2.5, later])
    assert 1 - both == pytest.approx(ALPHA, abs=1e-5)
    assert np.isneginf(futility).all()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([0.5, 1.0, 1.0], [HALF, END, END]),
        ([0.5, 0.5, 1.0], [HALF, HALF, END]),
        ([1.0, 1.0, 1.0], [ONE_LOOK] * 3),
        ([0.0, 0.5, 1.0], [np.inf, HALF, END]),
        ([0.0, 0.0, 0.0], [np.inf] * 3),
        ([0.0, 1.0, 1.0], [np.inf, ONE_LOOK, ONE_LOOK]),
    ],
)
def test_the_same_statistic_is_judged_by_the_same_bound(
    rows: list[float], expected: list[float]
) -> None:
    np.testing.assert_allclose(bounds("obrien_fleming", rows)[0, 0], expected, atol=1e-5)


@pytest.mark.parametrize("middle", [0.5, 0.7, 1.0])
def test_one_look_among_several_without_bounds_changes_nothing(middle: float) -> None:
    rule = EfficacyAt(looks=(1, 3), rule="obrien_fleming")
    efficacy = bounds(rule, [0.5, middle, 1.0])[0, 0]
    np.testing.assert_allclose(efficacy, [HALF, np.inf, END], atol=1e-5)


def test_a_look_that_states_a_bound_has_it_though_the_data_were_there_before() -> None:
    rule = EfficacyAt(looks=(2, 3), rule="obrien_fleming")
    np.testing.assert_allclose(bounds(rule, [0.5, 0.5, 1.0])[0, 0], [np.inf, HALF, END], atol=1e-5)
    given = EfficacyBounds(z=(2.5, 3.0))
    alike, alone = bounds(given, [0.5, 0.5, 1.0]), bounds(EfficacyBounds(z=(2.5,)), [0.5, 1.0])
    np.testing.assert_allclose(alike[0, 0], [2.5, 3.0, alone[0, 0, 1]])


@pytest.mark.parametrize("last", [None, 2.1])
def test_the_last_bound_of_the_file_is_that_of_the_last_look(last: float | None) -> None:
    efficacy = bounds(EfficacyBounds(z=(2.5,), last=last), [1.0, 1.0])[0, 0]
    np.testing.assert_allclose(efficacy, [2.5, last or ONE_LOOK])
    assert bounds(HaybittlePeto(), [1.0, 1.0])[0, 0].tolist() == [3.0, pytest.approx(ONE_LOOK)]


def test_futility_acts_at_looks_that_bring_nothing_new() -> None:
    only = EfficacyAt(looks=(2,), rule="obrien_fleming")
    efficacy, futility = bounds(only, [1.0, 1.0], [0.0, 1.0], futility=FutilityBounds(z=(0.3,)))
    np.testing.assert_allclose(efficacy, [[np.inf, ONE_LOOK]] * 2)
    np.testing.assert_allclose(futility[:, 0], [0.3, -np.inf])
    given = FutilityBounds(z=(0.3, 0.4))
    _, futility = bounds("obrien_fleming", [0.5, 0.5, 1.0], [0.0, 0.0, 1.0], futility=given)
    np.testing.assert_allclose(futility[0, :2], [0.3, 0.4])
    np.testing.assert_allclose(futility[1, :2], -np.inf)
    spent = bounds("obrien_fleming", [1.0, 1.0], futility=BetaSpending(beta=0.1))
    np.testing.assert_allclose(spent, ONE_LOOK)  # nothing else comes: fail now or at the end
    alone = bounds("obrien_fleming", [0.5, 1.0], futility=BetaSpending(beta=0.1, looks=(1,)))
    late = BetaSpending(beta=0.1, looks=(2,))
    _, futility = bounds("obrien_fleming", [0.5, 0.5, 1.0], futility=late)
    assert futility[0, 0] == -np.inf
    assert futility[0, 1] == pytest.approx(alone[1, 0, 0], abs=1e-6)
