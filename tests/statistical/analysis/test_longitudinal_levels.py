"""Type I error of the analyses of repeated measures and recurrent events, as documented."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lupusim import analysis
from lupusim.common.rng import stream
from tolerance import SEED, assert_within_mcse

ALPHA, N_REPLICATES, PART = 0.025, 20_000, 500
MCSE = math.sqrt(ALPHA * (1 - ALPHA) / N_REPLICATES)


def repeated(rng, n_replicates, n_patients, n_visits, effect=0.0):
    """Return a marker that drifts, of whom more leave the worse they fare; arm and baseline."""
    shape = (n_replicates, n_patients, n_visits)
    baseline = rng.normal(size=shape[:2])
    own = rng.normal(size=(*shape[:2], 1))
    values = 0.6 * own + 0.4 * baseline[:, :, None] + 0.7 * rng.normal(size=shape)
    arm = np.broadcast_to(np.arange(n_patients) % 2, shape[:2])
    values += effect * arm[:, :, None] * (1 + np.arange(n_visits)) / n_visits
    leaves = rng.random(shape) < 0.06 * np.exp(0.5 * values)
    gone = np.cumsum(leaves, axis=2) - leaves > 0  # who leaves was seen at that visit
    values[gone | (rng.random(shape) < 0.05)] = np.nan
    return values, arm, baseline[:, :, None]


def recurrent(rng, n_replicates, n_patients, effect=0.0):
    """Return times of one event or so of patients who differ, exposure and arm."""
    shape = (n_replicates, n_patients)
    arm = np.broadcast_to(np.arange(n_patients) % 2, shape)
    rate = rng.gamma(1.25, 0.8, shape) * 1.5 * np.exp(effect * arm)
    gaps = rng.exponential(size=(*shape, 16)) / np.maximum(rate, 1e-9)[:, :, None]
    return np.cumsum(gaps, axis=2) ** 1.2, rng.uniform(0.3, 1.0, shape), arm


def mmrm(rng, n_replicates, n_patients, effect=0.0):
    return analysis.mmrm(*repeated(rng, n_replicates, n_patients, 4, effect))


def negative_binomial(rng, n_replicates, n_patients, effect=0.0):
    times, years, arm = recurrent(rng, n_replicates, n_patients, effect)
    return analysis.negative_binomial((times <= years[:, :, None]).sum(axis=2), years, arm)


def andersen_gill(rng, n_replicates, n_patients, effect=0.0):
    return analysis.andersen_gill(*recurrent(rng, n_replicates, n_patients, effect))


def rejections(test, n_patients, n_replicates=N_REPLICATES, effect=0.0):
    """Return how often a test of 1:1 trials finds fewer or less on the experimental arm."""
    found = [
        test(stream(SEED, test.__name__, n_patients, part), PART, n_patients, effect).p_less
        for part in range(n_replicates // PART)
    ]
    return float(np.mean(np.concatenate(found) <= ALPHA))


# Size at 0.025, by patients in all: what the documentation of the tests says.
SIZES = {
    (mmrm, 24): 0.027,
    (mmrm, 200): 0.026,
    (negative_binomial, 24): 0.033,
    (negative_binomial, 200): 0.025,
    (andersen_gill, 24): 0.044,
    (andersen_gill, 200): 0.028,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("test", "n_patients"), SIZES, ids=lambda value: getattr(value, "__name__", value)
)
def test_type_one_error_is_what_is_documented(test, n_patients):
    assert_within_mcse(rejections(test, n_patients), SIZES[test, n_patients], mcse=MCSE)


@pytest.mark.slow
def test_values_missing_at_random_do_not_bias_a_mixed_model():
    # the truth is 0.5 less at the last visit; who fares worse leaves, from the worse arm more often
    rng = stream(SEED, "bias")
    values, arm, baseline = repeated(rng, 3000, 120, 4, effect=-0.5)
    found = analysis.mmrm(values, arm, baseline)
    error = found.estimate.std(ddof=1) / math.sqrt(found.estimate.size)
    assert_within_mcse(found.estimate.mean(), -0.5, mcse=error)
    covered = (found.lower <= -0.5) & (found.upper >= -0.5)
    assert abs(covered.mean() - 0.95) <= 0.005 + 4 * math.sqrt(0.95 * 0.05 / 3000)


@pytest.mark.parametrize("test", [mmrm, negative_binomial, andersen_gill])
def test_negative_control_an_effect_is_found_more_often_than_by_chance(test):
    found = rejections(test, 60, n_replicates=1000, effect=-0.5)
    assert found > ALPHA + 8 * math.sqrt(ALPHA * (1 - ALPHA) / 1000)
