"""What adjustment is for: unbiased conditional hazard ratios, power, and a level that holds."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim import analysis
from lupusim.common.rng import stream
from tolerance import SEED, assert_within_mcse

ALPHA, N_PATIENTS = 0.025, 200
LOG_RATIO = np.log(0.6)


def trials(n_replicates, log_ratio):
    """Return survival with two strong covariates, one of them with strata of its own baseline."""
    rng = stream(SEED, "adjusted", n_replicates, str(log_ratio))
    shape = (n_replicates, N_PATIENTS)
    arm = np.broadcast_to(np.arange(N_PATIENTS) % 2, shape)
    covariates = rng.normal(size=(*shape, 2))
    stratum = rng.integers(0, 2, shape)
    log_hazard = log_ratio * arm + covariates @ np.array([0.8, -0.8]) + stratum
    time = rng.exponential(1.0, shape) / np.exp(log_hazard)
    follow_up = rng.uniform(0.5, 3.0, shape)
    columns = (np.minimum(time, follow_up), time <= follow_up)
    return columns, np.concatenate([arm[:, :, None], covariates], axis=2), stratum


def first(result):
    return result.estimate[:, 0], result.p_less[:, 0]


@pytest.mark.slow
def test_the_adjusted_hazard_ratio_is_the_conditional_one_and_the_unadjusted_is_not():
    columns, design, stratum = trials(3000, LOG_RATIO)
    estimate, p_value = first(analysis.cox_regression(*columns, design, stratum=stratum))
    mcse = estimate.std() / np.sqrt(estimate.size)
    assert_within_mcse(estimate.mean(), LOG_RATIO, mcse=mcse)
    plain = analysis.cox(*columns, design[:, :, 0], stratum=stratum)
    with pytest.raises(AssertionError):  # negative control
        assert_within_mcse(plain.estimate.mean(), LOG_RATIO, mcse=mcse)
    gain = (p_value <= ALPHA).mean() - (plain.p_less <= ALPHA).mean()
    assert gain > 8 * np.sqrt(0.5 / estimate.size)


@pytest.mark.slow
def test_without_an_effect_an_adjusted_test_keeps_its_level():
    columns, design, stratum = trials(6000, 0.0)
    p_value = first(analysis.cox_regression(*columns, design, stratum=stratum))[1]
    mcse = np.sqrt(ALPHA * (1 - ALPHA) / p_value.size)
    assert_within_mcse((p_value <= ALPHA).mean(), ALPHA, mcse=mcse)
    with pytest.raises(AssertionError):  # negative control
        assert_within_mcse((p_value * 0.5 <= ALPHA).mean(), ALPHA, mcse=mcse)


def two_causes(n_replicates, other_ratio):
    """Return two causes with random censoring; the other cause alone differs between arms."""
    rng = stream(SEED, "two causes", n_replicates, str(other_ratio))
    shape = (n_replicates, N_PATIENTS)
    arm = np.arange(N_PATIENTS) % 2
    cause = rng.exponential(1.0, shape)
    other = rng.exponential(1.0, shape) / np.where(arm == 1, other_ratio, 1.0)
    censored = rng.exponential(1.0, shape)
    first_event = np.minimum(cause, other)
    seen = first_event <= censored
    return np.minimum(first_event, censored), seen, cause < other, arm


@pytest.mark.slow
def test_tests_of_incidence_keep_their_level_and_see_what_another_cause_takes_away():
    columns = two_causes(6000, 1.0)
    z = analysis.gray(*columns).z
    mcse = np.sqrt(2 * ALPHA * (1 - 2 * ALPHA) / z.size)
    assert_within_mcse((np.abs(z) >= 1.959964).mean(), 2 * ALPHA, mcse=mcse)
    wald = analysis.fine_gray_weighted(*columns).z
    assert_within_mcse((np.abs(wald) >= 1.959964).mean(), 2 * ALPHA, mcse=mcse)
    crowded = analysis.gray(*two_causes(1000, 3.0)).z  # cause-specific hazards are equal
    with pytest.raises(AssertionError):  # negative control
        assert_within_mcse((np.abs(crowded) >= 1.959964).mean(), 2 * ALPHA, mcse=mcse)
    assert (crowded < -1.959964).mean() > 0.3
