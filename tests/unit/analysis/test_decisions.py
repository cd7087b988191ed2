"""The tests that a scenario can name."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.analysis.decisions import TESTS
from lupusim.analysis.endpoints import BinaryOutcome, SurvivalOutcome
from lupusim.analysis.logrank import logrank
from lupusim.rng import stream
from lupusim.trial import Better
from tolerance import SEED

SHAPE = (6, 40)


@pytest.fixture
def survival():
    rng = stream(SEED, "decisions")
    return SurvivalOutcome(
        time=rng.exponential(size=SHAPE),
        event=rng.random(SHAPE) < 0.6,
        arm=rng.integers(0, 2, size=SHAPE).astype(np.int8),
    )


@pytest.fixture
def binary():
    rng = stream(SEED, "responses")
    return BinaryOutcome(
        response=rng.random(SHAPE) < 0.5,
        included=rng.random(SHAPE) < 0.9,
        arm=rng.integers(0, 2, size=SHAPE).astype(np.int8),
    )


NO_STRATA = np.zeros(SHAPE, dtype=np.intp)


def swapped(outcome):
    kind = type(outcome)
    fields = {name: getattr(outcome, name) for name in kind.__slots__}
    return kind(**{**fields, "arm": (1 - outcome.arm).astype(np.int8)})


@pytest.fixture(params=sorted(TESTS))
def named(request, survival, binary):
    kind = TESTS[request.param]
    return kind, binary if kind.outcome is BinaryOutcome else survival


def test_every_test_answers_for_every_replicate(named):
    kind, outcome = named
    verdict = kind.test(outcome, better=Better.FEWER, sided=1, stratum=NO_STRATA)
    for part in (verdict.p_value, verdict.estimate, verdict.standard_error, verdict.undefined):
        assert np.shape(part) == (SHAPE[0],)
    assert np.all((verdict.p_value >= 0) & (verdict.p_value <= 1))
    assert kind.effect


def test_the_direction_of_benefit_turns_the_p_value(named):
    kind, outcome = named
    one = kind.test(outcome, better=Better.MORE, sided=1, stratum=NO_STRATA)
    other = kind.test(swapped(outcome), better=Better.FEWER, sided=1, stratum=NO_STRATA)
    np.testing.assert_allclose(one.p_value, other.p_value, atol=1e-9)


def test_two_sided_p_values_know_no_direction(named):
    kind, outcome = named
    one = kind.test(outcome, better=Better.MORE, sided=2, stratum=NO_STRATA)
    other = kind.test(outcome, better=Better.FEWER, sided=2, stratum=NO_STRATA)
    np.testing.assert_array_equal(one.p_value, other.p_value)
    less = kind.test(outcome, better=Better.FEWER, sided=1, stratum=NO_STRATA).p_value
    more = kind.test(outcome, better=Better.MORE, sided=1, stratum=NO_STRATA).p_value
    assert np.all(one.p_value >= np.minimum(less, more) - 1e-12)


def test_without_anything_to_compare_nothing_is_significant(named):
    kind, outcome = named
    parts = {name: getattr(outcome, name) for name in type(outcome).__slots__}
    parts["arm"] = np.ones(SHAPE, dtype=np.int8)
    verdict = kind.test(type(outcome)(**parts), better=Better.MORE, sided=1, stratum=NO_STRATA)
    assert np.all(verdict.undefined)
    assert np.all(verdict.p_value == 1)


def test_logrank_is_the_one_of_the_analysis_stratified_where_there_are_strata(survival):
    stratum = stream(SEED, "strata").integers(0, 3, size=SHAPE)
    for strata, given in ((NO_STRATA, None), (stratum, stratum)):
        direct = logrank(survival.time, survival.event, survival.arm, stratum=given)
        fewer = TESTS["logrank"].test(survival, better=Better.FEWER, sided=1, stratum=strata)
        np.testing.assert_array_equal(fewer.p_value, direct.p_less)
        np.testing.assert_array_equal(fewer.estimate, direct.estimate)
        np.testing.assert_array_equal(fewer.standard_error, direct.standard_error)


def test_a_better_arm_has_a_small_p_value_in_its_own_direction():
    arm = np.tile(np.array([0, 1], dtype=np.int8), (1, 50))
    time = np.where(arm == 1, 2.0, 1.0) + np.arange(100) / 1000
    outcome = SurvivalOutcome(time=time, event=np.ones((1, 100), dtype=bool), arm=arm)
    test = TESTS["logrank"].test
    later = test(outcome, better=Better.FEWER, sided=1, stratum=np.zeros((1, 100), dtype=np.intp))
    assert later.p_value[0] < 1e-6
    assert later.estimate[0] < 0
    worse = test(outcome, better=Better.MORE, sided=1, stratum=np.zeros((1, 100), dtype=np.intp))
    assert worse.p_value[0] > 1 - 1e-6
