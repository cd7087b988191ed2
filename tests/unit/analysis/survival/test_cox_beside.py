"""Cox's estimate beside the log-rank test is the maximum of the partial likelihood."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from lupusim.analysis.survival.cox import cox
from lupusim.analysis.survival.cox_beside import logrank_with_cox
from lupusim.analysis.survival.logrank import logrank
from lupusim.common.rng import stream

SHAPE = (12, 90)


def patients(ratio, *, ticks=0):
    """Draw two arms of 1:2 with a hazard ratio; ties where times are rounded up to 1/ticks."""
    rng = stream(31, "beside", ticks)
    arm = (np.arange(SHAPE[1]) % 3 > 0) + np.zeros(SHAPE, dtype=np.int8)
    event_time = rng.exponential(1.0, SHAPE) / np.where(arm == 1, ratio, 1.0)
    end = rng.uniform(0.5, 2.5, SHAPE)
    time = np.minimum(event_time, end)
    if ticks:
        time = np.ceil(time * ticks) / ticks
    return time, event_time <= end, arm.astype(np.int8), rng.integers(0, 2, SHAPE)


def maximum(time, event, arm):
    """Return the maximum of the log partial likelihood of one trial without ties, and its error."""

    def terms(effect):
        risk = np.exp(effect * arm)
        shares = [
            (effect * arm[i] - np.log(risk[at].sum()), (risk * arm)[at].sum() / risk[at].sum())
            for i in np.flatnonzero(event)
            for at in [time >= time[i]]
        ]
        return np.array(shares).T

    best = minimize_scalar(lambda effect: -terms(effect)[0].sum(), bounds=(-4, 4), method="bounded")
    share = terms(best.x)[1]
    return best.x, 1 / np.sqrt((share * (1 - share)).sum())


@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.5])
def test_the_estimate_is_the_maximum_of_the_partial_likelihood(ratio):
    time, event, arm, _ = patients(ratio)
    found = logrank_with_cox(time, event, arm)
    for row in range(SHAPE[0]):
        estimate, error = maximum(time[row], event[row], arm[row])
        assert found.estimate[row] == pytest.approx(estimate, abs=1e-4)
        assert found.standard_error[row] == pytest.approx(error, rel=1e-4)
    assert np.abs(found.estimate - logrank(time, event, arm).estimate).max() > 0.01


@pytest.mark.parametrize("ticks", [0, 4])
@pytest.mark.parametrize("stratified", [False, True])
def test_the_test_is_the_log_rank_test_and_the_estimate_that_of_cox(ticks, stratified):
    time, event, arm, stratum = patients(0.5, ticks=ticks)
    words = {"stratum": stratum} if stratified else {}
    found, model = logrank_with_cox(time, event, arm, **words), cox(time, event, arm, **words)
    np.testing.assert_array_equal(found.z, logrank(time, event, arm, **words).z)
    np.testing.assert_allclose(found.estimate, model.estimate, atol=1e-8)
    np.testing.assert_allclose(found.standard_error, model.standard_error, rtol=3e-5)


def test_where_the_likelihood_has_no_maximum_there_is_a_test_and_no_estimate():
    time = np.array([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]])
    event = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]], dtype=bool)
    arm = np.array([[0, 0, 1, 1], [0, 1, 1, 0], [0, 1, 0, 1]], dtype=np.int8)
    found = logrank_with_cox(time, event, arm)
    assert np.isinf(found.standard_error).tolist() == [True, False, True]
    assert found.undefined.tolist() == [False, False, True]


def test_a_maximum_far_away_is_found_all_the_same():
    time = np.arange(1.0, 201.0)[None]
    arm = np.r_[np.zeros(100), np.ones(100)].astype(np.int8)[None]
    arm[0, 50], arm[0, 150] = 1, 0
    event = np.ones((1, 200), dtype=bool)
    found, model = logrank_with_cox(time, event, arm), cox(time, event, arm)
    assert found.estimate[0] == pytest.approx(model.estimate[0], abs=1e-8)
    assert found.estimate[0] < -3
