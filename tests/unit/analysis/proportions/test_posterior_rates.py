"""Posterior probabilities of response rates against exact integrals; shares within limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from lupusim.analysis.proportions.posterior_rates import (
    best_probability,
    better_probability,
    limited_shares,
)

COUNTS = np.array([[3.0, 5.0, 9.0], [0.0, 0.0, 0.0], [120.0, 150.0, 149.0]])
SIZES = np.array([[12.0, 11.0, 15.0], [0.0, 0.0, 0.0], [400.0, 410.0, 390.0]])
EVERYBODY = np.ones((3, 3), dtype=bool)


def exact(row: int, arm: int, others: list[int], prior: tuple[float, float]) -> float:
    rate = (np.arange(20_000) + 0.5) / 20_000
    laws = [
        beta(responders + prior[0], n - responders + prior[1])
        for responders, n in zip(COUNTS[row], SIZES[row], strict=True)
    ]
    below = np.prod([laws[k].cdf(rate) for k in others], axis=0)
    return float((laws[arm].pdf(rate) * below).mean())


@pytest.mark.parametrize("prior", [(1.0, 1.0), (2.0, 5.0)])
def test_probabilities_are_those_of_the_integrals(prior: tuple[float, float]) -> None:
    best = best_probability(COUNTS, SIZES, prior, EVERYBODY)
    better = better_probability(COUNTS, SIZES, prior)
    for row in range(3):
        for arm in range(3):
            others = [k for k in range(3) if k != arm]
            assert best[row, arm] == pytest.approx(exact(row, arm, others, prior), abs=2e-3)
            if arm:
                assert better[row, arm] == pytest.approx(exact(row, arm, [0], prior), abs=2e-3)
    assert np.allclose(best.sum(axis=1), 1)
    assert (better[:, 0] == 0).all()


def test_a_dropped_arm_cannot_be_best() -> None:
    two = np.array([[True, True, False]] * 3)
    best = best_probability(COUNTS, SIZES, (1.0, 1.0), two)
    assert (best[:, 2] == 0).all()
    better = better_probability(COUNTS[:, :2], SIZES[:, :2], (1.0, 1.0))
    np.testing.assert_allclose(best[:, 1], better[:, 1], atol=1e-12)


def test_shares_keep_within_their_limits_and_sum_to_one() -> None:
    wanted = np.array([[0.98, 0.01, 0.01], [0.5, 0.3, 0.2], [1.0, 0.0, 0.0]])
    arms = np.array([[True, True, True], [True, False, True], [True, False, False]])
    share = limited_shares(wanted, arms, least=0.15, most=0.6)
    np.testing.assert_allclose(share.sum(axis=1), 1)
    np.testing.assert_allclose(share[0], [0.6, 0.2, 0.2])
    np.testing.assert_allclose(share[1], [0.6, 0, 0.4])
    np.testing.assert_allclose(share[2], [1, 0, 0])
