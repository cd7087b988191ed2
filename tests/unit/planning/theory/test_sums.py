"""Means of smoothed steps beside sums over all outcomes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lupusim.planning.theory.sums import MANY_NODES, frequencies, step_means

SCALE = 0.15


def step(sums: np.ndarray, threshold: float) -> np.ndarray:
    return 1 / (1 + np.exp((sums - threshold) / SCALE))


@pytest.mark.parametrize("threshold", [-2.3, 0.0, 0.4, 1.96])
def test_the_mean_step_of_a_binomial_sum_is_that_of_all_its_values(threshold: float) -> None:
    n, chance = 60, 0.3
    spread = math.sqrt(n * chance * (1 - chance))
    values = (np.arange(n + 1) - n * chance) / spread
    chances = [math.comb(n, k) * chance**k * (1 - chance) ** (n - k) for k in range(n + 1)]
    nodes = frequencies(1.0, 2 * MANY_NODES)  # a lattice: nothing dies out but by the step
    one = np.log(1 - chance + chance * np.exp(1j * nodes / spread))
    log_law = (n * (one - 1j * nodes * chance / spread))[None, :]
    ((found,),) = step_means(log_law, nodes, np.array([threshold]), SCALE)
    assert found == pytest.approx(np.array(chances) @ step(values, threshold), abs=1e-9)


def test_the_spread_scales_the_frequencies() -> None:
    for spread in (0.02, 1.0, 50.0):
        nodes = frequencies(spread)
        log_law = (-((spread * nodes) ** 2) / 2 + 0j)[None, :]
        found = step_means(log_law, nodes, np.array([spread]), 1e-6 * spread)
        assert found[0, 0] == pytest.approx(0.8413447460685429, abs=1e-9)
