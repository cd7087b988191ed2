"""Analyses: what a trial's observations say; one estimator or test per file."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lupusim.common.lazy import attributes

if TYPE_CHECKING:
    from collections.abc import Callable

    from lupusim.analysis.competing_risks.cumulative_incidence import (
        CumulativeIncidence,
        cumulative_incidence,
        cumulative_incidence_difference,
        subdistribution_times,
    )
    from lupusim.analysis.competing_risks.cumulative_incidence import (
        cumulative_incidence_by_arm as _cumulative_incidence_by_arm,
    )
    from lupusim.analysis.competing_risks.fine_gray import fine_gray_weighted as _fine_gray_weighted
    from lupusim.analysis.competing_risks.gray import gray as _gray
    from lupusim.analysis.continuous.ancova import ancova as _ancova
    from lupusim.analysis.continuous.mmrm import MmrmResult
    from lupusim.analysis.continuous.mmrm import mmrm as _mmrm
    from lupusim.analysis.continuous.two_means import pooled_t_test as _pooled_t_test
    from lupusim.analysis.continuous.two_means import welch_test as _welch_test
    from lupusim.analysis.counts.andersen_gill import andersen_gill as _andersen_gill
    from lupusim.analysis.counts.negative_binomial import NegativeBinomialResult
    from lupusim.analysis.counts.negative_binomial import negative_binomial as _negative_binomial
    from lupusim.analysis.counts.rate_ratio import rate_ratio as _rate_ratio
    from lupusim.analysis.numerics.labels import arms, by_label
    from lupusim.analysis.numerics.win_levels import (
        FollowUpLevel,
        WinLevel,
        larger_is_better,
        later_is_better,
        smaller_is_better,
        sooner_is_better,
    )
    from lupusim.analysis.numerics.win_statistics import WinStatistics
    from lupusim.analysis.numerics.win_statistics import win_statistics as _win_statistics
    from lupusim.analysis.ordinal.proportional_odds import proportional_odds as _proportional_odds
    from lupusim.analysis.ordinal.wilcoxon import wilcoxon as _wilcoxon
    from lupusim.analysis.ordinal.win_ratio import net_benefit as _net_benefit
    from lupusim.analysis.ordinal.win_ratio import win_odds as _win_odds
    from lupusim.analysis.ordinal.win_ratio import win_ratio as _win_ratio
    from lupusim.analysis.proportions.beta_binomial import (
        BetaPrior,
        posterior_probability,
        power_prior,
        robust_prior,
        updated,
    )
    from lupusim.analysis.proportions.cochran_mantel_haenszel import (
        cochran_mantel_haenszel as _cochran_mantel_haenszel,
    )
    from lupusim.analysis.proportions.fisher_exact import fisher_exact as _fisher_exact
    from lupusim.analysis.proportions.logistic_regression import logistic_regression
    from lupusim.analysis.proportions.proportion import Proportion, proportion
    from lupusim.analysis.proportions.risk_difference import (
        risk_difference as _risk_difference,
    )
    from lupusim.analysis.proportions.risk_difference import (
        risk_difference_score as _risk_difference_score,
    )
    from lupusim.analysis.proportions.risk_difference import (
        risk_difference_wald as _risk_difference_wald,
    )
    from lupusim.analysis.proportions.risk_ratio import odds_ratio as _odds_ratio
    from lupusim.analysis.proportions.risk_ratio import risk_ratio as _risk_ratio
    from lupusim.analysis.proportions.risk_ratio import risk_ratio_score as _risk_ratio_score
    from lupusim.analysis.proportions.two_by_two import TwoByTwo, all_tables
    from lupusim.analysis.proportions.two_by_two import two_by_two as _two_by_two
    from lupusim.analysis.proportions.unconditional_exact import barnard as _barnard
    from lupusim.analysis.proportions.unconditional_exact import boschloo as _boschloo
    from lupusim.analysis.results import ExactResult, TestResult, ZStatistic
    from lupusim.analysis.single_arm.designs import (
        SimonDesign,
        SimonDesigns,
        exact_binomial,
        one_sample_logrank,
        simon,
    )
    from lupusim.analysis.survival.cox import cox as _cox
    from lupusim.analysis.survival.cox import cox_breslow as _cox_breslow
    from lupusim.analysis.survival.cox_regression import cox_regression
    from lupusim.analysis.survival.kaplan_meier import SurvivalCurve, kaplan_meier
    from lupusim.analysis.survival.kaplan_meier import survival_difference as _survival_difference
    from lupusim.analysis.survival.logrank import LogrankResult
    from lupusim.analysis.survival.logrank import logrank as _logrank
    from lupusim.analysis.survival.rank_weights import FlemingHarrington, MagirrBurman, RankWeight
    from lupusim.analysis.survival.rmst import rmst
    from lupusim.analysis.survival.rmst import rmst_difference as _rmst_difference
    from lupusim.analysis.survival.weighted_logrank import MaxCombo
    from lupusim.analysis.survival.weighted_logrank import max_combo as _max_combo
    from lupusim.analysis.survival.weighted_logrank import weighted_logrank as _weighted_logrank

    # Arms may be given by their labels: arm=["placebo", "cells", ...], control="placebo".
    ancova = by_label(_ancova)
    andersen_gill = by_label(_andersen_gill)
    barnard = by_label(_barnard)
    boschloo = by_label(_boschloo)
    cochran_mantel_haenszel = by_label(_cochran_mantel_haenszel)
    cox = by_label(_cox)
    cox_breslow = by_label(_cox_breslow)
    cumulative_incidence_by_arm = by_label(_cumulative_incidence_by_arm)
    fine_gray_weighted = by_label(_fine_gray_weighted)
    fisher_exact = by_label(_fisher_exact)
    gray = by_label(_gray)
    logrank = by_label(_logrank)
    max_combo = by_label(_max_combo)
    mmrm = by_label(_mmrm)
    negative_binomial = by_label(_negative_binomial)
    net_benefit = by_label(_net_benefit)
    odds_ratio = by_label(_odds_ratio)
    pooled_t_test = by_label(_pooled_t_test)
    proportional_odds = by_label(_proportional_odds)
    rate_ratio = by_label(_rate_ratio)
    risk_difference = by_label(_risk_difference)
    risk_difference_score = by_label(_risk_difference_score)
    risk_difference_wald = by_label(_risk_difference_wald)
    risk_ratio = by_label(_risk_ratio)
    risk_ratio_score = by_label(_risk_ratio_score)
    rmst_difference = by_label(_rmst_difference)
    survival_difference = by_label(_survival_difference)
    two_by_two = by_label(_two_by_two)
    weighted_logrank = by_label(_weighted_logrank)
    welch_test = by_label(_welch_test)
    wilcoxon = by_label(_wilcoxon)
    win_odds = by_label(_win_odds)
    win_ratio = by_label(_win_ratio)
    win_statistics = by_label(_win_statistics)

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

# Imported when first used: who needs one test pays for no other.
_HOMES = {
    "BetaPrior": "lupusim.analysis.proportions.beta_binomial",
    "CumulativeIncidence": "lupusim.analysis.competing_risks.cumulative_incidence",
    "ExactResult": "lupusim.analysis.results",
    "FlemingHarrington": "lupusim.analysis.survival.rank_weights",
    "FollowUpLevel": "lupusim.analysis.numerics.win_levels",
    "LogrankResult": "lupusim.analysis.survival.logrank",
    "MagirrBurman": "lupusim.analysis.survival.rank_weights",
    "MaxCombo": "lupusim.analysis.survival.weighted_logrank",
    "MmrmResult": "lupusim.analysis.continuous.mmrm",
    "NegativeBinomialResult": "lupusim.analysis.counts.negative_binomial",
    "Proportion": "lupusim.analysis.proportions.proportion",
    "RankWeight": "lupusim.analysis.survival.rank_weights",
    "SimonDesign": "lupusim.analysis.single_arm.designs",
    "SimonDesigns": "lupusim.analysis.single_arm.designs",
    "SurvivalCurve": "lupusim.analysis.survival.kaplan_meier",
    "TestResult": "lupusim.analysis.results",
    "TwoByTwo": "lupusim.analysis.proportions.two_by_two",
    "WinLevel": "lupusim.analysis.numerics.win_levels",
    "WinStatistics": "lupusim.analysis.numerics.win_statistics",
    "ZStatistic": "lupusim.analysis.results",
    "all_tables": "lupusim.analysis.proportions.two_by_two",
    "ancova": "lupusim.analysis.continuous.ancova",
    "andersen_gill": "lupusim.analysis.counts.andersen_gill",
    "arms": "lupusim.analysis.numerics.labels",
    "barnard": "lupusim.analysis.proportions.unconditional_exact",
    "boschloo": "lupusim.analysis.proportions.unconditional_exact",
    "cochran_mantel_haenszel": "lupusim.analysis.proportions.cochran_mantel_haenszel",
    "cox": "lupusim.analysis.survival.cox",
    "cox_breslow": "lupusim.analysis.survival.cox",
    "cox_regression": "lupusim.analysis.survival.cox_regression",
    "cumulative_incidence": "lupusim.analysis.competing_risks.cumulative_incidence",
    "cumulative_incidence_by_arm": "lupusim.analysis.competing_risks.cumulative_incidence",
    "cumulative_incidence_difference": "lupusim.analysis.competing_risks.cumulative_incidence",
    "exact_binomial": "lupusim.analysis.single_arm.designs",
    "fine_gray_weighted": "lupusim.analysis.competing_risks.fine_gray",
    "fisher_exact": "lupusim.analysis.proportions.fisher_exact",
    "gray": "lupusim.analysis.competing_risks.gray",
    "kaplan_meier": "lupusim.analysis.survival.kaplan_meier",
    "larger_is_better": "lupusim.analysis.numerics.win_levels",
    "later_is_better": "lupusim.analysis.numerics.win_levels",
    "logistic_regression": "lupusim.analysis.proportions.logistic_regression",
    "logrank": "lupusim.analysis.survival.logrank",
    "max_combo": "lupusim.analysis.survival.weighted_logrank",
    "mmrm": "lupusim.analysis.continuous.mmrm",
    "negative_binomial": "lupusim.analysis.counts.negative_binomial",
    "net_benefit": "lupusim.analysis.ordinal.win_ratio",
    "odds_ratio": "lupusim.analysis.proportions.risk_ratio",
    "one_sample_logrank": "lupusim.analysis.single_arm.designs",
    "pooled_t_test": "lupusim.analysis.continuous.two_means",
    "posterior_probability": "lupusim.analysis.proportions.beta_binomial",
    "power_prior": "lupusim.analysis.proportions.beta_binomial",
    "proportion": "lupusim.analysis.proportions.proportion",
    "proportional_odds": "lupusim.analysis.ordinal.proportional_odds",
    "rate_ratio": "lupusim.analysis.counts.rate_ratio",
    "risk_difference": "lupusim.analysis.proportions.risk_difference",
    "risk_difference_score": "lupusim.analysis.proportions.risk_difference",
    "risk_difference_wald": "lupusim.analysis.proportions.risk_difference",
    "risk_ratio": "lupusim.analysis.proportions.risk_ratio",
    "risk_ratio_score": "lupusim.analysis.proportions.risk_ratio",
    "rmst": "lupusim.analysis.survival.rmst",
    "rmst_difference": "lupusim.analysis.survival.rmst",
    "robust_prior": "lupusim.analysis.proportions.beta_binomial",
    "simon": "lupusim.analysis.single_arm.designs",
    "smaller_is_better": "lupusim.analysis.numerics.win_levels",
    "sooner_is_better": "lupusim.analysis.numerics.win_levels",
    "subdistribution_times": "lupusim.analysis.competing_risks.cumulative_incidence",
    "survival_difference": "lupusim.analysis.survival.kaplan_meier",
    "two_by_two": "lupusim.analysis.proportions.two_by_two",
    "updated": "lupusim.analysis.proportions.beta_binomial",
    "weighted_logrank": "lupusim.analysis.survival.weighted_logrank",
    "welch_test": "lupusim.analysis.continuous.two_means",
    "wilcoxon": "lupusim.analysis.ordinal.wilcoxon",
    "win_odds": "lupusim.analysis.ordinal.win_ratio",
    "win_ratio": "lupusim.analysis.ordinal.win_ratio",
    "win_statistics": "lupusim.analysis.numerics.win_statistics",
}
_TAKE_LABELS = frozenset(
    {
        "ancova",
        "andersen_gill",
        "barnard",
        "boschloo",
        "cochran_mantel_haenszel",
        "cox",
        "cox_breslow",
        "cumulative_incidence_by_arm",
        "fine_gray_weighted",
        "fisher_exact",
        "gray",
        "logrank",
        "max_combo",
        "mmrm",
        "negative_binomial",
        "net_benefit",
        "odds_ratio",
        "pooled_t_test",
        "proportional_odds",
        "rate_ratio",
        "risk_difference",
        "risk_difference_score",
        "risk_difference_wald",
        "risk_ratio",
        "risk_ratio_score",
        "rmst_difference",
        "survival_difference",
        "two_by_two",
        "weighted_logrank",
        "welch_test",
        "wilcoxon",
        "win_odds",
        "win_ratio",
        "win_statistics",
    }
)


def _shown(name: str, found: object) -> object:
    """Return what the package shows: tests take arms by their labels too."""
    if name not in _TAKE_LABELS:
        return found
    from lupusim.analysis.numerics.labels import by_label

    return by_label(cast("Callable[..., object]", found))


__getattr__ = attributes(__name__, _HOMES, made=_shown)
