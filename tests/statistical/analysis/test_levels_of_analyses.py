"""Simulated power of the analyses against exact values; levels are in test_documented_levels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lupusim import analysis
from lupusim.analysis.proportions.fisher_exact import fisher_exact_of
from lupusim.analysis.proportions.risk_difference import (
    risk_difference_of,
    risk_difference_score_of,
)
from lupusim.common.rng import stream
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


def exact_power(test, n, proportion, control_n, control_proportion):
    every = test(analysis.all_tables(n, control_n)) <= ALPHA
    rows, columns = (
        stats.binom.pmf(np.arange(size + 1), size, chance)
        for size, chance in ((n, proportion), (control_n, control_proportion))
    )
    return rows @ every.reshape(n + 1, control_n + 1) @ columns


@pytest.mark.parametrize("name", ["pooled z", "Fisher"])
@pytest.mark.parametrize("design", DESIGNS)
def test_simulated_power_is_the_exact_power(name, design):
    exact = exact_power(TESTS[name], *design)
    simulated = (TESTS[name](tables(*design)) <= ALPHA).mean()
    assert_within_mcse(simulated, exact, mcse=np.sqrt(exact * (1 - exact) / N_REPLICATES))


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_simulated_power_of_the_score_test_is_the_exact_power(design):
    test = TESTS["Miettinen and Nurminen"]
    exact = exact_power(test, *design)
    simulated = (test(tables(*design)) <= ALPHA).mean()
    assert_within_mcse(simulated, exact, mcse=np.sqrt(exact * (1 - exact) / N_REPLICATES))


def test_the_exact_power_for_another_effect_is_told_apart():  # negative control
    exact = exact_power(TESTS["pooled z"], 60, 0.43, 60, 0.25)
    simulated = (TESTS["pooled z"](tables(60, 0.45, 60, 0.25)) <= ALPHA).mean()
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(simulated, exact, mcse=np.sqrt(exact * (1 - exact) / N_REPLICATES))
