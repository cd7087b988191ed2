"""Analyses: what a trial's observations say; one estimator or test per file."""

from __future__ import annotations

from lupusim.analysis.cochran_mantel_haenszel import cochran_mantel_haenszel
from lupusim.analysis.fisher_exact import fisher_exact
from lupusim.analysis.kaplan_meier import SurvivalCurve, kaplan_meier, survival_difference
from lupusim.analysis.logrank import LogrankResult, logrank
from lupusim.analysis.proportion import Proportion, proportion
from lupusim.analysis.results import ExactResult, TestResult, ZStatistic
from lupusim.analysis.risk_difference import (
    risk_difference,
    risk_difference_score,
    risk_difference_wald,
)
from lupusim.analysis.risk_ratio import odds_ratio, risk_ratio, risk_ratio_score
from lupusim.analysis.two_by_two import TwoByTwo, two_by_two
from lupusim.analysis.unconditional_exact import barnard, boschloo

__all__ = [
    "ExactResult",
    "LogrankResult",
    "Proportion",
    "SurvivalCurve",
    "TestResult",
    "TwoByTwo",
    "ZStatistic",
    "barnard",
    "boschloo",
    "cochran_mantel_haenszel",
    "fisher_exact",
    "kaplan_meier",
    "logrank",
    "odds_ratio",
    "proportion",
    "risk_difference",
    "risk_difference_score",
    "risk_difference_wald",
    "risk_ratio",
    "risk_ratio_score",
    "survival_difference",
    "two_by_two",
]
