"""What a claim means where a test allows the experimental arm to be worse by a margin."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from lupusim.analysis.posterior_compared import PosteriorDifferenceTest
from lupusim.trial import Trial


def alike_is_enough(trial: Trial) -> bool:
    """Return whether arms that are alike are what the primary test wants to show.

    They are where its margin allows the experimental arm to be worse: who claims
    non-inferiority of arms that are alike makes no type I error.
    """
    test: Any = trial.analysis and trial.analysis.test
    if not hasattr(test, "margin"):
        return False
    neutral = {part.name: part.default for part in fields(test)}
    beyond = test.margin - neutral["margin"]
    if isinstance(test, PosteriorDifferenceTest):
        return bool(beyond < 0)
    if neutral["margin"] == 1:
        return bool(beyond * trial.primary.better.value < 0)
    return bool(beyond > 0)
