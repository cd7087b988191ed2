"""The tests a scenario can name: an outcome goes in, a verdict for every replicate comes out.

A test is a class in the file of its estimator that registers itself in :data:`TESTS`, and one line
here.
"""

# ruff: noqa: F401 - each module registers its tests
from __future__ import annotations

import lupusim.analysis.competing_risks.cumulative_incidence
import lupusim.analysis.competing_risks.fine_gray
import lupusim.analysis.competing_risks.gray
import lupusim.analysis.continuous.ancova
import lupusim.analysis.continuous.mmrm
import lupusim.analysis.continuous.two_means
import lupusim.analysis.counts.andersen_gill
import lupusim.analysis.counts.negative_binomial
import lupusim.analysis.counts.rate_ratio
import lupusim.analysis.ordinal.proportional_odds
import lupusim.analysis.ordinal.wilcoxon
import lupusim.analysis.ordinal.win_ratio
import lupusim.analysis.proportions.cochran_mantel_haenszel
import lupusim.analysis.proportions.fisher_exact
import lupusim.analysis.proportions.logistic_regression
import lupusim.analysis.proportions.posterior_tests
import lupusim.analysis.proportions.risk_difference
import lupusim.analysis.proportions.risk_ratio
import lupusim.analysis.proportions.unconditional_exact
import lupusim.analysis.single_arm.tests
import lupusim.analysis.survival.cox_regression
import lupusim.analysis.survival.kaplan_meier
import lupusim.analysis.survival.logrank
import lupusim.analysis.survival.logrank_test
import lupusim.analysis.survival.one_sample_logrank
import lupusim.analysis.survival.rmst
import lupusim.analysis.survival.weighted_logrank
from lupusim.trial.test_method import TESTS, TestMethod

__all__ = ["TESTS", "plain_tests"]


def plain_tests() -> dict[str, TestMethod]:
    """Return the tests that a scenario states by name and numbers, without a design of their own.

    Those can stand several in a trial: of further endpoints, or early ones.
    """
    return {name: test for name, test in TESTS.items() if not test.has_design}
