"""Tests of times to an event that a scenario can name; each is called with an outcome."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lupusim.analysis.outcomes import SurvivalOutcome
from lupusim.analysis.results import TestResult, of_coefficient
from lupusim.analysis.survival.cox import cox
from lupusim.analysis.survival.cox_beside import logrank_with_cox
from lupusim.analysis.survival.cox_regression import cox_regression
from lupusim.analysis.survival.kaplan_meier import survival_difference
from lupusim.analysis.survival.logrank import LogrankResult, logrank
from lupusim.analysis.survival.rank_weights import FlemingHarrington, MagirrBurman, RankWeight
from lupusim.analysis.survival.rmst import rmst_difference
from lupusim.analysis.survival.weighted_logrank import (
    MAX_COMBO_WEIGHTS,
    max_combo,
    weighted_logrank,
)
from lupusim.analysis.verdicts import (
    OPPOSITE,
    against,
    beside,
    checked_margin,
    checked_ratio,
    checked_share,
    verdict,
    verdict_with,
    worst_difference,
)
from lupusim.arrays import FloatArray, IntArray
from lupusim.trial import Better, TestMethod, Verdict

_LATE = MAX_COMBO_WEIGHTS.index(FlemingHarrington(gamma=1.0))


def strata_or_none(stratum: IntArray) -> IntArray | None:
    """Return the strata; None where all patients are in the one of number 0."""
    return stratum if np.any(stratum) else None


def hazard_ratio_of(
    outcome: SurvivalOutcome, stratum: IntArray, covariates: FloatArray | None
) -> TestResult:
    """Return Cox's log hazard ratio of the arm, adjusted where there are covariates."""
    columns = outcome.time, outcome.event
    words: Any = {"stratum": strata_or_none(stratum), "included": outcome.at_risk}
    if covariates is None:
        return cox(*columns, outcome.arm, **words)
    return of_coefficient(cox_regression(*columns, beside(outcome.arm, covariates), **words), 0)


def logrank_of(outcome: SurvivalOutcome, stratum: IntArray) -> LogrankResult:
    """Return the log-rank test with Cox's estimate, stratified where there are strata."""
    columns = outcome.time, outcome.event, outcome.arm
    return logrank_with_cox(*columns, stratum=strata_or_none(stratum), included=outcome.at_risk)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogrankTest(TestMethod):
    """Log-rank test, stratified where there are strata; estimates Cox's log hazard ratio."""

    estimated_by: ClassVar = "Cox's partial likelihood"
    strata: ClassVar = "used"
    information_unit: ClassVar = "events"

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        return verdict(logrank_of(outcome, stratum), better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class PetoTest(TestMethod):
    """Log-rank test; estimates Peto's one-step log hazard ratio, (O - E) / V.

    It exaggerates effects where they are large, or the arms of unequal size.
    """

    estimated_by: ClassVar = "Peto's one step, (O - E) / V"
    strata: ClassVar = "used"
    information_unit: ClassVar = "events"

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        columns = outcome.time, outcome.event, outcome.arm
        strata = strata_or_none(stratum)
        result = logrank(*columns, stratum=strata, included=outcome.at_risk)
        return verdict(result, better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxTest(TestMethod):
    """Wald's test of Cox's log hazard ratio, stratified where there are strata.

    Parameters
    ----------
    margin : float
        The hazard ratio to beat, above 0: 1 asks for superiority.
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
        result = hazard_ratio_of(outcome, stratum, covariates)
        return verdict(against(result, self.null_value(better)), better, sided)


def _weighted(
    outcome: SurvivalOutcome, weight: RankWeight, *, better: Better, sided: int, stratum: IntArray
) -> Verdict:
    columns, strata = (outcome.time, outcome.event, outcome.arm), strata_or_none(stratum)
    result = weighted_logrank(*columns, weight=weight, stratum=strata, included=outcome.at_risk)
    effect = logrank_of(outcome, stratum)
    return verdict_with(result, better, sided, effect, score_variance=result.variance)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlemingHarringtonTest(TestMethod):
    """Log-rank test with weights S^rho (1 - S)^gamma within strata; estimates as `LogrankTest`.

    Parameters
    ----------
    rho, gamma : float
        0 or above; (0, 1) looks at late differences.
    """

    estimated_by: ClassVar = "Cox's partial likelihood"
    strata: ClassVar = "used"
    information_unit: ClassVar = "variance"
    rho: float = 0.0
    gamma: float = 1.0

    def __post_init__(self) -> None:
        FlemingHarrington(rho=self.rho, gamma=self.gamma)

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        weight = FlemingHarrington(rho=self.rho, gamma=self.gamma)
        return _weighted(outcome, weight, better=better, sided=sided, stratum=stratum)


@dataclass(frozen=True, slots=True, kw_only=True)
class MagirrBurmanTest(TestMethod):
    """Modestly weighted log-rank test, within strata; estimates as `LogrankTest`.

    Parameters
    ----------
    until : float
        Years over which the weights grow, above 0.
    """

    estimated_by: ClassVar = "Cox's partial likelihood"
    strata: ClassVar = "used"
    information_unit: ClassVar = "variance"
    until: float = 1.0

    def __post_init__(self) -> None:
        MagirrBurman(until=self.until)

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        weight = MagirrBurman(until=self.until)
        return _weighted(outcome, weight, better=better, sided=sided, stratum=stratum)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxComboTest(TestMethod):
    """The best of four Fleming-Harrington tests, within strata; estimates as `LogrankTest`.

    Two-sided p-values are twice the smaller of the one-sided ones. Its information is that of the
    test of late differences, whose statistics at two looks are the least alike of the four: bounds
    from it hold their level or less.
    """

    estimated_by: ClassVar = "Cox's partial likelihood"
    strata: ClassVar = "used"
    information_unit: ClassVar = "variance"
    independent_increments: ClassVar = False

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        columns, strata = (outcome.time, outcome.event, outcome.arm), strata_or_none(stratum)
        result = max_combo(*columns, stratum=strata, included=outcome.at_risk)
        late = np.where(result.undefined, 0.0, result.variance[..., _LATE])
        effect = logrank_of(outcome, stratum)
        return verdict_with(result, better, sided, effect, score_variance=late)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictedMeanTest(TestMethod):
    """Difference of the mean times to the event up to a horizon.

    Parameters
    ----------
    until : float
        The horizon, years, above 0.
    margin : float
        How many years worse the experimental arm may be, 0 or above.
    """

    estimated_by: ClassVar = "Kaplan-Meier"
    blind_to_competing: ClassVar = True
    horizon: ClassVar = "until"
    information_unit: ClassVar = "variance"
    until: float = 1.0
    margin: float = 0.0

    def __post_init__(self) -> None:
        checked_margin(self.margin)

    def benefit_sign(self, better: Better) -> int:
        """Return 1 where fewer events are better, as time free of them is estimated."""
        return -int(better.value)

    def null_value(self, better: Better) -> float:
        """Return the difference that may be."""
        return worst_difference(self.margin, OPPOSITE[better])

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        del stratum
        columns = outcome.time, outcome.event, outcome.arm
        result = rmst_difference(*columns, self.until, included=outcome.at_risk)
        return verdict(against(result, self.null_value(better)), OPPOSITE[better], sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalDifferenceTest(TestMethod):
    """Difference of the shares free of the event at a time (Kaplan-Meier).

    Parameters
    ----------
    at : float
        Years since the endpoint's origin, above 0.
    margin : float
        How much worse the experimental arm may be, 0 or above.
    """

    estimated_by: ClassVar = "Kaplan-Meier"
    blind_to_competing: ClassVar = True
    horizon: ClassVar = "at"
    information_unit: ClassVar = "variance"
    at: float = 1.0
    margin: float = 0.0

    def __post_init__(self) -> None:
        checked_share(self.margin)

    def benefit_sign(self, better: Better) -> int:
        """Return 1 where fewer events are better, as time free of them is estimated."""
        return -int(better.value)

    def null_value(self, better: Better) -> float:
        """Return the difference that may be."""
        return worst_difference(self.margin, OPPOSITE[better])

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        del stratum
        columns = outcome.time, outcome.event, outcome.arm
        result = survival_difference(*columns, self.at, included=outcome.at_risk)
        return verdict(against(result, self.null_value(better)), OPPOSITE[better], sided)
