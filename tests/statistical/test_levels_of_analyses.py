"""Simulated level and power of the analyses against exact values and the nominal level."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim import analysis
from lupusim.analysis.closed_form import exact_power
from lupusim.analysis.fisher_exact import fisher_exact_of
from lupusim.analysis.risk_difference import risk_difference_of, risk_difference_score_of
from lupusim.rng import stream
from tolerance import SEED, assert_within_mcse

ALPHA, N_REPLICATES = 0.025, 100_000

TESTS = {
    "pooled z": lambda table: risk_difference_of(table).p_greater,
    "Fisher": lambda table: fisher_exact_of(table).p_greater,
    "Miettinen and Nurminen": lambda table: risk_difference_score_of(table).p_greater,
}
# n and proportion of the experimental arm, then of control
DESIGNS = [(20, 0.5, 20, 0.2), (60, 0.45, 60, 0.25), (40, 0.3, 20, 0.3), (30, 0.9, 30, 0.7)]


def tables(n, proportion, control_n, control_proportion):
    rng = stream(SEED, "exact power", n, control_n, str(proportion))
    return analysis.TwoByTwo(
        responders=rng.binomial(n, proportion, N_REPLICATES).astype(float),
        n=np.full(N_REPLICATES, float(n)),
        control_responders=rng.binomial(control_n, control_proportion, N_REPLICATES).astype(float),
        control_n=np.full(N_REPLICATES, float(control_n)),
    )


@pytest.mark.parametrize("name", ["pooled z", "Fisher"])
@pytest.mark.parametrize("design", DESIGNS)
def test_simulated_power_is_the_exact_power(name, design):
    n, proportion, control_n, control_proportion = design
    every = TESTS[name](analysis.all_tables(n, control_n)) <= ALPHA
    exact = exact_power(every.reshape(n + 1, control_n + 1), proportion, control_proportion)
    simulated = (TESTS[name](tables(*design)) <= ALPHA).mean()
    assert_within_mcse(simulated, exact, mcse=np.sqrt(exact * (1 - exact) / N_REPLICATES))


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_simulated_power_of_the_score_test_is_the_exact_power(design):
    n, proportion, control_n, control_proportion = design
    test = TESTS["Miettinen and Nurminen"]
    every = test(analysis.all_tables(n, control_n)) <= ALPHA
    exact = exact_power(every.reshape(n + 1, control_n + 1), proportion, control_proportion)
    simulated = (test(tables(*design)) <= ALPHA).mean()
    assert_within_mcse(simulated, exact, mcse=np.sqrt(exact * (1 - exact) / N_REPLICATES))


def share_of_rejections(test, n_patients, n_replicates, effect=0.0):
    """Return how often a test of 1:1 trials rejects for the experimental arm, one-sided."""
    rejected = 0
    for part in range(n_replicates // 5000):
        rng = stream(SEED, "level", part)
        arm = np.arange(n_patients) % 2
        time = rng.exponential(1.0, (5000, n_patients)) * np.exp(effect * arm)
        follow_up = rng.uniform(0.5, 2.5, (5000, n_patients))
        p_value = test(np.minimum(time, follow_up), time <= follow_up, arm)
        rejected += int((p_value <= ALPHA).sum())
    return rejected / n_replicates


SURVIVAL_TESTS = {
    "logrank": lambda *columns: analysis.logrank(*columns).p_less,
    "stratified": lambda time, event, arm: (
        analysis.logrank(time, event, arm, stratum=np.arange(arm.size) // 2 % 3).p_less
    ),
    "Cox": lambda *columns: analysis.cox(*columns).p_less,
    "Wilcoxon": lambda time, _, arm: analysis.wilcoxon(time, arm).p_greater,
    "Welch": lambda time, _, arm: analysis.welch_test(time, arm).p_greater,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SURVIVAL_TESTS))
def test_the_level_is_the_nominal_one(name):
    level = share_of_rejections(SURVIVAL_TESTS[name], 200, N_REPLICATES)
    assert_within_mcse(level, ALPHA, mcse=np.sqrt(ALPHA * (1 - ALPHA) / N_REPLICATES))


def test_a_broken_logrank_is_noticed():  # negative control
    def broken(time, event, arm):
        return analysis.logrank(time, event, arm).p_less * 0.7

    level = share_of_rejections(broken, 100, 10_000)
    with pytest.raises(AssertionError):
        assert_within_mcse(level, ALPHA, mcse=np.sqrt(ALPHA * (1 - ALPHA) / 10_000))
