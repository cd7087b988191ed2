"""Tests of two proportions by their fourfold table, as a scenario names them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import ClassVar

from lupusim.analysis.outcomes import BinaryOutcome
from lupusim.analysis.proportions.two_by_two import TwoByTwo
from lupusim.analysis.results import TestResult
from lupusim.analysis.verdicts import (
    RatioToBeat,
    verdict,
    worst_difference,
)
from lupusim.common.arrays import IntArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import BELOW_ONE, check_ranges
from lupusim.trial import Better, TestMethod, Verdict


def table_of(outcome: BinaryOutcome) -> TwoByTwo:
    """Return the fourfold table of every replicate."""
    control_responders, control_n = outcome.counts(0)
    responders, n = outcome.counts(1)
    return TwoByTwo(
        responders=responders,
        n=n,
        control_responders=control_responders,
        control_n=control_n,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProportionTest(TestMethod):
    """A test of two proportions; strata play no role."""

    effect: ClassVar = "risk difference"
    outcome: ClassVar = BinaryOutcome
    formula: ClassVar = "tables"
    estimated_by: ClassVar = "the rates observed"

    compare: Callable[[TwoByTwo], TestResult]  # from a fourfold table to a result

    @property
    def is_convex(self) -> bool:
        """The square of its z grows with the distance of the rates, one of which is held."""
        return True

    def __call__(
        self, outcome: BinaryOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        return verdict(self.compare(table_of(outcome)), better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceTest(TestMethod):
    """A test of the difference of two proportions against a margin."""

    effect: ClassVar = "risk difference"
    outcome: ClassVar = BinaryOutcome
    formula: ClassVar = "tables"
    optional: ClassVar = ("margin",)
    estimated_by: ClassVar = "the rates observed"

    compare: Callable[..., TestResult]
    """From a fourfold table and the null value `margin` to a result."""
    margin: float = field(default=0.0, metadata=BELOW_ONE)
    """How much worse the experimental arm may be, 0 or above: 0 asks for superiority, more for
    non-inferiority."""
    pools: bool = False
    """Whether without a margin its variance is that of the pooled rate."""

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def is_convex(self) -> bool:
        """As a pooled test's square of z, which grows with the distance of the rates."""
        return self.pools and self.margin == 0

    def null_value(self, better: Better) -> float:
        """Return the difference that may be."""
        return worst_difference(self.margin, better)

    def __call__(
        self, outcome: BinaryOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        found = self.compare(table_of(outcome), margin=self.null_value(better))
        return verdict(found, better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioTest(RatioToBeat):
    """A test of a ratio of risks or odds.

    Parameters
    ----------
    compare : callable
        From a fourfold table and the null value `margin` to a result.
    margin : float
        The ratio to beat, above 0: 1 asks for superiority.
    effect : str
        What it estimates.
    """

    outcome: ClassVar = BinaryOutcome
    formula: ClassVar = "tables"
    estimated_by: ClassVar = "the rates observed"

    compare: Callable[..., TestResult]
    effect: str = field()

    def __call__(
        self, outcome: BinaryOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        return verdict(self.compare(table_of(outcome), margin=self.margin), better, sided)
