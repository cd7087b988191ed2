"""Tests with parameters of their own, which a scenario states in mappings or as a design."""

from __future__ import annotations

from typing import Any

from lupusim.analysis.outcomes import BinaryOutcome, NumberOutcome, SurvivalOutcome
from lupusim.analysis.proportions.posterior_tests import PosteriorDifferenceTest, PosteriorRankTest
from lupusim.analysis.registry import TESTS, TestKind
from lupusim.analysis.single_arm.tests import ExactBinomialTest, PosteriorProbabilityTest, SimonTest
from lupusim.analysis.survival.one_sample_logrank import OneSampleLogrankTest

_RATE: Any = {"effect": "response rate", "outcome": BinaryOutcome}
PARTICULAR_TESTS: dict[str, TestKind] = {
    "exact_binomial": TestKind(test=ExactBinomialTest(), required=("null_rate",), **_RATE),
    "simon": TestKind(
        test=SimonTest(),
        required=("null_rate", "alternative_rate"),
        **_RATE,
    ),
    "posterior_probability": TestKind(
        test=PosteriorProbabilityTest(), required=("null_rate", "threshold"), **_RATE
    ),
    "one_sample_logrank": TestKind(
        test=OneSampleLogrankTest(),
        effect="log ratio of observed and expected events",
        outcome=SurvivalOutcome,
    ),
    "posterior_difference": TestKind(
        test=PosteriorDifferenceTest(),
        effect="difference of posterior mean rates",
        outcome=BinaryOutcome,
        required=("threshold", "margin"),
    ),
    "posterior_rank": TestKind(
        test=PosteriorRankTest(),
        effect="chance to rank better (ties half) minus one half",
        outcome=NumberOutcome,
        required=("threshold",),
    ),
}
ALL_TESTS: dict[str, TestKind] = TESTS | PARTICULAR_TESTS
"""Every test that the analysis of a scenario can name."""
