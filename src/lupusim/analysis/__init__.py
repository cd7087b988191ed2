"""Analyses: what a trial's observations say; one estimator or test per file."""

from __future__ import annotations

from lupusim.analysis.ancova import ancova
from lupusim.analysis.andersen_gill import andersen_gill
from lupusim.analysis.beta_binomial import (
    BetaPrior,
    posterior_probability,
    power_prior,
    robust_prior,
    updated,
)
from lupusim.analysis.cochran_mantel_haenszel import cochran_mantel_haenszel
from lupusim.analysis.cox import cox, cox_breslow
from lupusim.analysis.cox_regression import cox_regression
from lupusim.analysis.cumulative_incidence import (
    CumulativeIncidence,
    cumulative_incidence,
    cumulative_incidence_by_arm,
    cumulative_incidence_difference,
    subdistribution_times,
)
from lupusim.analysis.fine_gray_weighted import fine_gray_weighted
from lupusim.analysis.fisher_exact import fisher_exact
from lupusim.analysis.gray import gray
from lupusim.analysis.kaplan_meier import SurvivalCurve, kaplan_meier, survival_difference
from lupusim.analysis.logistic_regression import logistic_regression
from lupusim.analysis.logrank import LogrankResult, logrank
from lupusim.analysis.mmrm import MmrmResult, mmrm
from lupusim.analysis.negative_binomial import NegativeBinomialResult, negative_binomial
from lupusim.analysis.proportion import Proportion, proportion
from lupusim.analysis.proportional_odds import proportional_odds
from lupusim.analysis.rank_weights import FlemingHarrington, MagirrBurman, RankWeight
from lupusim.analysis.rate_ratio import rate_ratio
from lupusim.analysis.results import ExactResult, TestResult, ZStatistic
from lupusim.analysis.risk_difference import (
    risk_difference,
    risk_difference_score,
    risk_difference_wald,
)
from lupusim.analysis.risk_ratio import odds_ratio, risk_ratio, risk_ratio_score
from lupusim.analysis.rmst import rmst, rmst_difference
from lupusim.analysis.single_arm import (
    SimonDesign,
    SimonDesigns,
    exact_binomial,
    one_sample_logrank,
    simon,
)
from lupusim.analysis.t_test import pooled_t_test, welch_test
from lupusim.analysis.two_by_two import TwoByTwo, all_tables, two_by_two
from lupusim.analysis.unconditional_exact import barnard, boschloo
from lupusim.analysis.weighted_logrank import MaxCombo, max_combo, weighted_logrank
from lupusim.analysis.wilcoxon import wilcoxon
from lupusim.analysis.win_statistics import (
    WinLevel,
    WinStatistics,
    larger_is_better,
    later_is_better,
    smaller_is_better,
    sooner_is_better,
    win_statistics,
)

__all__ = [
    "BetaPrior",
    "CumulativeIncidence",
    "ExactResult",
    "FlemingHarrington",
    "LogrankResult",
    "MagirrBurman",
    "MaxCombo",
    "MmrmResult",
    "NegativeBinomialResult",
    "Proportion",
    "RankWeight",
    "SimonDesign",
    "SimonDesigns",
    "SurvivalCurve",
    "TestResult",
    "TwoByTwo",
    "WinLevel",
    "WinStatistics",
    "ZStatistic",
    "all_tables",
    "ancova",
    "andersen_gill",
    "barnard",
    "boschloo",
    "cochran_mantel_haenszel",
    "cox",
    "cox_breslow",
    "cox_regression",
    "cumulative_incidence",
    "cumulative_incidence_by_arm",
    "cumulative_incidence_difference",
    "exact_binomial",
    "fine_gray_weighted",
    "fisher_exact",
    "gray",
    "kaplan_meier",
    "larger_is_better",
    "later_is_better",
    "logistic_regression",
    "logrank",
    "max_combo",
    "mmrm",
    "negative_binomial",
    "odds_ratio",
    "one_sample_logrank",
    "pooled_t_test",
    "posterior_probability",
    "power_prior",
    "proportion",
    "proportional_odds",
    "rate_ratio",
    "risk_difference",
    "risk_difference_score",
    "risk_difference_wald",
    "risk_ratio",
    "risk_ratio_score",
    "rmst",
    "rmst_difference",
    "robust_prior",
    "simon",
    "smaller_is_better",
    "sooner_is_better",
    "subdistribution_times",
    "survival_difference",
    "two_by_two",
    "updated",
    "weighted_logrank",
    "welch_test",
    "wilcoxon",
    "win_statistics",
]
