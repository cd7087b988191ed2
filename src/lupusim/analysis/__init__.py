"""Analyses: what a trial's observations say; one estimator or test per file."""

from __future__ import annotations

from lupusim.analysis.competing_risks.cumulative_incidence import (
    CumulativeIncidence,
    cumulative_incidence,
    cumulative_incidence_by_arm,
    cumulative_incidence_difference,
    subdistribution_times,
)
from lupusim.analysis.competing_risks.fine_gray import fine_gray_weighted
from lupusim.analysis.competing_risks.gray import gray
from lupusim.analysis.continuous.ancova import ancova
from lupusim.analysis.continuous.mmrm import MmrmResult, mmrm
from lupusim.analysis.continuous.two_means import pooled_t_test, welch_test
from lupusim.analysis.counts.andersen_gill import andersen_gill
from lupusim.analysis.counts.negative_binomial import NegativeBinomialResult, negative_binomial
from lupusim.analysis.counts.rate_ratio import rate_ratio
from lupusim.analysis.numerics.labels import arms
from lupusim.analysis.numerics.win_levels import (
    FollowUpLevel,
    WinLevel,
    larger_is_better,
    later_is_better,
    smaller_is_better,
    sooner_is_better,
)
from lupusim.analysis.numerics.win_statistics import WinStatistics, win_statistics
from lupusim.analysis.ordinal.proportional_odds import proportional_odds
from lupusim.analysis.ordinal.wilcoxon import wilcoxon
from lupusim.analysis.ordinal.win_ratio import net_benefit, win_odds, win_ratio
from lupusim.analysis.proportions.beta_binomial import (
    BetaPrior,
    posterior_probability,
    power_prior,
    robust_prior,
    updated,
)
from lupusim.analysis.proportions.cochran_mantel_haenszel import cochran_mantel_haenszel
from lupusim.analysis.proportions.fisher_exact import fisher_exact
from lupusim.analysis.proportions.logistic_regression import logistic_regression
from lupusim.analysis.proportions.proportion import Proportion, proportion
from lupusim.analysis.proportions.risk_difference import (
    risk_difference,
    risk_difference_score,
    risk_difference_wald,
)
from lupusim.analysis.proportions.risk_ratio import odds_ratio, risk_ratio, risk_ratio_score
from lupusim.analysis.proportions.two_by_two import TwoByTwo, all_tables, two_by_two
from lupusim.analysis.proportions.unconditional_exact import barnard, boschloo
from lupusim.analysis.results import ExactResult, TestResult, ZStatistic
from lupusim.analysis.single_arm.designs import (
    SimonDesign,
    SimonDesigns,
    exact_binomial,
    one_sample_logrank,
    simon,
)
from lupusim.analysis.survival.cox import cox, cox_breslow
from lupusim.analysis.survival.cox_regression import cox_regression
from lupusim.analysis.survival.kaplan_meier import SurvivalCurve, kaplan_meier, survival_difference
from lupusim.analysis.survival.logrank import LogrankResult, logrank
from lupusim.analysis.survival.rank_weights import FlemingHarrington, MagirrBurman, RankWeight
from lupusim.analysis.survival.rmst import rmst, rmst_difference
from lupusim.analysis.survival.weighted_logrank import MaxCombo, max_combo, weighted_logrank

__all__ = [
    "BetaPrior",
    "CumulativeIncidence",
    "ExactResult",
    "FlemingHarrington",
    "FollowUpLevel",
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
    "arms",
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
    "net_benefit",
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
    "win_odds",
    "win_ratio",
    "win_statistics",
]
