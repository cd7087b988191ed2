"""Tests of numbers, counts and hierarchies that a scenario can name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lupusim.analysis.continuous.ancova import ancova
from lupusim.analysis.continuous.mmrm import mmrm
from lupusim.analysis.continuous.two_means import pooled_t_test
from lupusim.analysis.counts.andersen_gill import andersen_gill
from lupusim.analysis.counts.negative_binomial import negative_binomial
from lupusim.analysis.counts.rate_ratio import rate_ratio
from lupusim.analysis.ordinal.proportional_odds import proportional_odds
from lupusim.analysis.ordinal.win_statistics import WinStatistics
from lupusim.analysis.outcomes import CountOutcome, HierarchicalOutcome, NumberOutcome
from lupusim.analysis.results import TestResult, ratio_or
from lupusim.analysis.verdicts import against, checked_ratio, verdict
from lupusim.arrays import FloatArray, IntArray
from lupusim.trial import Better, TestMethod, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberTest(TestMethod):
    """A test of a number; strata play no role.

    Parameters
    ----------
    compare : callable
        Takes values, arm and `included`.
    """

    estimated_by: ClassVar = "the values observed"

    compare: Callable[..., TestResult]

    def __call__(
        self, outcome: NumberOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        del stratum
        result = self.compare(outcome.values, outcome.arm, included=outcome.included)
        return verdict(result, better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProportionalOddsTest(TestMethod):
    """Wald's test of the common odds ratio of a higher rank; estimates its log."""

    estimated_by: ClassVar = "maximum likelihood"
    needs_ranks: ClassVar = True

    def __call__(
        self, outcome: NumberOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        del stratum
        result = proportional_odds(outcome.values, outcome.arm, included=outcome.included)
        return verdict(result, better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class AncovaTest(TestMethod):
    """Difference of means, adjusted for the baseline (if any), covariates and the strata."""

    estimated_by: ClassVar = "least squares"
    strata: ClassVar = "used"
    covariates: ClassVar = True

    def __call__(
        self,
        outcome: NumberOutcome,
        *,
        better: Better,
        sided: int,
        stratum: IntArray,
        covariates: FloatArray | None = None,
    ) -> Verdict:
        """Return the verdict on every replicate."""
        columns = (outcome.values, outcome.arm)
        parts = [] if outcome.baseline is None else [outcome.baseline[:, :, None]]
        if covariates is not None:
            parts.append(covariates)
        if parts or np.any(stratum):
            nothing = np.zeros((*outcome.arm.shape, 0))
            adjust = np.concatenate([*parts, nothing], axis=2)
            result = ancova(*columns, adjust, stratum=stratum, included=outcome.included)
        else:
            result = pooled_t_test(*columns, included=outcome.included)
        return verdict(result, better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class MmrmTest(TestMethod):
    """Difference of means at the last visit, by what was seen at all visits.

    Fixed effects are visit, and visit x arm, baseline, each covariate and each stratum but one.
    """

    estimated_by: ClassVar = "restricted maximum likelihood"
    strata: ClassVar = "used"
    covariates: ClassVar = True
    needs_all_visits: ClassVar = True
    information_unit: ClassVar = "variance"

    def __call__(
        self,
        outcome: NumberOutcome,
        *,
        better: Better,
        sided: int,
        stratum: IntArray,
        covariates: FloatArray | None = None,
    ) -> Verdict:
        """Return the verdict on every replicate.

        Raises
        ------
        ValueError
            If the outcome has no values at the visits.
        """
        if outcome.trajectory is None:
            raise ValueError("mmrm needs the values of all visits")
        parts = [] if outcome.baseline is None else [outcome.baseline[:, :, None]]
        if covariates is not None:
            parts.append(covariates)
        adjust = np.concatenate(parts, axis=2) if parts else None
        result = mmrm(outcome.trajectory, outcome.arm, adjust, stratum=stratum)
        return verdict(result, better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class NegativeBinomialTest(TestMethod):
    """Ratio of events per year of patients who differ as a gamma law says; estimates its log.

    Parameters
    ----------
    margin : float
        The ratio to beat, above 0: 1 asks for superiority.
    """

    estimated_by: ClassVar = "maximum likelihood"
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
        self, outcome: CountOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        result = negative_binomial(outcome.count, outcome.years, outcome.arm, stratum=stratum)
        return verdict(against(result, self.null_value(better)), better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class AndersenGillTest(TestMethod):
    """Ratio of the hazards of recurrent events, robust to patients who differ.

    Parameters
    ----------
    margin : float
        The ratio to beat, above 0: 1 asks for superiority.
    """

    estimated_by: ClassVar = "Cox's partial likelihood"
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
        self, outcome: CountOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate.

        Raises
        ------
        ValueError
            If the outcome has no times of events.
        """
        if outcome.times is None:
            raise ValueError("andersen_gill needs the times of events")
        result = andersen_gill(outcome.times, outcome.years, outcome.arm, stratum=stratum)
        return verdict(against(result, self.null_value(better)), better, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRatioTest(TestMethod):
    """Ratio of events per year, robust to patients who differ; estimates its log.

    Parameters
    ----------
    margin : float
        The ratio to beat, above 0: 1 asks for superiority.
    """

    estimated_by: ClassVar = "events per year observed"
    information_unit: ClassVar = "variance"
    margin: float = 1.0

    def __post_init__(self) -> None:
        checked_ratio(self.margin)

    def null_value(self, better: Better) -> float:
        """Return the log of the ratio to beat."""
        del better
        return math.log(self.margin)

    def __call__(
        self, outcome: CountOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        del stratum
        result = rate_ratio(outcome.count, outcome.years, outcome.arm)
        return verdict(against(result, self.null_value(better)), better, sided)


def win_ratio_of(found: WinStatistics) -> TestResult:
    """Return the log win ratio."""
    return found.log_win_ratio


def win_odds_of(found: WinStatistics) -> TestResult:
    """Return the log win odds."""
    return found.log_win_odds


def net_benefit_of(found: WinStatistics) -> TestResult:
    """Return wins minus losses."""
    return found.net_benefit


@dataclass(frozen=True, slots=True, kw_only=True)
class WinTest(TestMethod):
    """A comparison of all pairs of patients, outcome after outcome.

    Parameters
    ----------
    measure : callable
        Which of the win statistics is tested.
    """

    estimated_by: ClassVar = "all pairs"
    information_unit: ClassVar = "variance"
    independent_increments: ClassVar = False  # what decides an open pair hangs on who is in it
    measure: Callable[[WinStatistics], TestResult]

    def information(self, outcome: HierarchicalOutcome, verdict: Verdict) -> FloatArray:
        r"""Return the variance of the score, :math:`m^2 Var(\hat\theta)`, shape (n_replicates,).

        Here :math:`\hat\theta` is wins less losses and :math:`m = n_0 n_1 / (n_0 + n_1)`. It grows
        with the patients, and with the pairs that their follow-up decides, as the variance of
        Gehan's score does: pairs that are open yet know nothing. Statistics of two looks are
        correlated at least as its ratio says, so bounds from it hold their level or less.
        """
        del verdict
        error = outcome.wins().net_benefit.standard_error
        n, n_control = (np.count_nonzero(outcome.included & (outcome.arm == k), 1) for k in (1, 0))
        pairs = ratio_or(n * n_control * 1.0, n + n_control * 1.0, 0.0)
        return np.where(np.isfinite(error), (pairs * error) ** 2, 0.0)

    def __call__(
        self, outcome: HierarchicalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        del stratum
        return verdict(self.measure(outcome.wins()), better, sided)
