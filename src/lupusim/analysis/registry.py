"""The tests a scenario can name: an outcome goes in, a verdict for every replicate comes out.

A test is a class in the file of its estimator that registers itself in :data:`TESTS`, and its name
in a line here, by which that file is found when somebody asks for it.
"""

from __future__ import annotations

from lupusim.trial.test_method import TESTS, TestMethod

__all__ = ["TESTS", "plain_tests"]

TESTS.offer(
    "lupusim.analysis",
    {
        "competing_risks.cumulative_incidence": "incidence_difference",
        "competing_risks.fine_gray": "fine_gray subdistribution_logrank fine_gray_weighted",
        "competing_risks.gray": "gray",
        "continuous.ancova": "ancova",
        "continuous.mmrm": "mmrm",
        "continuous.two_means": "t_test welch",
        "counts.andersen_gill": "andersen_gill",
        "counts.negative_binomial": "negative_binomial",
        "counts.rate_ratio": "rate_ratio",
        "ordinal.proportional_odds": "proportional_odds",
        "ordinal.wilcoxon": "wilcoxon",
        "ordinal.win_ratio": "win_ratio win_odds net_benefit",
        "proportions.cochran_mantel_haenszel": "cochran_mantel_haenszel",
        "proportions.fisher_exact": "fisher_exact",
        "proportions.logistic_regression": "logistic_regression",
        "proportions.posterior_tests": "posterior_difference posterior_rank",
        "proportions.risk_difference": "pooled_z unpooled_z miettinen_nurminen",
        "proportions.risk_ratio": "risk_ratio risk_ratio_score odds_ratio",
        "proportions.unconditional_exact": "boschloo barnard",
        "single_arm.tests": "exact_binomial simon posterior_probability",
        "survival.cox_regression": "cox",
        "survival.kaplan_meier": "survival_difference",
        "survival.logrank_test": "logrank peto",
        "survival.one_sample_logrank": "one_sample_logrank",
        "survival.rmst": "restricted_mean",
        "survival.weighted_logrank": "fleming_harrington magirr_burman max_combo",
    },
)


def plain_tests() -> dict[str, TestMethod]:
    """Return the tests that a scenario states by name and numbers, without a design of their own.

    Those can stand several in a trial: of further endpoints, or early ones.
    """
    return {name: test for name, test in TESTS.items() if not test.has_design}
