"""Exact tails of published counts against sums over all tables."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import beta, binom, multinomial, poisson

from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.estimation.profiles import profile_all
from lupusim.calibration.estimation.search import climb
from lupusim.calibration.estimation.tails import Tails, tails
from lupusim.calibration.targets.counts import OccupancyCounts
from lupusim.calibration.targets.times import EventRate
from lupusim.model.hazards import ExponentialHazard
from studies_for_tests import chain_model, free_rates, study

SHARES, VALUES, SIZE = np.array([0.5, 0.3, 0.2]), np.array([0.1, 1.3, -0.7]), 6
MEAN, EVENT = 1.4, 0.9
LOW, HIGH = (-7.0, -2.6), (-2.4, 0.5)


def test_tails_of_a_sum_equal_a_sum_over_all_tables() -> None:
    low = high = 0.0
    for table in product(range(SIZE + 1), repeat=3):
        if sum(table) == SIZE:
            for events in range(40):
                here = multinomial.pmf(table, SIZE, SHARES) * poisson.pmf(events, MEAN)
                total = float(np.dot(table, VALUES)) + EVENT * events
                low += here * (total <= 3.5)
                high += here * (total >= 3.5)
    scores = [(float(SIZE), SHARES, VALUES), (0.0, np.array([MEAN]), np.array([EVENT]))]
    assert tails(scores, 3.5) == pytest.approx((low, high), abs=2e-4)


def test_what_does_not_vary_has_no_tail() -> None:
    assert tails([(5.0, np.ones(1), np.ones(1))], 5.0) == (1.0, 1.0)


@pytest.mark.parametrize("dead", [1, 3])
def test_limits_of_few_deaths_are_those_of_clopper_and_pearson(dead: int) -> None:
    n = 26
    free = free_rates(chain_model(ExponentialHazard(rate=0.1), states=("alive", "death")))
    seen = OccupancyCounts(time=1.0, counts={("death",): dead}, n=n)
    counts = Likelihood(free, [study(seen, n_patients=n)])
    best, _ = climb(counts, np.log([dead / n]))
    (profile,) = profile_all(counts, best, standard_errors=np.array([dead**-0.5]))
    limits = -np.expm1([-profile.exact_lower, -profile.exact_upper])
    right = beta.ppf(0.025, dead, n - dead + 1), beta.ppf(0.975, dead + 1, n - dead)
    np.testing.assert_allclose(limits, right, rtol=0.01)
    assert profile.exact_lower < profile.lower < profile.upper < profile.exact_upper


def test_limits_beside_another_study_sum_over_both_their_counts() -> None:
    """1 of 26 dead by 1 year, and 2 deaths in 12 years of others: ordered by the score."""
    n, years = 26, 12.0
    free = free_rates(chain_model(ExponentialHazard(rate=0.1), states=("alive", "death")))
    seen = OccupancyCounts(time=1.0, counts={("death",): 1}, n=n)
    rate = EventRate(origin=("alive",), to=("death",), events=2, person_years=years, until=1.0)
    counts = Likelihood(free, [study(seen, n_patients=n), study(rate)])
    best, _ = climb(counts, np.log([0.08]))
    (profile,) = profile_all(counts, best, standard_errors=np.array([3**-0.5]))

    def tail(log_hazard: float, is_upper: bool) -> float:
        hazard = np.exp(log_hazard)
        dead = -np.expm1(-hazard)
        weight = hazard / dead  # of a death among the 26 over one in person-time
        first, second = np.arange(n + 1)[:, None], np.arange(60)[None]
        scores, own = weight * first + second, weight + 2
        chances = binom.pmf(first, n, dead) * poisson.pmf(second, hazard * years)
        beyond = scores <= own + 1e-9 if is_upper else scores >= own - 1e-9
        return float(chances[beyond].sum()) - 0.025

    right = [np.exp(brentq(tail, *span, args=(up,))) for span, up in ((LOW, False), (HIGH, True))]
    np.testing.assert_allclose([profile.exact_lower, profile.exact_upper], right, rtol=0.01)


def test_many_events_need_no_exact_limits() -> None:
    free = free_rates(chain_model(ExponentialHazard(rate=0.1), states=("alive", "death")))
    seen = OccupancyCounts(time=1.0, counts={("death",): 60}, n=200)
    counts = Likelihood(free, [study(seen, n_patients=200)])
    assert not Tails(counts, np.array([60**-0.5])).few.any()


def test_why_exact_limits_are_missing_is_said() -> None:
    free = free_rates(chain_model(ExponentialHazard(rate=0.1), states=("alive", "death")))
    seen = OccupancyCounts(time=1.0, counts={("death",): 3}, n=26)
    errors = np.array([3**-0.5])
    whole = study(seen, n_patients=26)
    assert Tails(Likelihood(free, [whole]), errors).without(np.array([True])) == ""
    (target,) = whole.targets
    half = replace(whole, targets=(replace(target, soft=0.5),))
    lacking = Tails(Likelihood(free, [half]), errors)
    said = lacking.without(np.array([True]))
    assert "some targets are not at full weight" in said
    assert f"Few events decide on {free.names[0]}," in said
    assert lacking.without(np.array([False])) == ""
    many = Tails(Likelihood(free, [half]), np.array([0.1]))
    assert many.without(np.array([True])) == ""
