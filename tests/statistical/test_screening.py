"""Screening lets in those whom its rule names, as often and as late as it must."""

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from lupusim.rng import stream
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block, generate
from lupusim.trial import (
    Activity,
    CovariateEffect,
    Cut,
    Minimums,
    Population,
    Screening,
    UniformEnrollment,
)
from lupusim.trial.population.screening import ACTIVE_LUPUS
from tolerance import SEED, assert_within_mcse
from trials import survival_trial

N = 40_000
DEATH = (("alive", "death"),)
# Invented, to have both easy and hard entries; not a description of any patients.
ACTIVITY = Activity(sledai_mean=6.0, sledai_sd=3.0, systems=5, grade_a=0.04, grade_b=0.1)


def let_in(activity=ACTIVITY):
    """Probability that one test meets SLEDAI >= 8, or one BILAG A, or two BILAG B."""
    low_sledai = NormalDist(activity.sledai_mean, activity.sledai_sd).cdf(7.5)
    less = 1 - activity.grade_a - activity.grade_b
    k, b = activity.systems, activity.grade_b
    no_a_and_one_b_at_most = less**k + k * b * less ** (k - 1)
    return 1 - low_sledai * no_a_and_one_b_at_most


def screened(n=N, **changes):
    screening = Screening(activity=changes.pop("activity", ACTIVITY), **changes)
    return screening.screen(n, rng=stream(SEED, "screening"))


def assert_failures(found, p):
    """Failures before each patient are geometric with mean (1 - p) / p."""
    n = found.failures.size
    assert_within_mcse(found.failures.mean(), (1 - p) / p, mcse=math.sqrt((1 - p) / n) / p)


def test_screen_failures_are_as_many_as_the_rule_makes_them():
    found = screened()
    assert_failures(found, let_in())
    with pytest.raises(AssertionError):  # negative control: without BILAG
        assert_failures(found, 1 - NormalDist(6.0, 3.0).cdf(7.5))


def test_everybody_let_in_meets_the_rule():
    found = screened()
    sledai, a, b = (found.numbers[name] for name in ("sledai", "bilag_a", "bilag_b"))
    assert ((sledai >= 8) | (a >= 1) | (b >= 2)).all()
    assert (sledai < 8).any()
    assert (sledai >= 0).all()
    assert (sledai == np.rint(sledai)).all()
    assert (Minimums(sledai=8), Minimums(bilag_a=1), Minimums(bilag_b=2)) == ACTIVE_LUPUS


def test_a_rule_may_ask_for_several_things_at_once():
    rule = (Minimums(sledai=6, bilag_a=1), Minimums(sledai=6, bilag_b=1))
    found = screened(eligible=rule)
    high = 1 - NormalDist(6.0, 3.0).cdf(5.5)
    assert_failures(found, high * (1 - (1 - 0.14) ** 5))
    assert (found.numbers["sledai"] >= 6).all()


def test_independent_tests_are_further_chances():
    p, found = let_in(), screened(tests=3, every=0.1)
    assert_failures(found, 1 - (1 - p) ** 3)
    shares = np.array([p, p * (1 - p), p * (1 - p) ** 2]) / (1 - (1 - p) ** 3)
    seen = np.array([(np.abs(found.waited - wait) < 1e-12).mean() for wait in (0.0, 0.1, 0.2)])
    assert_within_mcse(seen, shares, mcse=np.sqrt(shares * (1 - shares) / N))


def test_tests_that_change_nothing_are_one_test():
    found = screened(activity=replace(ACTIVITY, correlation=1.0), tests=4, every=0.1)
    assert_failures(found, let_in())
    assert (found.waited == 0).all()


def test_correlated_sledai_has_the_bivariate_normal_law():
    rho = 0.6
    activity = Activity(sledai_mean=6.0, sledai_sd=3.0, correlation=rho)
    found = screened(activity=activity, tests=2, every=0.1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    lasting = [NormalDist().cdf((0.5 - math.sqrt(rho) * u) / math.sqrt(1 - rho)) for u in nodes]
    both_low = (weights * np.square(lasting)).sum() / weights.sum()
    assert_failures(found, 1 - both_low)


def trial(screening, *, effects=(), **changes):
    population = Population(screening=screening, effects=effects)
    return survival_trial(population=population, **changes)


def test_randomization_waits_for_eligibility_and_study_time_starts_with_it():
    screening = Screening(activity=ACTIVITY, tests=4, every=0.25)
    waiting = trial(screening, n_patients=50, enrollment=UniformEnrollment(duration=0.5))
    block = Block(seed=SEED, number=0, n_replicates=200)
    generated = generate(waiting, block)
    at_once = generate(replace(waiting, population=Population()), block)
    found = generated.patients.screened
    assert (np.diff(generated.enrollment_time, axis=1) >= 0).all()
    first_test = np.sort(generated.enrollment_time - found.waited, axis=1)
    assert np.allclose(first_test, at_once.enrollment_time)
    assert first_test.min() >= 0
    tally = simulate_block(waiting, block)
    p = let_in()
    expected = 50 / (1 - (1 - p) ** 4)
    spread = 50 * (1 - p) ** 4 / (1 - (1 - p) ** 4) ** 2
    assert_within_mcse(tally.mean("screened").value, expected, mcse=math.sqrt(spread / 200))
    assert tally.mean("screening_time").value == pytest.approx(found.waited.mean())


def test_sledai_at_entry_can_act_and_be_a_stratum():
    effect = CovariateEffect(covariate="sledai", on=DEATH, hazard_ratio=1.2, reference=8.0)
    group = CovariateEffect(covariate="activity", level="high", on=DEATH, hazard_ratio=2.0)
    cut = Cut(covariate="sledai", at=(10.0,), levels=("low", "high"))
    population = Population(
        screening=Screening(activity=ACTIVITY), effects=(effect, group), cuts={"activity": cut}
    )
    high = survival_trial(population=population, n_patients=2000, stratify_by=("activity",))
    patients = generate(high, Block(seed=SEED, number=0, n_replicates=1)).patients
    sledai = patients.numbers["sledai"][0]
    assert (patients.levels["activity"][0] == (sledai >= 10)).all()
    ratio = patients.hazard_ratio(high.arms[0].model, np.arange(2000))
    assert np.allclose(ratio[0], 1.2 ** (sledai - 8) * np.where(sledai >= 10, 2.0, 1.0))


def test_a_rule_that_nobody_meets_is_refused_and_not_waited_for():
    with pytest.raises(ValueError, match="Lower the minimums"):
        screened(5, eligible=(Minimums(sledai=1000),))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Activity(sledai_mean=math.nan, sledai_sd=1),
        lambda: Activity(sledai_mean=1, sledai_sd=-1),
        lambda: Activity(sledai_mean=1, sledai_sd=1, systems=3, grade_a=0.6, grade_b=0.5),
        lambda: Activity(sledai_mean=1, sledai_sd=1, systems=3, grade_a=-0.1),
        lambda: Activity(sledai_mean=1, sledai_sd=1, correlation=1.1),
        lambda: Screening(activity=ACTIVITY, eligible=()),
        lambda: Screening(activity=ACTIVITY, tests=0),
        lambda: Screening(activity=ACTIVITY, tests=2),
        lambda: Cut(covariate="x", at=(2.0, 1.0), levels=("a", "b", "c")),
        lambda: Cut(covariate="x", at=(2.0,), levels=("a",)),
        lambda: Population(cuts={"sledai": Cut(covariate="x", at=(2.0,), levels=("a", "b"))}),
    ],
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match=r"must|is empty|bear a name"):
        make()


def test_grades_that_are_certain_are_certain():
    activity = Activity(sledai_mean=0, sledai_sd=0, systems=4, grade_a=1.0)
    found = screened(20, activity=activity)
    assert (found.numbers["bilag_a"] == 4).all()
    assert (found.numbers["bilag_b"] == 0).all()
