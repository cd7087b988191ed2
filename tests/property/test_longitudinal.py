"""Repeated measures and recurrent events at every size from 2 to some hundred patients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lupusim import analysis
from lupusim.common.rng import stream

SIZES = st.one_of(st.integers(2, 40), st.sampled_from([151, 300]))
SEEDS = st.integers(0, 10**6)
VISITS = st.integers(1, 6)
PARTS = ("z", "estimate", "standard_error", "lower", "upper", "p_less", "p_greater")


def repeated(n, seed, n_visits):
    rng = stream(seed, "repeated")
    values = rng.normal(size=(3, n, n_visits)) + rng.choice([0, 1, 30]) * rng.normal(size=(3, n, 1))
    if rng.random() < 0.3:
        values = np.round(values)
    values[rng.random(values.shape) < rng.choice([0, 0.1, 0.5])] = np.nan
    arm = rng.random((3, n)) < rng.choice([0.5, 0.9])
    return values, arm, rng.normal(size=(3, n, 1))


def recurrent(n, seed):
    rng = stream(seed, "recurrent")
    times = rng.exponential(size=(3, n, 6)) / rng.choice([0.1, 1, 5])
    if rng.random() < 0.3:
        times = np.round(times, 1)
    years = rng.uniform(0, 1.5, (3, n)) * (rng.random((3, n)) < 0.9)
    stratum = rng.integers(0, rng.integers(1, 5), (3, n))
    return times, years, rng.random((3, n)) < rng.choice([0.5, 0.9]), stratum


def results(n, seed, n_visits, order=None):
    everyone = np.arange(n) if order is None else order
    values, arm, baseline = (part[:, everyone] for part in repeated(n, seed, n_visits))
    times, years, treated, stratum = (part[:, everyone] for part in recurrent(n, seed))
    count = (times <= years[:, :, None]).sum(axis=2) * (years > 0)
    return {
        "mmrm": analysis.mmrm(values, arm, baseline),
        "negative_binomial": analysis.negative_binomial(count, years, treated),
        "stratified": analysis.negative_binomial(count, years, treated, stratum=stratum),
        "andersen_gill": analysis.andersen_gill(times, years, treated),
        "stratified events": analysis.andersen_gill(times, years, treated, stratum=stratum),
    }


def check_numbers(n, seed, n_visits):
    for name, result in results(n, seed, n_visits).items():
        for part in PARTS:
            assert not np.isnan(getattr(result, part)).any(), (name, part, result)
        assert ((result.p_less >= 0) & (result.p_less <= 1)).all(), name
        assert (result.z[result.undefined] == 0).all(), name
        assert (result.p_less[result.undefined] == 1).all(), name
        assert np.isfinite(result.standard_error[~result.undefined]).all(), name


def check_order(n, seed, n_visits):
    order = stream(seed, "order").permutation(n)
    other = results(n, seed, n_visits, order)
    for name, one in results(n, seed, n_visits).items():
        np.testing.assert_array_equal(one.undefined, other[name].undefined, err_msg=name)
        np.testing.assert_allclose(one.z, other[name].z, atol=1e-5, err_msg=name)


@settings(max_examples=20, deadline=None)
@given(n=SIZES, seed=SEEDS, n_visits=VISITS)
def test_nothing_is_ever_not_a_number(n, seed, n_visits):
    check_numbers(n, seed, n_visits)


@settings(max_examples=10, deadline=None)
@given(n=SIZES, seed=SEEDS, n_visits=VISITS)
def test_the_order_of_patients_does_not_matter(n, seed, n_visits):
    check_order(n, seed, n_visits)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(n=SIZES, seed=SEEDS, n_visits=VISITS)
def test_both_hold_of_many_trials(n, seed, n_visits):
    check_numbers(n, seed, n_visits)
    check_order(n, seed, n_visits)


@settings(max_examples=15, deadline=None)
@given(n=SIZES, seed=SEEDS, n_visits=VISITS)
def test_rows_are_analyzed_as_if_alone(n, seed, n_visits):
    values, arm, baseline = repeated(n, seed, n_visits)
    together = analysis.mmrm(values, arm, baseline)
    alone = analysis.mmrm(values[1], arm[1], baseline[1])
    np.testing.assert_array_equal(together.undefined[1], alone.undefined)
    np.testing.assert_allclose(together.z[1], alone.z, atol=1e-5)
