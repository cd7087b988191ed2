"""Verdicts by posterior probability: both sides, whichever arm is better."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from lupusim.analysis.outcomes import BinaryOutcome
from lupusim.analysis.proportions.beta_binomial import BetaPrior, posterior_effects
from lupusim.analysis.registry import TESTS
from lupusim.trial import Better

ARM = np.repeat([1, 0], 12)


@pytest.mark.parametrize("responders", [(9, 3), (3, 9), (6, 6)])
def test_both_sides_are_those_of_the_integral(responders: tuple[int, int]) -> None:
    response = np.concatenate([np.arange(12) < count for count in responders])
    outcome = BinaryOutcome(response=response[None], arm=ARM[None], included=np.ones((1, 24), bool))
    verdict = TESTS["posterior_difference"](
        outcome, better=Better.MORE, sided=2, stratum=np.zeros((1, 24), dtype=np.int64)
    )
    rate = (np.arange(200_000) + 0.5) / 200_000
    laws = [beta(1 + count, 13 - count) for count in responders]
    worse = float((laws[0].cdf(rate) * laws[1].pdf(rate)).mean())  # P(treated below control)
    assert verdict.p_better[0] == pytest.approx(worse, abs=1e-6)
    assert verdict.p_worse[0] == pytest.approx(1 - worse, abs=1e-6)
    assert verdict.p_two_sided[0] == pytest.approx(2 * min(worse, 1 - worse), abs=1e-6)
    means, deviations = zip(*((law.mean(), law.std()) for law in laws), strict=True)
    reach = 1.959963984540054 * np.hypot(*deviations)
    assert verdict.estimate[0] == pytest.approx(means[0] - means[1], abs=1e-12)
    assert verdict.lower[0] == pytest.approx(means[0] - means[1] - reach, abs=1e-12)
    assert verdict.upper[0] == pytest.approx(means[0] - means[1] + reach, abs=1e-12)


def test_a_posterior_s_limits_are_two_errors_from_its_mean() -> None:
    found = posterior_effects(BetaPrior(weights=(0.7, 0.3), alphas=(1.0, 8.0), betas=(1.0, 2.0)), 6)
    rate = (np.arange(100_000) + 0.5) / 100_000
    for count in range(7):
        law = 0.7 * beta(1, 1).pdf(rate) + 0.3 * beta(8, 2).pdf(rate)
        law *= rate**count * (1 - rate) ** (6 - count)
        law /= law.sum()
        mean = law @ rate
        deviation = np.sqrt(law @ (rate - mean) ** 2)
        reach = 1.959963984540054 * deviation
        expected = [mean, deviation, mean - reach, mean + reach]
        np.testing.assert_allclose(found[:, count], expected, atol=1e-8)
