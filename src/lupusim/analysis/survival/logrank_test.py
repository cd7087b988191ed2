"""The log-rank test as scenarios name it, by its estimate; all looks at once where it can."""

from __future__ import annotations

from typing import ClassVar

from lupusim.analysis.numerics.strata import strata_or_none
from lupusim.analysis.outcomes import SurvivalOutcome
from lupusim.analysis.survival.cox_beside import logrank_of
from lupusim.analysis.survival.logrank import logrank
from lupusim.analysis.survival.logrank_looks import (
    Exits,
    LookTests,
    logrank_looks,
    relabeled_looks,
)
from lupusim.analysis.verdicts import verdict
from lupusim.common.arrays import FloatArray, IntArray, StateArray
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, TestMethod, Verdict
from lupusim.trial.test_method import named_test


@named_test("logrank")
@dataclass(frozen=True, slots=True, kw_only=True)
class LogrankTest(TestMethod):
    """Log-rank test, stratified where there are strata; estimates Cox's log hazard ratio."""

    effect: ClassVar = "log hazard ratio"
    outcome: ClassVar = SurvivalOutcome
    formula: ClassVar = "survival"
    nearly: ClassVar = "ranks"
    estimated_by: ClassVar = "Cox's partial likelihood"
    strata: ClassVar = "used"
    information_unit: ClassVar = "events"

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        return verdict(logrank_of(outcome, stratum), better, sided)

    def at_looks(self, exits: Exits, ends: FloatArray, seen_by: FloatArray) -> LookTests:
        """Return the results of all looks at once."""
        return logrank_looks(exits, ends, seen_by=seen_by)

    def relabeled(
        self, exits: Exits, labels: StateArray, ends: FloatArray, seen_by: FloatArray
    ) -> LookTests:
        """Return the results of all looks under one randomization after the other."""
        return relabeled_looks(exits, labels, ends, seen_by=seen_by)


@named_test("peto")
@dataclass(frozen=True, slots=True, kw_only=True)
class PetoTest(TestMethod):
    """Log-rank test; estimates Peto's one-step log hazard ratio, (O - E) / V.

    It exaggerates effects where they are large, or the arms of unequal size.
    """

    effect: ClassVar = "log hazard ratio (one step)"
    outcome: ClassVar = SurvivalOutcome
    nearly: ClassVar = "ranks"
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

    def relabeled(
        self, exits: Exits, labels: StateArray, ends: FloatArray, seen_by: FloatArray
    ) -> LookTests:
        """Return the results of all looks under one randomization after the other."""
        return relabeled_looks(exits, labels, ends, seen_by=seen_by)
