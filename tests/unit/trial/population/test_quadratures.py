"""Nodes and weights that stand for patients who differ, and what an allocation makes of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from lupusim.trial import Population
from lupusim.trial.allocation.blocks import SimpleRandomization
from lupusim.trial.design import KnownEffect, SimulatedEffect
from lupusim.trial.population.covariates import (
    WEIGHT,
    GammaFrailty,
    LognormalCovariate,
    LognormalFrailty,
    NormalCovariate,
    normal_nodes_above,
)

ON = (("well", "ill"),)
SPREAD = {
    "normal": (NormalCovariate(mean=8.0, sd=2.0), 8.0, 2.0),
    "lognormal": (LognormalCovariate(mean=8.0, sd=2.0), 8.0, 2.0),
    "gamma frailty": (GammaFrailty(on=ON, variance=0.5), 1.0, math.sqrt(0.5)),
    "lognormal frailty": (LognormalFrailty(on=ON, variance=0.5), 1.0, math.sqrt(0.5)),
}


@pytest.mark.parametrize("name", SPREAD)
def test_nodes_have_the_mean_and_the_spread_that_are_stated(name):
    kind, mean, sd = SPREAD[name]
    nodes, weights = kind.nodes(20)
    assert weights.sum() == pytest.approx(1.0, rel=1e-12)
    assert nodes @ weights == pytest.approx(mean, rel=1e-9)
    assert (nodes - mean) ** 2 @ weights == pytest.approx(sd**2, rel=1e-6)


@pytest.mark.parametrize("floor", [-2.0, 0.3, -60.0])
def test_what_lies_below_a_floor_is_set_to_it(floor):
    """Mean of a censored normal number: floor Phi(floor) + phi(floor) (Tobin 1958)."""
    nodes, weights = normal_nodes_above(floor, 40, 1.0, 3.0)
    normal = scipy.stats.norm
    mean = floor * normal.cdf(floor) + normal.pdf(floor)
    assert weights.sum() == pytest.approx(1.0, rel=1e-12)
    assert nodes @ weights == pytest.approx(1.0 + 3.0 * mean, abs=1e-8)


def test_a_population_answers_for_each_of_its_numbers():
    dose = LognormalCovariate(mean=20.0, sd=5.0)
    population = Population(weight_mean=60.0, weight_sd=10.0, covariates={"dose": dose})
    assert [population.mean_of(name) for name in (WEIGHT, "dose")] == [60.0, 20.0]
    assert [population.spread_of(name) for name in (WEIGHT, "dose")] == [10.0, 5.0]
    for name, mean in ((WEIGHT, 60.0), ("dose", 20.0)):
        nodes, weights = population.nodes_of(name, 30)
        assert nodes @ weights == pytest.approx(mean, rel=2e-4)  # the lightest weigh half at least
    assert population.nodes_of(WEIGHT, 30)[0].min() == pytest.approx(30.0)


def test_arm_sizes_of_simple_randomization_are_binomial():
    sizes = SimpleRandomization().sizes((1, 2), 7)
    expected = scipy.stats.binom.pmf(np.arange(8), 7, 2 / 3)
    np.testing.assert_allclose([sizes[7 - k, k] for k in range(8)], expected, rtol=1e-12)


def test_a_true_effect_says_where_it_is_known_from():
    assert (KnownEffect(value=0.25).given, KnownEffect(value=0.25).words) == (0.25, "given: 0.25")
    simulated = SimulatedEffect(n_patients=50_000)
    assert simulated.given is None
    assert simulated.words == "from one simulation of 50 000 fully observed patients"
