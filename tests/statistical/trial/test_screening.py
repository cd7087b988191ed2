"""Screening lets in those whom its rule names, as often and as late as it must."""

import heapq
import math
import random
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block, generate
from lupusim.trial import (
    Activity,
    CovariateEffect,
    Cut,
    Minimums,
    PiecewiseEnrollment,
    PoissonEnrollment,
    Population,
    Region,
    RegionalEnrollment,
    Screening,
    UniformEnrollment,
)
from lupusim.trial.population.screening import ACTIVE_LUPUS
from tolerance import SEED, assert_within_mcse
from trials import survival_trial

N = 40_000
AT_ONCE = PoissonEnrollment(sites=1, per_site_per_year=1e-3)  # a wait is nothing beside it
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


def screened(n=N, *, enrollment=AT_ONCE, **changes):
    """Return what screening finds of 100 patients in each of many trials."""
    screening = Screening(activity=changes.pop("activity", ACTIVITY), **changes)
    rng, tests = stream(SEED, "enrollment"), stream(SEED, "screening")
    return screening.enroll(enrollment, max(n // 100, 1), 100, rng=rng, tests=tests)


def assert_failures(found, p):
    """Candidates for each patient are geometric with mean 1 / p, where nobody is told to wait."""
    n = found.randomized.size
    candidates = np.isfinite(found.first_tests).sum() / n
    assert_within_mcse(candidates, 1 / p, mcse=math.sqrt((1 - p) / n) / p)


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


def by_hand(enrollment_times, screening, n_patients, rng):
    """Let candidates come one by one: dates of randomization, waits, how many were screened.

    Plain Python: a queue of appointments, the earliest first.
    """
    activity, appointments, came, randomized = screening.activity, [], 0, []

    def open_file():
        nonlocal came
        lasting = [rng.gauss(0, 1) for _ in range(1 + activity.systems)]
        heapq.heappush(appointments, (enrollment_times(rng), came, 1, lasting))
        came += 1

    open_file()
    while len(randomized) < n_patients:
        date, candidate, number, lasting = heapq.heappop(appointments)
        if number == 1:
            open_file()
        kept, new = math.sqrt(activity.correlation), math.sqrt(1 - activity.correlation)
        sledai, *systems = (kept * u + new * rng.gauss(0, 1) for u in lasting)
        normal = NormalDist()
        grades_a = sum(normal.cdf(z) > 1 - activity.grade_a for z in systems)
        at_least_b = sum(normal.cdf(z) > 1 - activity.grade_a - activity.grade_b for z in systems)
        score = activity.sledai_mean + activity.sledai_sd * sledai
        if score >= 7.5 or grades_a >= 1 or at_least_b - grades_a >= 2:
            randomized.append((date, (number - 1) * screening.every))
        elif number < screening.tests:
            appointment = (date + screening.every, candidate, number + 1, lasting)
            heapq.heappush(appointments, appointment)
    return [date for date, _ in randomized], [wait for _, wait in randomized], came - 1


def poisson_by_hand(rate):
    """Return what gives one date after the other, by thinning a process of the highest rate."""

    def start():
        date, highest = 0.0, max(rate(t / 100) for t in range(1000))

        def following(rng):
            nonlocal date
            while True:
                date += rng.expovariate(highest)
                if rng.random() * highest < rate(date):
                    return date

        return following

    return start


REGIONS = RegionalEnrollment(
    regions=(
        Region(sites=4, per_site_per_year=30.0, ramp_up=0.5),
        Region(sites=2, per_site_per_year=40.0, opens=0.2, closes=0.6),
    ),
    pauses=((0.3, 0.4),),
)
KINDS = {
    "sites": (
        PoissonEnrollment(sites=5, per_site_per_year=30.0, ramp_up=0.4),
        lambda t: 150.0 * min(t / 0.4, 1.0),
    ),
    "rates": (
        PiecewiseEnrollment(breaks=(0.2, 0.5), rates_per_year=(60.0, 0.0, 200.0)),
        lambda t: 60.0 if t < 0.2 else 0.0 if t < 0.5 else 200.0,
    ),
    "regions": (
        REGIONS,
        lambda t: (
            0.0 if 0.3 <= t < 0.4 else 120.0 * min(t / 0.5, 1.0) + (80.0 if 0.2 <= t < 0.6 else 0.0)
        ),
    ),
}


@pytest.mark.parametrize("n", [200, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", KINDS)
def test_candidates_come_are_tested_and_fill_the_trial_as_a_process_by_hand_says(kind, n):
    enrollment, rate = KINDS[kind]
    screening = Screening(
        activity=replace(ACTIVITY, sledai_mean=3.0, grade_a=0.01, correlation=0.5),
        tests=3,
        every=0.15,
    )
    n_patients = 25
    found = screening.enroll(
        enrollment, n, n_patients, rng=stream(SEED, kind), tests=stream(SEED, kind, "tests")
    )
    rng, start = random.Random(SEED), poisson_by_hand(rate)
    hand = [by_hand(start(), screening, n_patients, rng) for _ in range(n)]
    pairs = {
        "first": (found.randomized[:, 0], np.array([dates[0] for dates, _, _ in hand])),
        "tenth": (found.randomized[:, 9], np.array([dates[9] for dates, _, _ in hand])),
        "last": (found.randomized[:, -1], np.array([dates[-1] for dates, _, _ in hand])),
        "waits": (found.waited.mean(axis=1), np.array([np.mean(w) for _, w, _ in hand])),
        "screened": (
            np.isfinite(found.first_tests).sum(axis=1).astype(float),
            np.array([float(came) for _, _, came in hand]),
        ),
    }
    for ours, theirs in pairs.values():
        mcse = math.sqrt((ours.var() + theirs.var()) / n)
        assert_within_mcse(ours.mean(), theirs.mean(), mcse=mcse)
    with pytest.raises(AssertionError):  # negative control: failures that take no time
        assert_within_mcse(
            found.randomized[:, -1].mean(),
            enrollment.times(n, n_patients, rng=stream(SEED, kind))[:, -1].mean(),
            mcse=found.randomized[:, -1].std() / math.sqrt(n),
        )


def test_candidates_screened_are_as_many_as_the_rate_makes_them_expected():
    """The number of a Poisson process less its compensator has mean 0 at a stopping time."""
    screening = Screening(activity=ACTIVITY, tests=4, every=0.25)
    found = screening.enroll(REGIONS, 4000, 30, rng=stream(SEED, 1), tests=stream(SEED, 2))
    expected = REGIONS.expected(found.randomized[:, -1])
    gap = np.isfinite(found.first_tests).sum(axis=1) - expected
    assert_within_mcse(gap.mean(), 0.0, mcse=gap.std() / math.sqrt(gap.size))


@pytest.mark.parametrize("correlation", [0.0, 0.5, 1.0])
def test_the_share_let_in_is_that_of_candidates(correlation):
    screening = Screening(activity=replace(ACTIVITY, correlation=correlation), tests=3, every=0.1)
    found = screening.enroll(AT_ONCE, 400, 100, rng=stream(SEED, 1), tests=stream(SEED, 2))
    p, candidates = screening.share_let_in, np.isfinite(found.first_tests).sum()
    error = math.sqrt(p * (1 - p)) * math.sqrt(1 / candidates + (correlation == 0.5) / 66_666)
    assert_within_mcse(found.randomized.size / candidates, p, mcse=error)
    assert Screening(activity=ACTIVITY).share_let_in == pytest.approx(let_in())


def test_the_share_let_in_of_certain_scores():
    sure = Screening(
        activity=Activity(sledai_mean=8.4, sledai_sd=0), eligible=(Minimums(sledai=8),)
    )
    assert sure.share_let_in == 1.0
    assert replace(sure, eligible=(Minimums(sledai=9),)).share_let_in == 0.0
    assert replace(sure, eligible=(Minimums(sledai=-1),)).share_let_in == 1.0
    assert replace(sure, eligible=(Minimums(bilag_a=1),)).share_let_in == 0.0


def test_rare_patients_are_found_however_many_candidates_it_takes():
    """One test of about 85 finds a patient, all replicates of a block need more candidates."""
    activity = Activity(sledai_mean=1.0, sledai_sd=3.0)
    found = screened(4000, activity=activity, enrollment=KINDS["sites"][0])
    assert_failures(found, 1 - NormalDist(1.0, 3.0).cdf(7.5))
    assert np.isfinite(found.randomized).all()


def test_all_candidates_at_once_wait_for_their_next_tests():
    """Where 1e6 a year come, the trial is full at the first tests; randomized in their order."""
    found = screened(200, tests=4, every=0.25, enrollment=replace(AT_ONCE, per_site_per_year=1e6))
    assert (found.waited == 0).all()
    assert (np.diff(found.randomized, axis=1) >= 0).all()


def test_a_period_is_the_time_in_which_as_many_as_planned_are_expected_to_be_eligible():
    screening = Screening(activity=ACTIVITY)
    period = UniformEnrollment(duration=2.0)
    process = period.process(100, share=screening.share_let_in)
    found = screening.enroll(process, 2000, 100, rng=stream(SEED, 1), tests=stream(SEED, 2))
    last = found.randomized[:, -1]
    # the share let in, of 200,000, has an error of its own
    error = 2.0 * math.sqrt((1 - let_in()) / let_in() / 200_000)
    assert_within_mcse(last.mean(), 2.0, mcse=math.hypot(last.std() / math.sqrt(2000), error))


def test_who_is_screened_and_who_waits_enters_the_totals_of_a_trial():
    screening = Screening(activity=ACTIVITY, tests=4, every=0.25)
    waiting = trial(screening, n_patients=50, enrollment=KINDS["sites"][0])
    block = Block(seed=SEED, number=0, n_replicates=200)
    generated = generate(waiting, block)
    found = generated.patients.screened
    assert (generated.enrollment_time == found.randomized).all()
    assert (np.diff(generated.enrollment_time, axis=1) >= 0).all()
    tally = simulate_block(waiting, block)
    screened_by_hand = [
        (dates <= last).sum()
        for dates, last in zip(found.first_tests, generated.enrollment_time[:, -1], strict=True)
    ]
    assert tally.mean("screened").value == np.mean(screened_by_hand)
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
