"""Tests of one arm, posterior probabilities and reference hazards, outcome by outcome."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from lupusim.analysis.outcomes import BinaryOutcome, NumberOutcome, SurvivalOutcome
from lupusim.analysis.proportions.beta_binomial import (
    BetaPrior,
    mean_and_variance,
    posterior_probability,
    power_prior,
    probability_above,
    robust_prior,
    updated,
)
from lupusim.analysis.proportions.posterior_tests import (
    PosteriorDifferenceTest,
    PosteriorRankTest,
    better_rank,
)
from lupusim.analysis.proportions.two_by_two import TwoByTwo
from lupusim.analysis.registry import TESTS, plain_tests
from lupusim.analysis.single_arm.designs import simon
from lupusim.analysis.single_arm.enumeration import look_chances
from lupusim.analysis.single_arm.tests import ExactBinomialTest, PosteriorProbabilityTest, SimonTest
from lupusim.analysis.survival.one_sample_logrank import OneSampleLogrankTest, TabulatedHazard
from lupusim.trial import Better
from tolerance import SEED, assert_within_mcse

NO_STRATA = np.zeros((1, 1), dtype=np.intp)
MORE = {"better": Better.MORE, "sided": 1, "stratum": NO_STRATA}
FEWER = {**MORE, "better": Better.FEWER}


def responses(*counts, n=40, arm=0):
    """One replicate per count: so many of n respond."""
    response = np.arange(n) < np.array(counts)[:, None]
    return BinaryOutcome(
        response=response,
        included=np.ones_like(response),
        arm=np.full(response.shape, arm, dtype=np.int8),
    )


def two_arms(responders, n, control_responders, control_n):
    arm = np.repeat([1, 0], [n, control_n]).astype(np.int8)[None]
    within = np.concatenate([np.arange(n), np.arange(control_n)])
    response = within < np.where(arm == 1, responders, control_responders)
    return BinaryOutcome(response=response, included=np.ones_like(response), arm=arm)


# R 4.2.2: binom.test(12, 40, 0.2)$p.value and with alternative = "greater";
# binom.test(3, 40, 0.2)$p.value and with alternative = "less"; binom.test(12, 40, 0.2)$conf.int
def test_the_exact_test_is_that_of_r():
    test = ExactBinomialTest(null_rate=0.2)
    outcome = responses(12, 3)
    assert test(outcome, **MORE).p_value[0] == pytest.approx(0.0875052359220065, rel=1e-12)
    assert test(outcome, **FEWER).p_value[1] == pytest.approx(0.0284620944597445, rel=1e-12)
    found = test(outcome, **{**MORE, "sided": 2})
    np.testing.assert_allclose(found.p_value, [0.115967330381751, 0.0478694633883931], rtol=1e-12)
    assert (found.lower[0], found.upper[0]) == pytest.approx((0.165627204393236, 0.465316285254123))
    assert found.estimate[0] == 0.3
    assert found.standard_error[0] == pytest.approx(math.sqrt(0.3 * 0.7 / 40))


def test_nobody_in_the_analysis_proves_nothing():
    outcome = replace(responses(3), included=np.zeros((1, 40), dtype=bool))
    for name in ("exact_binomial", "simon", "posterior_probability"):
        found = TESTS[name](outcome, **MORE)
        assert found.undefined[0]
    assert ExactBinomialTest(null_rate=0.2)(outcome, **MORE).p_value[0] == 1


@pytest.mark.parametrize("null_rate", [0.0, 1.0, -0.2])
def test_a_null_rate_outside_its_range_is_refused(null_rate):
    for test in (ExactBinomialTest, PosteriorProbabilityTest, SimonTest):
        with pytest.raises(ValueError, match="null_rate"):
            test(null_rate=null_rate)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"alternative_rate": 0.1}, "must be above"),
        ({"first_patients": 29}, "below patients"),
        ({"first_patients": 0}, "above 0"),
        ({"first_responders": 6}, "at most responders"),
        ({"first_responders": 10, "responders": 12}, "below"),
        ({"responders": 29}, "below patients"),
    ],
)
def test_a_two_stage_design_that_cannot_be_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        SimonTest(**changes)


@pytest.mark.parametrize("name", ["optimal", "minimax"])
@pytest.mark.parametrize(("null", "alternative"), [(0.05, 0.25), (0.1, 0.3), (0.2, 0.4)])
def test_the_bounds_of_two_stages_have_the_exact_chances_of_simon_s_design(name, null, alternative):
    design = getattr(simon(null, alternative), name)
    test = SimonTest.of(design, null, alternative)
    efficacy, futility = test.two_stages.bounds(np.ones((3, 2)))
    p_values = [test.p_values(n, better=Better.MORE, sided=1) for n in (design.first_n, design.n)]
    at_null = look_chances(p_values, efficacy[0], futility[0], rate=null)
    assert at_null.power == pytest.approx(design.type_one_error, rel=1e-12)
    assert at_null.stops_early == pytest.approx(design.stopping_probability, rel=1e-12)
    assert at_null.expected_patients == pytest.approx(design.expected_n, rel=1e-12)
    there = look_chances(p_values, efficacy[0], futility[0], rate=alternative)
    assert there.power == pytest.approx(design.power, rel=1e-12)
    assert efficacy[0, 0] == math.inf
    assert futility[0, 1] == -math.inf


def test_the_estimate_of_two_stages_is_the_observed_rate():
    found = SimonTest()(responses(8, n=29), **MORE)
    assert found.estimate[0] == pytest.approx(8 / 29)


def test_no_responder_at_an_interim_look_without_a_bound_goes_on():
    test = ExactBinomialTest(null_rate=0.3)
    p_values = [test.p_values(n, better=Better.MORE, sided=1) for n in (2, 20)]
    none = np.full(2, -np.inf)
    chances = look_chances(p_values, np.array([np.inf, 1.9]), none, rate=0.5)
    assert chances.stops_early == 0


def test_one_look_decides_by_its_bound_alone():
    p_value = ExactBinomialTest(null_rate=0.3).p_values(20, better=Better.MORE, sided=1)
    bound = np.array([stats.norm.isf(0.05)])
    chances = look_chances([p_value], bound, np.array([-np.inf]), rate=0.5)
    least = int(np.flatnonzero(p_value <= 0.05)[0])
    assert chances.power == pytest.approx(stats.binom.sf(least - 1, 20, 0.5))
    assert chances.stops_early == 0
    assert chances.expected_patients == pytest.approx(20)


def test_a_posterior_probability_is_the_tail_of_a_beta_distribution():
    prior = power_prior(10, 40, discount=0.3)
    test = PosteriorProbabilityTest(null_rate=0.2, threshold=0.9, prior=prior)
    found = test(responses(12), **MORE)
    posterior = stats.beta(1 + 3 + 12, 1 + 9 + 28)
    assert found.p_value[0] == pytest.approx(posterior.cdf(0.2), rel=1e-10)
    assert found.estimate[0] == pytest.approx(posterior.mean())
    assert found.standard_error[0] == pytest.approx(posterior.std())
    assert test(responses(12), **FEWER).p_value[0] == pytest.approx(posterior.sf(0.2), rel=1e-10)


def test_a_robust_mixture_forgets_the_informative_part_where_the_data_contradict_it():
    vague = BetaPrior(alphas=(2.0,), betas=(3.0,))
    prior = robust_prior(power_prior(5, 100, discount=1.0), weight=0.8, vague=vague)
    posterior = updated(prior, 30, 40)
    assert posterior.weights[-1] > 0.999
    assert mean_and_variance(posterior)[0] == pytest.approx(32 / 45, abs=1e-6)
    mixed = stats.beta(6, 96).sf(0.1) * 0.8 + stats.beta(2, 3).sf(0.1) * 0.2
    assert probability_above(prior, 0.1) == pytest.approx(mixed)


@pytest.mark.parametrize("margin", [-0.15, 0.0, 0.1])
@pytest.mark.parametrize("counts", [(18, 30, 11, 28), (0, 5, 0, 5), (5, 5, 1, 9)])
@pytest.mark.parametrize("a", [0.5, 1.0])
def test_a_posterior_difference_is_an_integral(margin, counts, a):
    x, n, x0, n0 = counts
    prior = BetaPrior(alphas=(a,), betas=(a,))
    test = PosteriorDifferenceTest(
        threshold=0.9, margin=margin, prior=prior, control_prior=power_prior(4, 10, discount=0.5)
    )
    first, second = stats.beta(a + x, a + n - x), stats.beta(3 + x0, 4 + n0 - x0)
    low, high = max(0.0, -margin), min(1.0, 1 - margin)

    def joint(p):
        return second.pdf(p) * first.sf(p + margin)

    edges = np.linspace(low, high, 40)
    expected = sum(integrate.quad(joint, lo, hi, epsabs=1e-13)[0] for lo, hi in pairwise(edges))
    expected += second.cdf(low) if margin < 0 else 0.0
    found = test(two_arms(x, n, x0, n0), **MORE)
    assert 1 - found.p_value[0] == pytest.approx(expected, abs=1e-9)
    assert found.estimate[0] == pytest.approx(first.mean() - second.mean())
    assert found.standard_error[0] == pytest.approx(math.hypot(first.std(), second.std()))


def test_fewer_are_better_by_the_mirror_image():
    outcome = two_arms(5, 20, 9, 18)
    mirrored = replace(outcome, response=~outcome.response)
    for margin in (0.0, 0.1):
        test = PosteriorDifferenceTest(margin=margin)
        fewer, more = test(outcome, **FEWER), test(mirrored, **MORE)
        assert fewer.p_value[0] == pytest.approx(more.p_value[0], abs=1e-9)
    assert test(outcome, **FEWER).p_value[0] < 0.5


def test_a_poor_prior_is_still_integrated_to_three_digits():
    prior = BetaPrior(alphas=(0.2,), betas=(0.2,))
    table = TwoByTwo(
        responders=np.array([0.0]),
        n=np.array([5.0]),
        control_responders=np.array([0.0]),
        control_n=np.array([5.0]),
    )
    found = posterior_probability(table, prior=prior, control_prior=prior)
    assert found[0] == pytest.approx(0.5, abs=1e-3)  # by symmetry


@pytest.mark.parametrize("test", [PosteriorDifferenceTest, PosteriorRankTest])
@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_a_threshold_outside_its_range_is_refused(test, threshold):
    with pytest.raises(ValueError, match="threshold"):
        test(threshold=threshold)


def test_margins_and_ranks_out_of_range_are_refused():
    with pytest.raises(ValueError, match="margin"):
        PosteriorDifferenceTest(margin=1.0)
    for changes in ({"n_ranks": 1}, {"prior": 0.0}):
        with pytest.raises(ValueError, match="n_ranks"):
            PosteriorRankTest(**changes)


def ranks(experimental, control):
    """One replicate with so many patients at each rank."""
    values = np.concatenate(
        [np.repeat(np.arange(len(c)), c) for c in (experimental, control)]
    ).astype(float)[None]
    arm = np.repeat([1, 0], [sum(experimental), sum(control)]).astype(np.int8)[None]
    return NumberOutcome(values=values, included=np.ones(arm.shape, dtype=bool), arm=arm)


def drawn_theta(experimental, control, n=400_000):
    from lupusim.common.rng import stream

    rng = stream(SEED, "theta")
    first, second = (rng.dirichlet(np.array(counts) + 1.0, n) for counts in (experimental, control))
    below = np.cumsum(second, axis=1)
    return (first * (below - second / 2)).sum(axis=1)


@pytest.mark.parametrize(
    ("experimental", "control", "error"),
    [
        ((9, 6), (4, 11), 0.003),
        ((3, 4, 8), (6, 5, 4), 0.003),
        ((2, 3, 5, 5, 15), (6, 6, 6, 6, 6), 0.001),
        ((20, 10, 0), (10, 10, 10), 0.001),
    ],
)
def test_the_posterior_of_better_ranks_is_that_of_dirichlet_draws(experimental, control, error):
    theta = drawn_theta(experimental, control)
    test = PosteriorRankTest(threshold=0.9, n_ranks=len(experimental))
    found = test(ranks(experimental, control), **MORE)
    spread = theta.std() / math.sqrt(theta.size)
    assert_within_mcse(found.estimate[0], theta.mean() - 0.5, mcse=spread)
    assert found.standard_error[0] == pytest.approx(theta.std(), rel=0.01)
    share = (theta <= 0.5).mean()
    assert found.p_value[0] == pytest.approx(
        share, abs=error + 4 * math.sqrt(share * (1 - share) / theta.size)
    )
    assert test(ranks(experimental, control), **FEWER).p_value[0] == pytest.approx(
        1 - found.p_value[0]
    )


def test_two_ranks_are_a_difference_of_rates():
    for (x, n), (x0, n0) in (((18, 30), (11, 28)), ((40, 60), (30, 60)), ((10, 15), (4, 15))):
        exact = PosteriorDifferenceTest()(two_arms(x, n, x0, n0), **MORE)
        found = PosteriorRankTest()(ranks((n - x, x), (n0 - x0, x0)), **MORE)
        assert found.p_value[0] == pytest.approx(exact.p_value[0], abs=0.003)
        assert found.estimate[0] == pytest.approx(exact.estimate[0] / 2)


def test_the_moments_of_better_ranks_add_up():
    alike, _ = better_rank(np.array([[2.0, 3.0, 4.0]]), np.array([[2.0, 3.0, 4.0]]))
    assert alike[0] == pytest.approx(0.5)


def test_without_patients_no_posterior_is_a_success():
    nobody = ranks((3, 2), (2, 3))
    nobody = replace(nobody, included=np.zeros_like(nobody.included))
    assert PosteriorRankTest()(nobody, **MORE).p_value[0] == 1
    gone = two_arms(1, 2, 1, 2)
    gone = replace(gone, included=np.zeros_like(gone.included))
    assert PosteriorDifferenceTest()(gone, **MORE).undefined[0]


def times(*years, event=True):
    time = np.array([years], dtype=float)
    return SurvivalOutcome(
        time=time, event=np.full(time.shape, event), arm=np.zeros(time.shape, dtype=np.int8)
    )


def test_a_tabulated_hazard_is_linear_between_and_beyond():
    hazard = TabulatedHazard(times=(0.0, 1.0, 3.0), cumulative=(0.0, 0.5, 0.6))
    np.testing.assert_allclose(hazard(np.array([0.5, 2.0, 5.0])), [0.25, 0.55, 0.7])
    assert TabulatedHazard.constant(0.3)(np.array([7.0]))[0] == pytest.approx(2.1)


@pytest.mark.parametrize(
    ("times", "cumulative"),
    [
        ((0.0,), (0.0,)),
        ((0.0, 1.0), (0.0,)),
        ((0.1, 1.0), (0.0, 1.0)),
        ((0.0, 0.0), (0.0, 1.0)),
        ((0.0, 1.0), (0.1, 1.0)),
        ((0.0, 1.0, 2.0), (0.0, 1.0, 0.5)),
        ((0.0, 1.0), (0.0, 0.0)),
        ((0.0, 1.0), (0.0, math.inf)),
    ],
)
def test_a_table_that_is_no_cumulative_hazard_is_refused(times, cumulative):
    with pytest.raises(ValueError, match="must"):
        TabulatedHazard(times=times, cumulative=cumulative)


def test_events_are_compared_with_those_expected():
    test = OneSampleLogrankTest(against=TabulatedHazard.constant(0.5))
    found = test(times(1.0, 2.0, 3.0, 4.0), **FEWER)
    assert found.p_value[0] == pytest.approx(stats.norm.cdf((4 - 5) / math.sqrt(5)))
    assert found.estimate[0] == pytest.approx(math.log(4 / 5))
    assert found.standard_error[0] == pytest.approx(0.5)
    assert found.upper[0] == pytest.approx(math.log(4 / 5) + 0.5 * 1.959964, rel=1e-6)
    nothing = test(times(1.0, 2.0, event=False), **FEWER)
    assert math.isnan(nothing.estimate[0])
    assert (nothing.lower[0], nothing.upper[0]) == (-math.inf, math.inf)
    assert not nothing.undefined[0]
    assert test(times(0.0, event=False), **FEWER).undefined[0]


def test_negative_control_another_null_rate_gives_another_p_value():
    first, second = (ExactBinomialTest(null_rate=p)(responses(12), **MORE) for p in (0.2, 0.25))
    assert second.p_value[0] > 2 * first.p_value[0]


def test_tests_with_a_design_are_not_for_further_endpoints():
    with_design = TESTS.keys() - plain_tests().keys()
    assert {TESTS[name].n_arms for name in with_design} == {1, 2}
    assert all(TESTS[name].has_design for name in with_design)
