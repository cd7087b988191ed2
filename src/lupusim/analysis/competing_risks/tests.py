"""Tests of times with competing events that a scenario can name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from lupusim.analysis.competing_risks.cumulative_incidence import (
    cumulative_incidence_by_arm,
)
from lupusim.analysis.competing_risks.fine_gray import fine_gray_weighted
from lupusim.analysis.competing_risks.gray import gray
from lupusim.analysis.outcomes import SurvivalOutcome
from lupusim.analysis.survival.tests import hazard_ratio_of, logrank_of, strata_or_none
from lupusim.analysis.verdicts import (
    against,
    checked_ratio,
    checked_share,
    verdict,
    verdict_with,
    worst_difference,
)
from lupusim.arrays import FloatArray, IntArray
from lupusim.trial import Better, TestMethod, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class FineGrayTest(TestMethod):
    """Wald's test of the subdistribution's log hazard ratio, stratified where there are strata.

    After a competing event a patient stays at risk until data cutoff, end of follow-up or
    the dropout that would have come: an analysis of real data, which does not know the
    last, weights instead and expects the same.

    Parameters
    ----------
    margin : float
        The ratio to beat, above 0: 1 asks for superiority.
    """

    estimated_by: ClassVar = "Cox's partial likelihood"
    strata: ClassVar = "used"
    covariates: ClassVar = True
    information_unit: ClassVar = "events"
    margin: float = 1.0

    def __post_init__(self) -> None:
        checked_ratio(self.margin)

    def null_value(self, better: Better) -> float:
        """Return the log of the ratio to beat."""
        del better
        return math.log(self.margin)

    def __call__(
        self,
        outcome: SurvivalOutcome,
        *,
        better: Better,
        sided: int,
        stratum: IntArray,
        covariates: FloatArray | None = None,
    ) -> Verdict:
        """Return the verdict on every replicate."""
        result = hazard_ratio_of(outcome.subdistribution(), stratum, covariates)
        return verdict(against(result, self.null_value(better)), better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubdistributionLogrankTest(TestMethod):
    """Log-rank test of the subdistribution (Gray's, up to its weights), as `FineGrayTest`."""

    estimated_by: ClassVar = "Cox's partial likelihood"
    strata: ClassVar = "used"
    information_unit: ClassVar = "events"

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        return verdict(logrank_of(outcome.subdistribution(), stratum), better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrayTest(TestMethod):
    """Gray's test of the cumulative incidences; estimates as `FineGrayWeightedTest`."""

    estimated_by: ClassVar = "Fine and Gray's weighted likelihood"
    strata: ClassVar = "used"
    information_unit: ClassVar = "variance"

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        columns = outcome.causes()
        words: Any = {"stratum": strata_or_none(stratum), "included": outcome.at_risk}
        result, effect = gray(*columns, **words), fine_gray_weighted(*columns, **words)
        return verdict_with(result, better, sided, effect, score_variance=result.variance)


@dataclass(frozen=True, slots=True, kw_only=True)
class FineGrayWeightedTest(TestMethod):
    """Wald's test of the subdistribution's log hazard ratio, weighted for random censoring.

    Strata have weights of their own. It needs no time of censoring of those who had a
    competing event, which `FineGrayTest` takes from the simulation.

    Parameters
    ----------
    margin : float
        The ratio to beat, above 0: 1 asks for superiority.
    """

    estimated_by: ClassVar = "Fine and Gray's weighted likelihood"
    strata: ClassVar = "used"
    information_unit: ClassVar = "variance"
    margin: float = 1.0

    def __post_init__(self) -> None:
        checked_ratio(self.margin)

    def null_value(self, better: Better) -> float:
        """Return the log of the ratio to beat."""
        del better
        return math.log(self.margin)

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        words: Any = {"stratum": strata_or_none(stratum), "included": outcome.at_risk}
        result = fine_gray_weighted(*outcome.causes(), **words)
        return verdict(against(result, self.null_value(better)), better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidenceDifferenceTest(TestMethod):
    """Difference of cumulative incidences at a time (Aalen-Johansen).

    Parameters
    ----------
    at : float
        Years since the endpoint's origin, above 0.
    margin : float
        How much worse the experimental arm may be, 0 or above.
    """

    estimated_by: ClassVar = "Aalen-Johansen"
    horizon: ClassVar = "at"
    information_unit: ClassVar = "variance"
    at: float = 1.0
    margin: float = 0.0

    def __post_init__(self) -> None:
        checked_share(self.margin)

    def null_value(self, better: Better) -> float:
        """Return the difference that may be."""
        return worst_difference(self.margin, better)

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        del stratum
        result = cumulative_incidence_by_arm(*outcome.causes(), self.at, included=outcome.at_risk)
        return verdict(against(result, self.null_value(better)), better, sided)
