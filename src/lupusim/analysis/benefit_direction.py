"""Which way a test's estimate points."""

from __future__ import annotations

from typing import Any

from lupusim.analysis.survival.tests import RestrictedMeanTest, SurvivalDifferenceTest
from lupusim.trial import Better


def benefit_sign(test: Any, better: Better) -> int:
    """Return 1 where larger estimates of a test are in favor of the experimental arm, else -1.

    Parameters
    ----------
    test : callable
        A trial's test.
    better : Better
        Direction of benefit of its endpoint: where fewer events are better, more time free of
        them is, and a higher share of patients without them.
    """
    turned = isinstance(test, RestrictedMeanTest | SurvivalDifferenceTest)
    return -int(better.value) if turned else int(better.value)
