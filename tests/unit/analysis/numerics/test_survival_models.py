"""Cox regression, weighted log-rank tests, restricted means: shapes and undefined cases."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from scipy import stats

from lupusim.analysis import (
    FlemingHarrington,
    MagirrBurman,
    cox,
    cox_breslow,
    cox_regression,
    logrank,
    max_combo,
    rmst,
    rmst_difference,
    weighted_logrank,
)
from lupusim.analysis.numerics.newton import is_regular
from lupusim.analysis.survival.weighted_logrank import MAX_COMBO_WEIGHTS
from lupusim.common.rng import stream
from tolerance import SEED

# `lupusim.analysis.survival.cox` is the function; the module of that name is reached by its path.
cox_module = import_module("lupusim.analysis.survival.cox")
newton_module = import_module("lupusim.analysis.numerics.newton")


def trials(n_replicates=8, n_patients=60):
    rng = stream(SEED, "survival models")
    time = rng.exponential(1.0, (n_replicates, n_patients))
    event = rng.random((n_replicates, n_patients)) < 0.7
    included = rng.random((n_replicates, n_patients)) < 0.8
    covariate = rng.normal(size=(n_replicates, n_patients))
    return time, event, np.arange(n_patients) % 2, included, covariate


def test_rows_of_trials_equal_single_trials():
    time, event, arm, included, covariate = trials()
    both = np.stack([np.broadcast_to(arm, time.shape), covariate], axis=2)
    rows = [
        cox(time, event, arm, included=included),
        cox_regression(time, event, both, included=included),
        max_combo(time, event, arm, included=included),
        rmst_difference(time, event, arm, 1.0, included=included),
    ]
    for row in range(time.shape[0]):
        columns, member = (time[row], event[row]), included[row]
        alone = [
            cox(*columns, arm, included=member),
            cox_regression(*columns, both[row], included=member),
            max_combo(*columns, arm, included=member),
            rmst_difference(*columns, arm, 1.0, included=member),
        ]
        for one, other in zip(rows, alone, strict=True):
            np.testing.assert_allclose(one.z[row], other.z, atol=1e-9)
            assert np.shape(other.z) == np.shape(one.z)[1:]


def test_the_regression_on_the_arm_alone_is_the_two_arm_estimate():
    time, event, arm, included, _ = trials()
    shared = np.asarray(arm, dtype=float)[:, np.newaxis]
    several = cox_regression(np.ceil(time * 5), event, shared, included=included)
    alone = cox(np.ceil(time * 5), event, arm, included=included)
    np.testing.assert_allclose(several.estimate[:, 0], alone.estimate, atol=1e-8)
    np.testing.assert_allclose(several.standard_error[:, 0], alone.standard_error, rtol=1e-8)


def test_without_ties_breslow_is_efron():
    time, event, arm, _, _ = trials()
    np.testing.assert_allclose(cox(time, event, arm).z, cox_breslow(time, event, arm).z)


@pytest.mark.parametrize(
    ("event", "arm"),
    [
        ([0, 0, 0, 0], [0, 1, 0, 1]),
        ([1, 1, 0, 0], [1, 1, 0, 0]),  # all events on one arm: the hazard ratio is infinite
        ([1, 1, 0, 0], [0, 0, 1, 1]),
        ([1, 1, 1, 1], [1, 1, 1, 1]),
    ],
)
def test_without_a_finite_hazard_ratio_cox_is_undefined(event, arm):
    time = [1.0, 2.0, 3.0, 4.0]
    for result in (cox(time, event, arm), cox_regression(time, event, np.c_[arm])):
        assert np.all(result.undefined)
        assert np.all(result.z == 0)
        assert np.all(np.isinf(result.standard_error))
        assert np.all(result.p_two_sided == 1)


@pytest.mark.parametrize("module", [cox_module, newton_module])
def test_a_search_that_has_not_ended_gives_no_result(module, monkeypatch):
    monkeypatch.setattr(module, "_MOST_STEPS", 1)
    time, event, arm, _, _ = trials()
    if module is cox_module:
        result = cox(time, event, arm)
    else:
        result = cox_regression(time, event, np.c_[arm])
    assert result.undefined.all()


def test_a_covariate_without_variation_is_undefined_and_no_other():
    time, event, arm, _, _ = trials()
    with_constant = cox_regression(time, event, np.stack([arm, np.ones_like(arm)], axis=1))
    alone = cox_regression(time, event, np.c_[arm])
    assert with_constant.undefined[..., 1].all()
    np.testing.assert_allclose(with_constant.estimate[..., 0], alone.estimate[..., 0], atol=1e-9)
    assert not is_regular(np.array([[[1.0, 1.0], [1.0, 1.0]]]))


def test_covariates_that_are_not_numbers_are_refused():
    with pytest.raises(ValueError, match="finite"):
        cox_regression([1.0, 2.0], [1, 1], [[np.nan], [1.0]])
    with pytest.raises(ValueError, match="n_covariates"):
        cox_regression([1.0, 2.0], [1, 1], [1.0, 2.0])


def test_weights_of_one_are_the_logrank_test():
    time, event, arm, included, _ = trials()
    for values in (time, np.ceil(time * 4)):
        plain = logrank(values, event, arm, included=included)
        weighted = weighted_logrank(
            values, event, arm, weight=FlemingHarrington(), included=included
        )
        np.testing.assert_allclose(weighted.z, plain.z, atol=1e-10)


def test_no_trial_has_no_information_for_max_combo():
    result = max_combo([1.0, 2.0, 3.0], [0, 0, 0], [0, 1, 1])
    assert result.undefined
    assert result.p_less == result.p_greater == result.p_two_sided == 1
    assert not np.isnan(result.correlation).any()


def test_max_combo_of_exchanged_arms_has_the_other_p_value():
    time, event, arm, included, _ = trials()
    result = max_combo(time, event, arm, included=included)
    exchanged = max_combo(time, event, 1 - arm, included=included)
    np.testing.assert_allclose(result.p_greater, exchanged.p_less, atol=1e-9)
    smaller = np.minimum(result.p_less, exchanged.p_less)
    np.testing.assert_allclose(result.p_two_sided, np.minimum(1, 2 * smaller), atol=1e-9)


def test_weights_that_do_not_follow_from_three_have_p_values_too():
    time, event, arm, included, _ = trials()
    weights = (*MAX_COMBO_WEIGHTS, FlemingHarrington(rho=3.0), FlemingHarrington(gamma=3.0))
    result = max_combo(time, event, arm, weights=weights, included=included)
    four = max_combo(time, event, arm, included=included)
    assert (result.p_less >= stats.norm.cdf(result.z.min(axis=-1)))[~result.undefined].all()
    same = result.z.min(axis=-1) == four.z.min(axis=-1)
    assert same.any()
    assert (result.p_less >= four.p_less - 2e-3)[same].all()


@pytest.mark.parametrize("values", [{"rho": -1.0}, {"gamma": np.nan}])
def test_weights_out_of_range_are_refused(values):
    with pytest.raises(ValueError, match="0 or above"):
        FlemingHarrington(**values)
    with pytest.raises(ValueError, match="until"):
        MagirrBurman(until=0.0)


@pytest.mark.parametrize("n", [0, 10])
def test_max_combo_needs_one_to_nine_weights(n):
    with pytest.raises(ValueError, match=f"weights has {n} items, give 1 to 9"):
        max_combo([1.0, 2.0], [1, 1], [0, 1], weights=n * (FlemingHarrington(),))


def test_the_mean_up_to_a_horizon_without_events_is_the_horizon():
    result = rmst([3.0, 4.0], [0, 0], 2.0)
    assert (result.estimate, result.standard_error) == (2.0, 0.0)
    assert result.undefined


def test_the_mean_beyond_follow_up_is_undefined_unless_nobody_is_left():
    assert rmst([1.0, 2.0], [1, 0], 3.0).undefined
    result = rmst([1.0, 2.0], [1, 1], 3.0)
    np.testing.assert_allclose(result.estimate, 1.5)
    assert not result.undefined
    assert rmst_difference([1.0, 2.0, 3.0], [1, 0, 1], [0, 0, 1], 2.5).undefined


@pytest.mark.parametrize("until", [0.0, np.inf, np.nan])
def test_a_horizon_must_be_a_time(until):
    with pytest.raises(ValueError, match="until"):
        rmst([1.0], [1], until)
