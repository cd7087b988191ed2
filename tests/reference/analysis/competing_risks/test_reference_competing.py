"""Competing causes, rates and posterior probabilities against R, statsmodels, integration.

`competing.R` made the numbers of the first. The standard errors of survfit are those of the
infinitesimal jackknife, which here are Greenwood's; prodlim 2019.11.13 and statsmodels print the
same. Those of cmprsk's cuminc are by another formula and larger, here by 0.2 to 1.3 %.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats

from lupusim.analysis.competing_risks.cumulative_incidence import (
    cumulative_incidence,
    cumulative_incidence_by_arm,
    subdistribution_times,
)
from lupusim.analysis.counts.rate_ratio import rate_ratio
from lupusim.analysis.proportions.beta_binomial import BetaPrior, posterior_probability
from lupusim.analysis.proportions.two_by_two import TwoByTwo
from lupusim.analysis.survival.cox import cox_breslow
from lupusim.common.rng import stream
from tolerance import SEED

EXPECTED = json.loads((Path(__file__).parent / "competing.json").read_text())
TIME, CAUSE = np.array(EXPECTED["time"], dtype=float), np.array(EXPECTED["cause"])
ARM = np.array(EXPECTED["arm"])


@pytest.mark.parametrize("cause", [1, 2])
def test_cumulative_incidence_equals_survfit(cause):
    curve = cumulative_incidence(TIME, CAUSE > 0, cause == CAUSE, EXPECTED["at"])
    expected = np.array(EXPECTED["incidence"])[:, cause - 1]
    np.testing.assert_allclose(curve.incidence, expected, rtol=1e-10)
    errors = np.array(EXPECTED["standard_error"])[:, cause - 1]
    np.testing.assert_allclose(curve.standard_error, errors, rtol=1e-10)


@pytest.mark.parametrize("cause", [1, 2])
def test_the_difference_of_incidences_equals_survfit_arm_by_arm(cause):
    result = cumulative_incidence_by_arm(TIME, CAUSE > 0, cause == CAUSE, ARM, 120)
    female, male = np.array(EXPECTED["by_arm"]["incidence"])[:, cause - 1]
    np.testing.assert_allclose(result.estimate, male - female, rtol=1e-10)
    errors = np.array(EXPECTED["by_arm"]["standard_error"])[:, cause - 1]
    np.testing.assert_allclose(result.standard_error, np.hypot(*errors), rtol=1e-10)


def test_subdistribution_hazard_of_complete_data_equals_crr():
    # Nobody is censored: who had the other event stays at risk for ever.
    seen = CAUSE > 0
    time, event = subdistribution_times(
        TIME[seen], CAUSE[seen] > 0, CAUSE[seen] == 1, np.full(seen.sum(), 1e4)
    )
    result = cox_breslow(time, event, ARM[seen])
    np.testing.assert_allclose(result.estimate, EXPECTED["fine_gray"], rtol=1e-6)


def test_rate_ratio_equals_poisson_regression_with_sandwich_variance():
    import statsmodels.api as sm

    rng = stream(SEED, "rates")
    arm, years = np.arange(80) % 2, rng.uniform(0.2, 2.0, 80)
    count = rng.poisson(years * rng.gamma(1.0, 1.5, 80) * (1 - 0.4 * arm))
    model = sm.GLM(count, sm.add_constant(arm), sm.families.Poisson(), offset=np.log(years))
    fit = model.fit(cov_type="HC0", tol=1e-14)
    result = rate_ratio(count, years, arm)
    np.testing.assert_allclose(result.estimate, fit.params[1], rtol=1e-9)
    np.testing.assert_allclose(result.standard_error, fit.bse[1], rtol=1e-8)


@pytest.mark.parametrize("margin", [-0.05, 0.0, 0.1])
def test_posterior_probability_equals_integration(margin):
    table = TwoByTwo(
        responders=np.array([18.0]),
        n=np.array([30.0]),
        control_responders=np.array([11.0]),
        control_n=np.array([28.0]),
    )
    prior = BetaPrior(alphas=(2.0,), betas=(3.0,))
    result = posterior_probability(table, prior=prior, control_prior=BetaPrior(), margin=margin)

    def joint(p):
        return stats.beta.pdf(p, 12, 18) * stats.beta.sf(p + margin, 20, 15)

    expected = integrate.quad(joint, 0, 1, epsabs=1e-13)[0]
    np.testing.assert_allclose(result, expected, atol=1e-9)


def test_the_other_cause_is_noticed():  # negative control
    curve = cumulative_incidence(TIME, CAUSE > 0, CAUSE == 2, EXPECTED["at"])
    assert np.abs(curve.incidence - np.array(EXPECTED["incidence"])[:, 0]).min() > 0.1
