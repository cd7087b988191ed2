"""Exact powers of counts beside R, and beside simulations of the packaged scenarios."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lupusim import load_scenario, run
from lupusim.analysis.registry import TESTS
from lupusim.planning.theory.counts.stratified import Rule, two_strata
from lupusim.planning.theory.counts.tables import rejections, rows_of
from lupusim.planning.theory.power import exact_power, exact_type_one_error
from lupusim.trial import Better
from tolerance import SEED, assert_within_mcse

N_REPLICATES = 10_000
PACKAGED = (
    "two_rates",
    "phase2_sri4_24w",
    "ln_addon_crr_76w",
    "null_and_drift",
    "phase2_remission_52w",
    "single_arm_simon",
)


def test_score_test_of_two_rates_has_the_power_that_r_sums_over_tables():
    # R 4.2.2: sum(outer(dbinom(0:54, 54, 0.63264), dbinom(0:27, 27, 0.4)) * (z >= qnorm(0.975)))
    test, spans = TESTS["miettinen_nurminen"], ((0, 28), (0, 55))
    rejects = rejections(test, Better.MORE, 1, 0.025, (27, 54), spans)
    control, new = (rows_of(n, np.array([p]), (0, n + 1))[0] for n, p in ((27, 0.4), (54, 0.63264)))
    assert new @ rejects @ control == pytest.approx(0.51033689, abs=1e-7)


def test_cochran_s_statistic_has_the_power_that_r_sums_over_tables_of_two_strata():
    # R 4.2.2: dbinom over all tables of two strata with 4 on control (0.2) and 8 new (0.5)
    rule = Rule(alpha=0.025, sided=1, better=Better.MORE)
    spans = ((0, 9), (0, 17))
    found = two_strata(rule, ((4, 8), (4, 8)), spans, ((0.5, 0.5), (0.5, 0.5)))
    control, new = (rows_of(n, np.array([p]), (0, n + 1))[0] for n, p in ((8, 0.2), (16, 0.5)))
    assert new @ found @ control == pytest.approx(0.28798350, abs=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_trials_of_counts_are_simulated_as_their_exact_power_says(name):
    scenario = load_scenario(name)
    for point in scenario.points:
        power = exact_power(point.trial)
        assert power is not None
        alone = replace(scenario, points=(point,))
        (result,) = run(alone, N_REPLICATES, seed=SEED).points
        pairs = [(result.power, power)]
        error = exact_type_one_error(point.trial)
        pairs += [] if error is None else [(result.type_one_error, error)]
        for simulated, exact in pairs:
            mcse = math.sqrt(exact * (1 - exact) / N_REPLICATES)
            assert_within_mcse(simulated.value, exact, mcse=mcse)
