"""The tests a scenario can name: an outcome goes in, a verdict for every replicate comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lupusim.analysis.competing_risks.tests import (
    FineGrayTest,
    FineGrayWeightedTest,
    GrayTest,
    IncidenceDifferenceTest,
    SubdistributionLogrankTest,
)
from lupusim.analysis.continuous.tests import (
    AncovaTest,
    AndersenGillTest,
    MmrmTest,
    NegativeBinomialTest,
    NumberTest,
    ProportionalOddsTest,
    RateRatioTest,
    WinTest,
    net_benefit_of,
    win_odds_of,
    win_ratio_of,
)
from lupusim.analysis.continuous.two_means import pooled_t_test, welch_test
from lupusim.analysis.ordinal.wilcoxon import wilcoxon
from lupusim.analysis.outcomes import (
    BinaryOutcome,
    CountOutcome,
    HierarchicalOutcome,
    NumberOutcome,
    Outcome,
    SurvivalOutcome,
)
from lupusim.analysis.proportions.fisher_exact import fisher_exact_of
from lupusim.analysis.proportions.risk_difference import (
    risk_difference_of,
    risk_difference_score_of,
    risk_difference_wald_of,
)
from lupusim.analysis.proportions.risk_ratio import (
    odds_ratio_of,
    risk_ratio_of,
    risk_ratio_score_of,
)
from lupusim.analysis.proportions.tests import (
    CochranMantelHaenszelTest,
    DifferenceTest,
    ExactTest,
    LogisticRegressionTest,
    ProportionTest,
    RatioTest,
)
from lupusim.analysis.proportions.unconditional_exact import barnard_of, boschloo_of
from lupusim.analysis.survival.tests import (
    CoxTest,
    FlemingHarringtonTest,
    LogrankTest,
    MagirrBurmanTest,
    MaxComboTest,
    PetoTest,
    RestrictedMeanTest,
    SurvivalDifferenceTest,
)
from lupusim.trial import TestMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class TestKind:
    """A test as a scenario names it.

    Parameters
    ----------
    test : callable
        Takes outcome, `better`, `sided` and `stratum`; returns a :class:`Verdict`.
    effect : str
        What it estimates, experimental against control.
    outcome : type
        The kind of outcome it takes.
    strata : str
        ``none`` where strata play no role, ``used`` where it can be stratified by some, or
        ``needed`` where it is by its nature (then those of the allocation are the default).
    required, optional : tuple of str
        Its parameters: fields of `test` that a scenario must or may give.
    """

    test: TestMethod
    effect: str
    outcome: type[Outcome]
    strata: str = "none"
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    __test__ = False  # pytest must not collect it

    def with_parameters(self, values: Mapping[str, float]) -> TestMethod:
        """Return the test with these parameters.

        Raises
        ------
        ValueError
            If one is out of its range.
        """
        test: Any = self.test
        changed: TestMethod = replace(test, **values) if values else test
        return changed

    def stand_in(self, values: Mapping[str, float]) -> TestMethod:
        """Return the test with these parameters, or with its own where one is out of range."""
        try:
            return self.with_parameters(values)
        except ValueError:
            return self.test


def _of_responses() -> dict[str, TestKind]:
    margin = ("margin",)
    difference, odds = "risk difference", "log odds ratio"
    plain: dict[str, tuple[TestMethod, str, tuple[str, ...]]] = {
        "pooled_z": (ProportionTest(compare=risk_difference_of), difference, ()),
        "unpooled_z": (DifferenceTest(compare=risk_difference_wald_of), difference, margin),
        "miettinen_nurminen": (
            DifferenceTest(compare=risk_difference_score_of),
            difference,
            margin,
        ),
        "risk_ratio": (RatioTest(compare=risk_ratio_of), "log risk ratio", margin),
        "risk_ratio_score": (RatioTest(compare=risk_ratio_score_of), "log risk ratio", margin),
        "odds_ratio": (RatioTest(compare=odds_ratio_of), odds, margin),
        "fisher_exact": (ExactTest(exact=fisher_exact_of), difference, ()),
        "boschloo": (ExactTest(exact=boschloo_of, needs_all_tables=True), difference, ()),
        "barnard": (ExactTest(exact=barnard_of, needs_all_tables=True), difference, ()),
    }
    kinds = {
        name: TestKind(test=test, effect=effect, outcome=BinaryOutcome, optional=optional)
        for name, (test, effect, optional) in plain.items()
    }
    stratified = {
        "cochran_mantel_haenszel": TestKind(
            test=CochranMantelHaenszelTest(),
            effect="log common odds ratio",
            outcome=BinaryOutcome,
            strata="needed",
        ),
        "logistic_regression": TestKind(
            test=LogisticRegressionTest(), effect=odds, outcome=BinaryOutcome, strata="used"
        ),
    }
    return kinds | stratified


def _of_times() -> dict[str, TestKind]:
    ratio = {"effect": "log hazard ratio", "outcome": SurvivalOutcome}
    time: Any = ratio  # one mapping for several kinds
    return {
        "logrank": TestKind(test=LogrankTest(), strata="used", **time),
        "peto": TestKind(
            test=PetoTest(),
            effect="log hazard ratio (one step)",
            outcome=SurvivalOutcome,
            strata="used",
        ),
        "cox": TestKind(test=CoxTest(), strata="used", optional=("margin",), **time),
        "fleming_harrington": TestKind(
            test=FlemingHarringtonTest(), strata="used", optional=("rho", "gamma"), **time
        ),
        "magirr_burman": TestKind(
            test=MagirrBurmanTest(), strata="used", required=("until",), **time
        ),
        "max_combo": TestKind(test=MaxComboTest(), strata="used", **time),
        "fine_gray": TestKind(
            test=FineGrayTest(),
            effect="log subdistribution hazard ratio",
            outcome=SurvivalOutcome,
            strata="used",
            optional=("margin",),
        ),
        "fine_gray_weighted": TestKind(
            test=FineGrayWeightedTest(),
            effect="log subdistribution hazard ratio",
            outcome=SurvivalOutcome,
            strata="used",
            optional=("margin",),
        ),
        "subdistribution_logrank": TestKind(
            test=SubdistributionLogrankTest(),
            effect="log subdistribution hazard ratio",
            outcome=SurvivalOutcome,
            strata="used",
        ),
        "gray": TestKind(
            test=GrayTest(),
            effect="log subdistribution hazard ratio",
            outcome=SurvivalOutcome,
            strata="used",
        ),
        "incidence_difference": TestKind(
            test=IncidenceDifferenceTest(),
            effect="difference of cumulative incidences",
            outcome=SurvivalOutcome,
            required=("at",),
            optional=("margin",),
        ),
        "restricted_mean": TestKind(
            test=RestrictedMeanTest(),
            effect="difference of restricted means, years",
            outcome=SurvivalOutcome,
            required=("until",),
            optional=("margin",),
        ),
        "survival_difference": TestKind(
            test=SurvivalDifferenceTest(),
            effect="difference free of the event",
            outcome=SurvivalOutcome,
            required=("at",),
            optional=("margin",),
        ),
    }


def _of_numbers() -> dict[str, TestKind]:
    difference: Any = {"effect": "difference of means", "outcome": NumberOutcome}
    wins: Any = {"outcome": HierarchicalOutcome}
    return {
        "t_test": TestKind(test=NumberTest(compare=pooled_t_test), **difference),
        "welch": TestKind(test=NumberTest(compare=welch_test), **difference),
        "ancova": TestKind(test=AncovaTest(), strata="used", **difference),
        "mmrm": TestKind(test=MmrmTest(), strata="used", **difference),
        "wilcoxon": TestKind(
            test=NumberTest(compare=wilcoxon),
            effect="chance of more (ties half) minus one half",
            outcome=NumberOutcome,
        ),
        "proportional_odds": TestKind(
            test=ProportionalOddsTest(),
            effect="log common odds ratio of a higher rank",
            outcome=NumberOutcome,
        ),
        "rate_ratio": TestKind(
            test=RateRatioTest(),
            effect="log rate ratio",
            outcome=CountOutcome,
            optional=("margin",),
        ),
        "negative_binomial": TestKind(
            test=NegativeBinomialTest(),
            effect="log rate ratio",
            outcome=CountOutcome,
            strata="used",
            optional=("margin",),
        ),
        "andersen_gill": TestKind(
            test=AndersenGillTest(),
            effect="log hazard ratio of recurrent events",
            outcome=CountOutcome,
            strata="used",
            optional=("margin",),
        ),
        "win_ratio": TestKind(test=WinTest(measure=win_ratio_of), effect="log win ratio", **wins),
        "win_odds": TestKind(test=WinTest(measure=win_odds_of), effect="log win odds", **wins),
        "net_benefit": TestKind(test=WinTest(measure=net_benefit_of), effect="net benefit", **wins),
    }


TESTS: dict[str, TestKind] = _of_responses() | _of_times() | _of_numbers()
