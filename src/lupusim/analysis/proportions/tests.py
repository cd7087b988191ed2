"""Tests of responses that a scenario can name; each is called with an outcome."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lupusim.analysis.outcomes import BinaryOutcome
from lupusim.analysis.proportions.cochran_mantel_haenszel import cochran_mantel_haenszel
from lupusim.analysis.proportions.logistic_regression import logistic_regression
from lupusim.analysis.proportions.risk_difference import risk_difference_of
from lupusim.analysis.proportions.two_by_two import TwoByTwo
from lupusim.analysis.results import ExactResult, TestResult, of_coefficient
from lupusim.analysis.verdicts import (
    beside,
    checked_ratio,
    checked_share,
    verdict,
    verdict_with,
    worst_difference,
)
from lupusim.arrays import FloatArray, IntArray
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
    """A test of two proportions; strata play no role.

    Parameters
    ----------
    compare : callable
        From a fourfold table to a result.
    """

    estimated_by: ClassVar = "the rates observed"

    compare: Callable[[TwoByTwo], TestResult]

    def __call__(
        self, outcome: BinaryOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        del stratum
        return verdict(self.compare(table_of(outcome)), better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceTest(TestMethod):
    """A test of the difference of two proportions against a margin.

    Parameters
    ----------
    compare : callable
        From a fourfold table and the null value `margin` to a result.
    margin : float
        How much worse the experimental arm may be, 0 or above: 0 asks for superiority,
        more for non-inferiority.
    """

    estimated_by: ClassVar = "the rates observed"

    compare: Callable[..., TestResult]
    margin: float = 0.0

    def __post_init__(self) -> None:
        checked_share(self.margin)

    def null_value(self, better: Better) -> float:
        """Return the difference that may be."""
        return worst_difference(self.margin, better)

    def __call__(
        self, outcome: BinaryOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        del stratum
        found = self.compare(table_of(outcome), margin=self.null_value(better))
        return verdict(found, better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioTest(TestMethod):
    """A test of a ratio of risks or odds.

    Parameters
    ----------
    compare : callable
        From a fourfold table and the null value `margin` to a result.
    margin : float
        The ratio to beat, above 0: 1 asks for superiority.
    """

    estimated_by: ClassVar = "the rates observed"

    compare: Callable[..., TestResult]
    margin: float = 1.0

    def __post_init__(self) -> None:
        checked_ratio(self.margin)

    def null_value(self, better: Better) -> float:
        """Return the log of the ratio to beat."""
        del better
        return math.log(self.margin)

    def __call__(
        self, outcome: BinaryOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        del stratum
        return verdict(self.compare(table_of(outcome), margin=self.margin), better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactTest(TestMethod):
    """An exact test of two proportions; the risk difference is estimated beside it.

    Parameters
    ----------
    exact : callable
        From a fourfold table to exact p-values.
    needs_all_tables : bool
        Whether a p-value is worked out from all tables of two arm sizes together.
    """

    estimated_by: ClassVar = "the rates observed"

    exact: Callable[[TwoByTwo], ExactResult]
    needs_all_tables: bool = False

    @property
    def estimator(self) -> ProportionTest:
        """What estimates the same effect in samples too large for an exact test."""
        return ProportionTest(compare=risk_difference_of)

    def __call__(
        self, outcome: BinaryOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        del stratum
        table = table_of(outcome)
        exact = self.exact(table)
        return verdict_with(exact, better, sided, risk_difference_of(table))


@dataclass(frozen=True, slots=True, kw_only=True)
class CochranMantelHaenszelTest(TestMethod):
    """Cochran-Mantel-Haenszel test over the strata; estimates the log common odds ratio."""

    estimated_by: ClassVar = "Mantel and Haenszel"
    strata: ClassVar = "needed"

    def __call__(
        self, outcome: BinaryOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        result = cochran_mantel_haenszel(
            outcome.response, outcome.arm, stratum, included=outcome.included
        )
        return verdict(result, better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticRegressionTest(TestMethod):
    """Wald's test of the arm's log odds ratio, adjusted for covariates and strata as levels."""

    estimated_by: ClassVar = "maximum likelihood"
    strata: ClassVar = "used"
    covariates: ClassVar = True

    def __call__(
        self,
        outcome: BinaryOutcome,
        *,
        better: Better,
        sided: int,
        stratum: IntArray,
        covariates: FloatArray | None = None,
    ) -> Verdict:
        """Return the verdict on every replicate."""
        columns = beside(outcome.arm, covariates)
        strata = stratum if np.any(stratum) else None
        result = logistic_regression(
            outcome.response, columns, stratum=strata, included=outcome.included
        )
        return verdict(of_coefficient(result, 0), better, sided)
