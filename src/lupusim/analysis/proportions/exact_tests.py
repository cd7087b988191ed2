"""Exact tests of two proportions, as a scenario names them."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from lupusim.analysis.outcomes import BinaryOutcome
from lupusim.analysis.proportions.fourfold_tests import ProportionTest, table_of
from lupusim.analysis.proportions.risk_difference import risk_difference_of
from lupusim.analysis.proportions.two_by_two import TwoByTwo
from lupusim.analysis.results import ExactResult
from lupusim.analysis.verdicts import (
    verdict_with,
)
from lupusim.common.arrays import IntArray
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, TestMethod, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactTest(TestMethod):
    """An exact test of two proportions; the risk difference is estimated beside it."""

    effect: ClassVar = "risk difference"
    outcome: ClassVar = BinaryOutcome
    formula: ClassVar = "tables"
    estimated_by: ClassVar = "the rates observed"

    exact: Callable[[TwoByTwo], ExactResult]  # from a fourfold table to exact p-values
    needs_all_tables: bool = False
    """Whether a p-value is worked out from all tables of two arm sizes together."""

    @property
    def estimator(self) -> ProportionTest:
        """What estimates the same effect in samples too large for an exact test."""
        return ProportionTest(compare=risk_difference_of)

    def __call__(
        self, outcome: BinaryOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        table = table_of(outcome)
        exact = self.exact(table)
        return verdict_with(exact, better, sided, risk_difference_of(table))
