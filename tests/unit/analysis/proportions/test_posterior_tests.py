"""Verdicts by posterior probability: both sides, whichever arm is better."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from lupusim.analysis.outcomes import BinaryOutcome
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
