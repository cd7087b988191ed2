"""Comparisons of two proportions: shapes, undefined cases, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.analysis import (
    barnard,
    boschloo,
    cochran_mantel_haenszel,
    fisher_exact,
    odds_ratio,
    proportion,
    risk_difference,
    risk_difference_score,
    risk_difference_wald,
    risk_ratio,
    risk_ratio_score,
    two_by_two,
)
from lupusim.analysis.results import wald_result
from lupusim.common.rng import stream
from tolerance import SEED

Z_TESTS = [
    cochran_mantel_haenszel,
    odds_ratio,
    risk_difference,
    risk_difference_score,
    risk_difference_wald,
    risk_ratio,
    risk_ratio_score,
]
EXACT_TESTS = [barnard, boschloo, fisher_exact]
ARM = np.array([1, 1, 1, 1, 0, 0, 0, 0])


@pytest.mark.parametrize("test", Z_TESTS + EXACT_TESTS)
def test_more_responders_on_the_experimental_arm_are_greater(test):
    result = test([1, 1, 1, 0, 1, 0, 0, 0], ARM)
    assert result.p_greater < 0.5 < result.p_less
    assert result.p_greater.shape == ()
    assert not result.undefined


@pytest.mark.parametrize("test", Z_TESTS + EXACT_TESTS)
@pytest.mark.parametrize("response", [np.zeros(8), np.ones(8)])
def test_without_variation_nothing_is_significant(test, response):
    result = test(response, ARM)
    assert result.undefined
    assert result.p_less == result.p_greater == result.p_two_sided == 1


@pytest.mark.parametrize("test", Z_TESTS + EXACT_TESTS)
def test_with_an_empty_arm_nothing_is_significant(test):
    result = test([1, 1, 0, 0, 1, 0, 0, 0], np.ones(8))
    assert result.undefined
    assert result.p_two_sided == 1
    assert np.isinf(getattr(result, "standard_error", np.inf))
    assert getattr(result, "lower", 0) <= 0 <= getattr(result, "upper", 0)


@pytest.mark.parametrize("test", Z_TESTS + EXACT_TESTS)
def test_replicates_in_rows_equal_single_trials(test):
    rng = stream(SEED, "proportions")
    response = rng.random((6, 12)) < 0.5
    included = rng.random((6, 12)) < 0.8
    arm = rng.random(12) < 0.5
    rows = test(response, arm, included=included)
    for row in range(6):
        alone = test(response[row], arm, included=included[row])
        for name in ("p_less", "p_greater", "p_two_sided", "undefined"):
            np.testing.assert_allclose(getattr(rows, name)[row], getattr(alone, name))


@pytest.mark.parametrize("test", [risk_difference_wald, risk_difference_score])
def test_a_margin_below_zero_makes_noninferiority_easier(test):
    response = [1, 1, 0, 0, 1, 1, 1, 0]
    assert test(response, ARM, margin=-0.3).z > test(response, ARM).z
    with pytest.raises(ValueError, match="margin"):
        test(response, ARM, margin=-1)


@pytest.mark.parametrize("test", [risk_ratio, odds_ratio, risk_ratio_score])
def test_a_ratio_of_zero_is_no_margin(test):
    assert test([1, 1, 0, 0, 1, 1, 1, 0], ARM, margin=0.1).z > 0
    with pytest.raises(ValueError, match="margin"):
        test([1, 1, 0, 0, 1, 1, 1, 0], ARM, margin=0.0)


def test_a_difference_that_equals_its_margin_exactly_is_not_significant():
    for test in (risk_difference_score, risk_ratio_score):
        alike = test([1, 0, 1, 0, 1, 0, 1, 0], ARM)
        assert (alike.z, alike.p_greater, bool(alike.undefined)) == (0, 0.5, False)
    # both proportions are 1 or 0: the unpooled error is 0
    assert risk_difference_wald([1, 1, 1, 1, 0, 0, 0, 0], ARM).undefined


def test_the_empty_arm_takes_nothing_from_the_table():
    table = two_by_two([[1, 0], [1, 1]], [1, 1])
    assert table.proportion.tolist() == [0.5, 1.0]
    assert table.control_proportion.tolist() == [0.0, 0.0]


def test_nobody_on_either_arm_is_undefined():
    for test in Z_TESTS + EXACT_TESTS:
        assert test([1, 0, 1, 0, 1, 0, 1, 0], ARM, included=np.zeros(8)).undefined


def test_strata_of_one_arm_count_for_nothing():
    response, arm = [1, 1, 0, 0, 1, 1], [1, 0, 1, 0, 1, 1]
    alone = cochran_mantel_haenszel(response[:4], arm[:4])
    both = cochran_mantel_haenszel(response, arm, ["a", "a", "a", "a", "b", "b"])
    np.testing.assert_allclose(both.z, alone.z)


def test_an_infinite_odds_ratio_gives_no_estimate_but_a_test():
    result = cochran_mantel_haenszel([1, 1, 1, 1, 0, 0, 0, 1], ARM)
    assert result.standard_error == np.inf
    assert result.z > 0


def test_proportion_of_nobody_is_undefined():
    result = proportion([1, 0], included=[0, 0])
    assert result.undefined
    assert (result.estimate, result.lower, result.upper) == (0, 0, 1)
    assert proportion([[1, 0], [1, 1]]).upper[1] == 1


def test_two_sided_p_is_twice_the_smaller_tail():
    result = wald_result(np.array([1.96, 0.0]), np.array([1.0, 0.0]), level=0.95)
    np.testing.assert_allclose(result.p_two_sided, [0.05, 1.0], atol=1e-4)
    assert result.undefined.tolist() == [False, True]
