"""Bounds by posterior probability, conditional and predictive power."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from lupusim.analysis.group_sequential import DriftBelief, conditional_power, predictive_power
from lupusim.analysis.group_sequential.probability_bounds import (
    ConditionalPower,
    Posterior,
    PosteriorEfficacy,
    PredictivePower,
    WithFutility,
    z_from_posterior,
)
from lupusim.analysis.group_sequential.stopping import GroupSequential

FRACTION = np.array([[0.3, 0.6, 1.0], [0.25, 0.7, 1.0]])
BELIEF = DriftBelief(mean=1.0, sd=2.0)


def test_a_z_on_the_bound_has_the_posterior_probability() -> None:
    z = z_from_posterior(0.9, FRACTION, BELIEF, drift=0.5)
    precision = 0.25 + FRACTION
    mean = (0.25 * 1.0 + z * np.sqrt(FRACTION)) / precision
    np.testing.assert_allclose(norm.sf(0.5, mean, 1 / np.sqrt(precision)), 0.9)


def test_without_a_belief_the_posterior_is_one_minus_the_p_value() -> None:
    efficacy, futility = PosteriorEfficacy(probability=0.99, looks=(2, 3)).bounds(FRACTION)
    np.testing.assert_allclose(efficacy[:, 1:], norm.ppf(0.99))
    assert np.isinf(efficacy[:, 0]).all()
    assert np.isneginf(futility).all()
    nothing = PosteriorEfficacy(probability=0.99).bounds(np.array([[0.0, 1.0]]))[0]
    assert np.isinf(nothing[0, 0])


@pytest.mark.parametrize(
    ("measure", "power"),
    [
        (ConditionalPower(), conditional_power),
        (
            ConditionalPower(drift=3.0),
            lambda z, t, bound: conditional_power(z, t, bound=bound, drift=3.0),
        ),
        (PredictivePower(), predictive_power),
        (
            PredictivePower(belief=BELIEF),
            lambda z, t, bound: predictive_power(z, t, bound=bound, belief=BELIEF),
        ),
    ],
)
def test_a_z_on_the_futility_bound_has_the_power(measure, power) -> None:
    rule = WithFutility(rule=GroupSequential(alpha=0.025), measure=measure, levels={1: 0.1, 2: 0.2})
    efficacy, futility = rule.bounds(FRACTION)
    plain = GroupSequential(alpha=0.025).bounds(FRACTION)[0]
    np.testing.assert_array_equal(efficacy, plain)
    for look, level in ((0, 0.1), (1, 0.2)):
        found = power(futility[:, look], FRACTION[:, look], bound=efficacy[:, -1])
        np.testing.assert_allclose(found, level)
    assert np.isneginf(futility[:, 2]).all()


def test_futility_by_posterior_and_where_nothing_can_be_said() -> None:
    rule = WithFutility(
        rule=PosteriorEfficacy(probability=0.975), measure=Posterior(), levels={1: 0.1}
    )
    futility = rule.bounds(np.array([[0.5, 1.0], [1.0, 1.2], [0.0, 1.0]]))[1]
    np.testing.assert_allclose(futility[:, 0], [norm.ppf(0.1), norm.ppf(0.1), -np.inf])


def test_levels_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        PosteriorEfficacy(probability=1.0)
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        WithFutility(rule=GroupSequential(alpha=0.1), measure=Posterior(), levels={1: 0})
