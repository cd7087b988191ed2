"""The log-rank test: signs, shapes, ties, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.analysis import logrank
from lupusim.analysis.survival.ordering import places
from lupusim.analysis.survival.rank_sums import relabeled_sums
from lupusim.analysis.survival.sorting import (
    sort_keys,
    stratum_bits,
    tied_rows,
    time_key,
)
from lupusim.common.rng import stream
from tolerance import SEED


def test_fewer_events_on_the_experimental_arm_make_z_negative():
    result = logrank([1.0, 2.0, 3.0, 4.0], [1, 1, 0, 0], [0, 0, 1, 1])
    assert result.z < 0
    assert result.estimate < 0
    assert result.p_less < 0.5 < result.p_greater
    assert result.z.shape == ()


def test_one_trial_in_rows_keeps_its_axis():
    assert logrank([[1.0, 2.0]], [[1, 1]], [0, 1]).z.shape == (1,)


def test_blocks_do_not_show():
    rng = stream(SEED, "logrank blocks")
    time, event = rng.exponential(1.0, (70, 1000)), rng.random((70, 1000)) < 0.6
    arm = rng.random((70, 1000)) < 0.5
    whole = logrank(time, event, arm)
    alone = [logrank(time[row], event[row], arm[row]).z for row in range(70)]
    np.testing.assert_array_equal(whole.z, alone)


@pytest.mark.parametrize(
    ("time", "event", "arm"),
    [
        ([1.0, 2.0, 3.0], [0, 0, 0], [0, 1, 1]),  # no events
        ([1.0, 2.0, 3.0], [1, 1, 1], [1, 1, 1]),  # nobody to compare with
        ([1.0, 2.0], [1, 0], [1, 1]),
        ([2.0, 2.0], [1, 1], [0, 1]),  # everybody at once: no variance
        ([], [], []),
    ],
)
def test_without_information_the_result_is_undefined_and_not_significant(time, event, arm):
    result = logrank(time, event, arm)
    assert result.undefined
    assert (result.z, result.estimate) == (0, 0)
    assert result.standard_error == np.inf
    assert (result.lower, result.upper) == (-np.inf, np.inf)
    assert result.p_less == result.p_greater == result.p_two_sided == 1


def test_patients_at_risk_until_a_tied_event_are_still_at_risk():
    # at time 2: one event, and a censoring at the same time that counts as at risk
    result = logrank([2.0, 2.0, 3.0], [1, 0, 0], [0, 1, 1])
    np.testing.assert_allclose(result.expected, 2 / 3)


def test_minus_zero_is_zero():
    one = logrank([-0.0, 1.0, 2.0], [1, 1, 1], [1, 0, 1])
    other = logrank([0.0, 1.0, 2.0], [1, 1, 1], [1, 0, 1])
    np.testing.assert_array_equal(one.z, other.z)


def test_who_is_not_included_may_have_any_time():
    result = logrank([1.0, 2.0, np.nan, -1.0], [1, 1, 1, 1], [0, 1, 0, 1], included=[1, 1, 0, 0])
    np.testing.assert_array_equal(result.z, logrank([1.0, 2.0], [1, 1], [0, 1]).z)


def test_strata_that_differ_between_replicates_are_kept_apart():
    time = np.array([[1.0, 2.0, 3.0, 4.0]] * 2)
    stratum = np.array([["a", "a", "b", "b"], ["a", "b", "a", "b"]])
    both = logrank(time, np.ones((2, 4)), [0, 1, 0, 1], stratum=stratum)
    for row in range(2):
        alone = logrank(time[row], np.ones(4), [0, 1, 0, 1], stratum=stratum[row])
        np.testing.assert_allclose(both.z[row], alone.z)


def test_infinite_times_stand_last():
    result = logrank([1.0, np.inf, np.inf], [1, 0, 0], [0, 1, 0])
    np.testing.assert_allclose(result.expected, 1 / 3)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([-1.0, 2.0], [1, 1], [0, 1]), "time"),
        (([np.nan, 2.0], [1, 1], [0, 1]), "time"),
        (([1.0, 2.0], [1, 2], [0, 1]), "event"),
        (([1.0, 2.0], [1, 1], [0, 3]), "arm"),
        (([1.0, 2.0, 3.0], [1, 1], [0, 1]), "numbers of patients"),
        ((np.ones((2, 2)), np.ones((3, 2)), [0, 1]), "numbers of replicates"),
        ((np.ones((2, 2, 2)), np.ones((3, 2)), [0, 1]), "n_replicates, n_patients"),
        ((1.0, [1, 1], [0, 1]), "n_replicates, n_patients"),
    ],
)
def test_bad_columns_are_named(columns, message):
    with pytest.raises(ValueError, match=message):
        logrank(*columns)


def test_a_bad_time_of_an_included_patient_is_found():
    with pytest.raises(ValueError, match="time"):
        logrank([1.0, -2.0, 3.0], [1, 1, 1], [0, 1, 1], included=[0, 1, 1])


def test_a_level_outside_zero_to_one_is_refused():
    with pytest.raises(ValueError, match="level=95"):
        logrank([1.0, 2.0], [1, 1], [0, 1], level=95)


def test_too_many_strata_are_refused():
    with pytest.raises(ValueError, match="4097 strata"):
        stratum_bits(4097)


def sorted_keys(*columns):
    return np.sort(sort_keys(*columns), axis=1)


def test_censorings_at_the_same_time_are_no_tie():
    time, arm = np.array([[2.0, 2.0, 2.0]]), np.array([[0, 0, 1]], bool)
    assert tied_rows(sorted_keys(time, np.array([[0, 0, 1]], bool), arm)).size == 0
    assert tied_rows(sorted_keys(time, np.array([[1, 0, 1]], bool), arm)).tolist() == [0]


def test_the_key_of_a_time_stands_behind_every_patient_of_that_time():
    flags = np.array([[0, 1]], bool)
    keys = sorted_keys(np.array([[1.5, 1.5]]), flags, flags)
    assert (keys <= time_key(1.5)).all()
    assert (keys > time_key(1.4999)).all()


@pytest.mark.parametrize("ticks", [0, 3])
def test_sums_of_relabeled_patients_are_those_of_the_test_with_their_arms(ticks):
    rng = stream(SEED, "relabeled", ticks)
    time, event = rng.exponential(1.0, (6, 40)), rng.random((6, 40)) < 0.7
    time = np.ceil(time * ticks) / ticks if ticks else time
    labels = rng.integers(0, 2, (3, 6, 40), dtype=np.int8)
    keys = sort_keys(time, event, np.zeros((1, 40), dtype=bool))
    found = relabeled_sums(keys, places(keys), labels)
    for sums, label in zip(np.moveaxis(found, 1, 0), labels, strict=True):
        test = logrank(time, event, label)
        np.testing.assert_array_equal(sums[0], test.observed)
        np.testing.assert_allclose(sums[1:], [test.expected, test.variance], rtol=1e-12)
