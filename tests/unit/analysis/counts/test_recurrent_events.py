"""Counts that vary more than Poisson's, and recurrent events over time."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from lupusim.analysis.counts.andersen_gill import andersen_gill
from lupusim.analysis.counts.negative_binomial import negative_binomial
from lupusim.analysis.counts.rate_ratio import rate_ratio
from lupusim.common.rng import stream
from tolerance import SEED

SHAPE = (8, 60)


def recurrent(dispersion=0.8):
    """Return times of events, exposure, arm and stratum."""
    rng = stream(SEED, "recurrent")
    arm = np.broadcast_to(np.arange(SHAPE[1]) % 2, SHAPE)
    stratum = rng.integers(0, 3, SHAPE)
    rate = rng.gamma(1 / dispersion, dispersion, SHAPE) * np.exp(-0.4 * arm + 0.5 * stratum)
    gaps = rng.exponential(size=(*SHAPE, 12)) / np.maximum(rate, 1e-6)[:, :, None]
    return np.cumsum(gaps, axis=2), rng.uniform(0.2, 1.5, SHAPE), arm, stratum


def counted(times, years):
    return (times <= years[:, :, None]).sum(axis=2)


def columns_of(test):
    times, years, arm, stratum = recurrent()
    what = counted(times, years) if test is negative_binomial else times
    return what, years, arm, stratum


@pytest.mark.parametrize("test", [negative_binomial, andersen_gill])
@pytest.mark.parametrize("stratified", [False, True])
def test_each_trial_is_analyzed_as_if_alone_in_any_order_of_patients(test, stratified):
    what, years, arm, stratum = columns_of(test)
    chosen = stream(SEED, "chosen").random(SHAPE) < 0.8
    strata = stratum if stratified else None
    together = test(what, years, arm, stratum=strata, included=chosen)
    assert together.undefined.sum() == 0
    for row in range(SHAPE[0]):
        order = stream(SEED, "order", row).permutation(SHAPE[1])
        order = order[chosen[row, order]]
        own = stratum[row, order] if stratified else None
        alone = test(what[row, order], years[row, order], arm[row, order], stratum=own)
        assert alone.estimate.shape == ()
        np.testing.assert_allclose(alone.estimate, together.estimate[row], rtol=1e-8)
        np.testing.assert_allclose(alone.standard_error, together.standard_error[row], rtol=1e-8)


@pytest.mark.parametrize("test", [negative_binomial, andersen_gill])
def test_exchanging_the_arms_turns_the_sign(test):
    what, years, arm, stratum = columns_of(test)
    one = test(what, years, arm, stratum=stratum)
    other = test(what, years, 1 - arm, stratum=stratum)
    np.testing.assert_allclose(one.estimate, -other.estimate, rtol=1e-8)
    np.testing.assert_allclose(one.standard_error, other.standard_error, rtol=1e-8)


@pytest.mark.parametrize("test", [negative_binomial, andersen_gill])
def test_an_arm_without_events_makes_one_trial_undefined(test):
    what, years, arm, _ = columns_of(test)
    none = np.array(what)
    none[2, arm[2] == 1] = 0 if test is negative_binomial else np.inf
    years = np.array(years)
    years[5] = 0
    result, sound = test(none, years, arm), test(what, years, arm)
    assert np.flatnonzero(result.undefined).tolist() == [2, 5]
    assert (result.p_less[[2, 5]] == 1).all()
    np.testing.assert_allclose(result.z[[0, 7]], sound.z[[0, 7]])


@pytest.mark.parametrize("test", [negative_binomial, andersen_gill])
def test_strata_that_hold_one_arm_each_compare_nothing(test):
    what, years, arm, _ = columns_of(test)
    assert test(what, years, arm, stratum=arm).undefined.all()


def test_a_stratum_without_events_changes_nothing():
    count, years, arm, _ = columns_of(negative_binomial)
    more = [np.concatenate([part, part[:, :10]], axis=1) for part in (count, years, arm)]
    more[0][:, SHAPE[1] :] = 0
    stratum = np.repeat([0, 1], [SHAPE[1], 10])
    result = negative_binomial(*more, stratum=stratum)
    np.testing.assert_allclose(result.z, negative_binomial(count, years, arm).z, rtol=1e-8)


def test_who_was_never_observed_changes_nothing():
    count, years, arm, _ = columns_of(negative_binomial)
    alone = negative_binomial(count, years, arm)
    more = [np.concatenate([part, part[:, :9]], axis=1) for part in (count, years, arm)]
    more[0][:, SHAPE[1] :], more[1][:, SHAPE[1] :] = 7, 0.0
    np.testing.assert_allclose(negative_binomial(*more).z, alone.z, rtol=1e-8)
    times, _, _, _ = recurrent()
    alone = andersen_gill(times, years, arm)
    more[0] = np.concatenate([times, np.zeros_like(times[:, :9])], axis=1)  # events at the start
    np.testing.assert_allclose(andersen_gill(*more).z, alone.z, rtol=1e-8)
    # a stratum in which nobody of one arm was observed compares nothing
    rest = [np.concatenate([part, part[:, :9]], axis=1) for part in (count, years, arm)]
    rest[1][:, SHAPE[1] :] *= rest[2][:, SHAPE[1] :] == 1
    stratum = np.repeat([0, 1], [SHAPE[1], 9])
    treated = negative_binomial(*rest, stratum=stratum, included=rest[1] > 0)
    np.testing.assert_allclose(negative_binomial(*rest, stratum=stratum).z, treated.z, rtol=1e-8)


def test_a_ratio_that_runs_away_is_undefined():
    # the stratum with both arms has events on one arm only, the other one control patients alone
    arm, stratum = [1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1]
    result = negative_binomial([2, 1, 0, 0, 3, 1], [1.0] * 6, arm, stratum=stratum)
    assert result.undefined
    assert result.p_greater == 1


def test_counts_that_vary_no_more_than_poissons_give_poissons_model():
    count, years, arm = [1, 2, 1, 2, 2, 3, 2, 3], np.full(8, 2.0), [0, 0, 0, 0, 1, 1, 1, 1]
    result = negative_binomial(count, years, arm)
    assert result.dispersion == 0
    assert result.estimate == pytest.approx(math.log(10 / 6))
    assert result.standard_error == pytest.approx(math.sqrt(1 / 10 + 1 / 6))


def test_a_trace_of_overdispersion_is_kept_at_the_least():
    # sum of squares around the means less the counts is 1e-9 of them: nothing to estimate from
    count = [0, 2, 0, 2, 1, 1, 0, 2, 1, 1] * 2
    years = np.full(20, 1.0)
    years[0] = 1.0001
    result = negative_binomial(count, years, np.repeat([0, 1], 10))
    assert result.dispersion <= 1e-6
    assert not result.undefined


def test_equal_exposures_give_the_ratio_of_means_whatever_the_dispersion():
    times, _, arm, _ = recurrent()
    count = counted(times, np.ones(SHAPE))
    result = negative_binomial(count, np.ones(SHAPE), arm)
    means = [np.where(arm == a, count, 0).sum(axis=1) for a in (0, 1)]
    np.testing.assert_allclose(result.estimate, np.log(means[1] / means[0]), rtol=1e-8)
    assert (result.dispersion > 0).all()


def test_events_all_at_one_time_compare_two_means():
    # one risk set: the log ratio of mean counts, as rate_ratio of equal exposures
    rng = stream(SEED, "one risk set")
    count = rng.integers(0, 3, 40)
    times = np.where(np.arange(3) < count[:, None], 0.5, np.inf)
    result = andersen_gill(times, np.ones(40), np.arange(40) % 2)
    alone = rate_ratio(count, np.ones(40), np.arange(40) % 2)
    np.testing.assert_allclose(result.estimate, alone.estimate, rtol=1e-8)
    np.testing.assert_allclose(result.standard_error, alone.standard_error, rtol=1e-8)


def test_what_happens_after_the_end_of_observation_is_not_counted():
    times, years, arm, _ = recurrent()
    beyond = np.where(times <= years[:, :, None], times, np.inf)
    np.testing.assert_array_equal(
        andersen_gill(times, years, arm).z, andersen_gill(beyond, years, arm).z
    )


@pytest.mark.parametrize(
    ("count", "years", "words"),
    [
        ([1.5, 1], [1, 1], "whole number"),
        ([-1, 1], [1, 1], "whole number"),
        ([np.nan, 1], [1, 1], "whole number"),
        ([1, 1], [-1, 1], "exposure"),
        ([1, 1], [np.inf, 1], "exposure"),
    ],
)
def test_counts_that_make_no_sense_are_refused(count, years, words):
    with pytest.raises(ValueError, match=words):
        negative_binomial(count, years, [0, 1])


@pytest.mark.parametrize(
    ("times", "years", "words"),
    [
        ([0.5, 0.5], [1, 1], "shape"),
        ([[-0.5], [0.5]], [1, 1], "0 or above"),
        ([[np.nan], [0.5]], [1, 1], "0 or above"),
        ([[0.5], [0.5]], [1, np.inf], "exposure"),
    ],
)
def test_times_that_make_no_sense_are_refused(times, years, words):
    with pytest.raises(ValueError, match=words):
        andersen_gill(times, years, [0, 1])


def test_what_has_not_converged_is_undefined(monkeypatch):
    count, years, arm, _ = columns_of(negative_binomial)
    monkeypatch.setattr(sys.modules["lupusim.analysis.counts.negative_binomial"], "_MOST_STEPS", 1)
    assert negative_binomial(count, years, arm).undefined.all()


def test_events_of_one_arm_after_the_other_has_left_make_no_ratio():
    arm = np.arange(60) % 2
    times = np.where(arm == 1, 0.1, 0.6)[:, None] + np.arange(60)[:, None] / 200
    result = andersen_gill(times, np.where(arm == 1, 0.5, 1.0), arm)
    assert result.undefined
    assert result.p_greater == result.p_less == 1


def test_events_of_strata_with_one_arm_make_no_ratio():
    """Stratum 2 has events of the control arm alone, and stratum 0 nobody of it."""
    result = negative_binomial([0, 3, 0, 1], [1.0] * 4, [0, 0, 1, 1], stratum=[3, 2, 2, 0])
    assert result.undefined
    assert result.estimate == 0
