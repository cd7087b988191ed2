from lupusim.analysis.competing_risks.cumulative_incidence import (
    CumulativeIncidence as CumulativeIncidence,
)
from lupusim.analysis.competing_risks.cumulative_incidence import (
    cumulative_incidence as cumulative_incidence,
)
from lupusim.analysis.competing_risks.cumulative_incidence import (
    cumulative_incidence_by_arm as cumulative_incidence_by_arm,
)
from lupusim.analysis.competing_risks.cumulative_incidence import (
    cumulative_incidence_difference as cumulative_incidence_difference,
)
from lupusim.analysis.competing_risks.cumulative_incidence import (
    subdistribution_times as subdistribution_times,
)
from lupusim.analysis.competing_risks.fine_gray import fine_gray_weighted as fine_gray_weighted
from lupusim.analysis.competing_risks.gray import gray as gray
from lupusim.analysis.continuous.ancova import ancova as ancova
from lupusim.analysis.continuous.mmrm import MmrmResult as MmrmResult
from lupusim.analysis.continuous.mmrm import mmrm as mmrm
from lupusim.analysis.continuous.two_means import pooled_t_test as pooled_t_test
from lupusim.analysis.continuous.two_means import welch_test as welch_test
from lupusim.analysis.counts.andersen_gill import andersen_gill as andersen_gill
from lupusim.analysis.counts.negative_binomial import (
    NegativeBinomialResult as NegativeBinomialResult,
)
from lupusim.analysis.counts.negative_binomial import negative_binomial as negative_binomial
from lupusim.analysis.counts.rate_ratio import rate_ratio as rate_ratio
from lupusim.analysis.numerics.labels import arms as arms
from lupusim.analysis.numerics.win_levels import FollowUpLevel as FollowUpLevel
from lupusim.analysis.numerics.win_levels import WinLevel as WinLevel
from lupusim.analysis.numerics.win_levels import larger_is_better as larger_is_better
from lupusim.analysis.numerics.win_levels import later_is_better as later_is_better
from lupusim.analysis.numerics.win_levels import smaller_is_better as smaller_is_better
from lupusim.analysis.numerics.win_levels import sooner_is_better as sooner_is_better
from lupusim.analysis.numerics.win_statistics import WinStatistics as WinStatistics
from lupusim.analysis.numerics.win_statistics import win_statistics as win_statistics
from lupusim.analysis.ordinal.proportional_odds import proportional_odds as proportional_odds
from lupusim.analysis.ordinal.wilcoxon import wilcoxon as wilcoxon
from lupusim.analysis.ordinal.win_ratio import net_benefit as net_benefit
from lupusim.analysis.ordinal.win_ratio import win_odds as win_odds
from lupusim.analysis.ordinal.win_ratio import win_ratio as win_ratio
from lupusim.analysis.proportions.beta_binomial import BetaPrior as BetaPrior
from lupusim.analysis.proportions.beta_binomial import (
    posterior_probability as posterior_probability,
)
from lupusim.analysis.proportions.beta_binomial import power_prior as power_prior
from lupusim.analysis.proportions.beta_binomial import robust_prior as robust_prior
from lupusim.analysis.proportions.beta_binomial import updated as updated
from lupusim.analysis.proportions.cochran_mantel_haenszel import (
    cochran_mantel_haenszel as cochran_mantel_haenszel,
)
from lupusim.analysis.proportions.fisher_exact import fisher_exact as fisher_exact
from lupusim.analysis.proportions.logistic_regression import (
    logistic_regression as logistic_regression,
)
from lupusim.analysis.proportions.proportion import Proportion as Proportion
from lupusim.analysis.proportions.proportion import proportion as proportion
from lupusim.analysis.proportions.risk_difference import risk_difference as risk_difference
from lupusim.analysis.proportions.risk_difference import (
    risk_difference_score as risk_difference_score,
)
from lupusim.analysis.proportions.risk_difference import (
    risk_difference_wald as risk_difference_wald,
)
from lupusim.analysis.proportions.risk_ratio import odds_ratio as odds_ratio
from lupusim.analysis.proportions.risk_ratio import risk_ratio as risk_ratio
from lupusim.analysis.proportions.risk_ratio import risk_ratio_score as risk_ratio_score
from lupusim.analysis.proportions.two_by_two import TwoByTwo as TwoByTwo
from lupusim.analysis.proportions.two_by_two import all_tables as all_tables
from lupusim.analysis.proportions.two_by_two import two_by_two as two_by_two
from lupusim.analysis.proportions.unconditional_exact import barnard as barnard
from lupusim.analysis.proportions.unconditional_exact import boschloo as boschloo
from lupusim.analysis.results import ExactResult as ExactResult
from lupusim.analysis.results import TestResult as TestResult
from lupusim.analysis.results import ZStatistic as ZStatistic
from lupusim.analysis.single_arm.designs import SimonDesign as SimonDesign
from lupusim.analysis.single_arm.designs import SimonDesigns as SimonDesigns
from lupusim.analysis.single_arm.designs import exact_binomial as exact_binomial
from lupusim.analysis.single_arm.designs import one_sample_logrank as one_sample_logrank
from lupusim.analysis.single_arm.designs import simon as simon
from lupusim.analysis.survival.cox import cox as cox
from lupusim.analysis.survival.cox import cox_breslow as cox_breslow
from lupusim.analysis.survival.cox_regression import cox_regression as cox_regression
from lupusim.analysis.survival.kaplan_meier import SurvivalCurve as SurvivalCurve
from lupusim.analysis.survival.kaplan_meier import kaplan_meier as kaplan_meier
from lupusim.analysis.survival.kaplan_meier import survival_difference as survival_difference
from lupusim.analysis.survival.logrank import LogrankResult as LogrankResult
from lupusim.analysis.survival.logrank import logrank as logrank
from lupusim.analysis.survival.rank_weights import FlemingHarrington as FlemingHarrington
from lupusim.analysis.survival.rank_weights import MagirrBurman as MagirrBurman
from lupusim.analysis.survival.rank_weights import RankWeight as RankWeight
from lupusim.analysis.survival.rmst import rmst as rmst
from lupusim.analysis.survival.rmst import rmst_difference as rmst_difference
from lupusim.analysis.survival.weighted_logrank import MaxCombo as MaxCombo
from lupusim.analysis.survival.weighted_logrank import max_combo as max_combo
from lupusim.analysis.survival.weighted_logrank import weighted_logrank as weighted_logrank
