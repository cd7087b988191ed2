from __future__ import annotations

import math

import numpy as np
import pytest

from lupusim.calibration.estimation.climbing import curvature
from lupusim.calibration.estimation.likelihood import Likelihood, deviance_residuals
from lupusim.calibration.targets.counts import EverAfterCount, EverCount, OccupancyCounts
from lupusim.calibration.targets.times import EventRate, MedianTime, SurvivalCurve
from lupusim.errors import EvidenceError
from lupusim.model.hazards import ExponentialHazard
from studies_for_tests import chain_model, free_rates, study

SLOW, FAST = 0.1, 0.4
MODEL = chain_model(ExponentialHazard(rate=SLOW), ExponentialHazard(rate=FAST))
FREE = free_rates(MODEL)
TRUTH = np.log([SLOW, FAST])


def alive(time: float) -> float:
    """Survival of two steps in a row, by hand."""
    return (FAST * math.exp(-SLOW * time) - SLOW * math.exp(-FAST * time)) / (FAST - SLOW)


def expected(measure: object) -> list[float]:
    likelihood = Likelihood(FREE, [study(measure)])  # type: ignore[arg-type]
    return likelihood.expected(TRUTH)[0].tolist()


def test_squared_residuals_sum_to_the_multinomial_deviance() -> None:
    n, mu = np.array([31.0, 6, 22, 22]), np.array([30.0, 10, 20, 21])
    by_hand = 2 * sum(a * math.log(a / b) for a, b in zip(n, mu, strict=True))
    assert (deviance_residuals(n, mu) ** 2).sum() == pytest.approx(by_hand, abs=1e-10)


def test_residuals_keep_their_digits_where_observed_and_expected_meet() -> None:
    gap = np.array([-1e-9, 1e-9, 0.0])
    residuals = deviance_residuals(np.full(3, 25.0), 25.0 * (1 + gap))
    np.testing.assert_allclose(residuals, 5.0 * gap, rtol=1e-6, atol=0)


def test_a_count_of_zero_has_a_finite_residual() -> None:
    assert deviance_residuals(np.zeros(1), np.array([2.0]))[0] == pytest.approx(2.0)


def test_occupancy_expects_each_group_and_the_rest() -> None:
    measure = OccupancyCounts(time=3.0, counts={("well",): 90, ("ill",): 60}, n=200)
    well = math.exp(-SLOW * 3)
    by_hand = [200 * well, 200 * (alive(3) - well), 200 * (1 - alive(3))]
    assert expected(measure) == pytest.approx(by_hand, abs=1e-9)
    assert measure.observed.tolist() == [90, 60, 50]


def test_occupancy_of_survivors_is_conditional_on_survival() -> None:
    measure = OccupancyCounts(time=3.0, counts={("well",): 90}, n=150, outside=("death",))
    share = math.exp(-SLOW * 3) / alive(3)
    assert expected(measure) == pytest.approx([150 * share, 150 * (1 - share)], abs=1e-9)


def test_ever_counts_entries_and_may_be_conditional_on_the_present() -> None:
    ever, now = 1 - math.exp(-SLOW * 3), alive(3) - math.exp(-SLOW * 3)
    plain = EverCount(time=3.0, states=("ill",), count=50, n=200)
    assert expected(plain) == pytest.approx([200 * ever, 200 * (1 - ever)], abs=1e-9)
    given = EverCount(time=3.0, states=("ill",), count=50, n=200, now=(35, 35))
    share = (ever - now) / (1 - now)
    assert expected(given) == pytest.approx([165 * share, 165 * (1 - share)], abs=1e-9)
    assert given.observed.tolist() == [15, 150]


def test_ever_after_is_a_share_of_those_with_the_first() -> None:
    measure = EverAfterCount(time=3.0, first=("ill",), then=("death",), count=10, n=50)
    share = (1 - alive(3)) / (1 - math.exp(-SLOW * 3))
    assert expected(measure) == pytest.approx([50 * share, 50 * (1 - share)], abs=1e-9)


def test_survival_at_several_times_is_conditional_interval_by_interval() -> None:
    measure = SurvivalCurve(
        states=("death",), times=(1.0, 4.0), survival=(0.9, 0.6), at_risk=(100.0, 80.0)
    )
    first, second = 1 - alive(1), 1 - alive(4) / alive(1)
    by_hand = [100 * first, 100 * (1 - first), 80 * second, 80 * (1 - second)]
    assert expected(measure) == pytest.approx(by_hand, abs=1e-9)
    assert measure.observed == pytest.approx([10, 90, 80 / 3, 160 / 3])


def test_a_constant_hazard_is_the_rate_it_predicts() -> None:
    measure = EventRate(origin=("ill",), to=("death",), events=30, person_years=100, until=7.0)
    assert expected(measure) == pytest.approx([100 * FAST], abs=1e-9)


def test_a_median_asks_for_half() -> None:
    measure = MedianTime(states=("ill",), median=2.0, n=40)
    ever = 1 - math.exp(-SLOW * 2)
    assert expected(measure) == pytest.approx([40 * ever, 40 * (1 - ever)], abs=1e-9)
    assert measure.observed.tolist() == [20, 20]


def test_the_poisson_kernel_is_reached_by_the_observed_rate() -> None:
    measure = EventRate(origin=("ill",), to=("death",), events=30, person_years=100, until=7.0)
    likelihood = Likelihood(FREE, [study(measure)])
    at_rate = likelihood.negative_log_likelihood(np.log([SLOW, 0.3]))[0]
    assert at_rate == pytest.approx(30 - 30 * math.log(30), abs=1e-8)


def test_a_soft_target_weighs_less() -> None:
    from dataclasses import replace

    measure = OccupancyCounts(time=3.0, counts={("well",): 90}, n=200)
    whole = study(measure)
    soft = replace(whole, targets=(replace(whole.targets[0], soft=0.25),))
    heights = [
        float(likelihood.negative_log_likelihood(TRUTH)[0] - likelihood.saturated_alone)
        for likelihood in (Likelihood(FREE, [whole]), Likelihood(FREE, [soft]))
    ]
    assert heights[1] == pytest.approx(0.25 * heights[0])


def test_a_target_on_a_state_the_model_lacks_is_named_with_the_nearest() -> None:
    measure = OccupancyCounts(time=3.0, counts={("wel",): 90}, n=200)
    with pytest.raises(EvidenceError, match=r"no state 'wel'.*Did you mean 'well'"):
        Likelihood(FREE, [study(measure)])


def test_a_posterior_is_zero_beyond_the_bounds() -> None:
    measure = OccupancyCounts(time=3.0, counts={("well",): 90}, n=200)
    density = Likelihood(FREE, [study(measure)]).log_posterior(np.array([TRUTH, TRUTH + 20]))
    assert np.isfinite(density[0])
    assert density[1] == -np.inf


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: OccupancyCounts(time=1, counts={("a",): 90}, n=81), "more than n = 81"),
        (lambda: OccupancyCounts(time=1, counts={("a",): 50, ("b",): 40}, n=81), "sum to 90"),
        (lambda: OccupancyCounts(time=1, counts={("a",): 1, ("a", "b"): 1}, n=9), "two groups"),
        (lambda: OccupancyCounts(time=-1, counts={("a",): 1}, n=9), "not a study time"),
        (lambda: OccupancyCounts(time=1, counts={("a",): 1}, n=0), "Give the denominator"),
        (lambda: EverAfterCount(time=1, first=("a",), then=("a",), count=1, n=2), "both sets"),
        (lambda: EverCount(time=1, states=("a",), count=5, n=9, now=(6, 6)), "more than"),
        (lambda: EverCount(time=1, states=("a",), count=5, n=9, among=("b",)), "must hold all"),
        (
            lambda: SurvivalCurve(states=("a",), times=(1, 2), survival=(0.5, 0.6), at_risk=(9, 9)),
            "rises",
        ),
        (
            lambda: EventRate(origin=("a",), to=("b",), events=-1, person_years=1, until=1),
            "not a count",
        ),
        (lambda: MedianTime(states=("a",), median=2, n=9, by=1), "later than the median"),
    ],
)
def test_impossible_numbers_are_refused_with_their_value(make: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()  # type: ignore[operator]


def test_one_patient_counted_as_nobody_can_be_is_no_rounding() -> None:
    back = EverAfterCount(time=5.0, first=("death",), then=("ill",), count=1, n=3)
    with pytest.raises(EvidenceError, match="no patient of the model 'chain' can be counted so"):
        Likelihood(FREE, [study(back)])
    nobody = EverAfterCount(time=5.0, first=("death",), then=("ill",), count=0, n=3)
    assert Likelihood(FREE, [study(nobody)]).expected(TRUTH)[0, 0] < 1e-9


def test_second_derivatives_are_those_of_a_cubic() -> None:
    bend = np.array([[2.0, 0.5, -1.0], [0.5, 3.0, 0.2], [-1.0, 0.2, 1.0]])

    def height(points: np.ndarray) -> np.ndarray:
        return np.einsum("ni,ij,nj->n", points, bend, points) / 2 + points[:, 0] ** 3

    point = np.array([0.3, -1.0, 2.0])
    expected = bend + np.diag([6 * 0.3, 0.0, 0.0])
    np.testing.assert_allclose(curvature(height, point, 1e-3), expected, atol=1e-7)
