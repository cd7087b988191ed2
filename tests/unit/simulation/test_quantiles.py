"""Quantiles between trials: exact for whole numbers, fine bins for the rest."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.simulation.quantiles import counted, quantile
from lupusim.simulation.tally import Mean, Tally, limits_of_share
from tolerance import SEED, assert_within_mcse

PROBABILITIES = (0.1, 0.5, 0.9)


@pytest.mark.parametrize("p", PROBABILITIES)
def test_a_quantile_of_whole_numbers_is_that_of_the_sorted_values(p: float) -> None:
    values = stream(SEED, "spread").poisson(50, 999)
    found = Tally.of({"n_enrolled": values}).quantile("n_enrolled", p)
    assert found.value == np.quantile(values, p, method="inverted_cdf")


@pytest.mark.parametrize("p", PROBABILITIES)
def test_a_quantile_of_durations_is_known_to_some_days(p: float) -> None:
    values = stream(SEED, "spread").gamma(20.0, 0.25, 2_000)
    found = Tally.of({"duration": values}).quantile("duration", p)
    assert found.value == pytest.approx(np.quantile(values, p), rel=2e-3)


@pytest.mark.parametrize("p", PROBABILITIES)
def test_the_error_of_a_quantile_is_that_of_repeated_runs(p: float) -> None:
    n, runs = 1_000, 300
    values = stream(SEED, "spread, runs").standard_exponential((runs, n)) + 1
    found = [Tally.of({"duration": one}).quantile("duration", p) for one in values]
    truth, density = 1 - math.log(1 - p), 1 - p  # of an exponential distribution, from 1
    asymptotic = math.sqrt(p * (1 - p) / n) / density  # David and Nagaraja (2003), section 10.2
    errors = np.array([one.mcse for one in found])
    assert errors.mean() == pytest.approx(asymptotic, rel=0.05)
    mean = np.mean([one.value for one in found])
    assert_within_mcse(mean, truth, mcse=asymptotic / math.sqrt(runs))
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(mean, truth * 1.05, mcse=asymptotic / math.sqrt(runs))


def test_counts_of_blocks_add_up_in_any_order() -> None:
    values = stream(SEED, "spread").gamma(20.0, 0.25, 300)
    parts = [Tally.of({"cost": part}) for part in np.split(values, [10, 100])]
    forward, backward = Tally(), Tally()
    for part in parts:
        forward.add(part)
    for part in reversed(parts):
        backward.add(part)
    assert forward.counts == backward.counts == Tally.of({"cost": values}).counts
    copy = forward.copy()
    copy.add(parts[0])
    assert forward.counts == backward.counts != copy.counts


def test_what_costs_nothing_and_what_has_no_value_have_quantiles_too() -> None:
    free = Tally.of({"cost": np.zeros(10)}).quantile("cost", 0.5)
    assert free.value == pytest.approx(0.0, abs=1e-9)
    none = Tally.of({"duration": np.array([np.nan])}).quantile("duration", 0.5)
    assert math.isnan(none.value)
    assert "reject" not in Tally.of({"reject": np.ones(3)}).counts


# Wilson's limits: R 4.2.2, prop.test(x, n, correct = FALSE)$conf.int
@pytest.mark.parametrize(
    ("x", "n", "lower", "upper"),
    [(0, 1000, 0.0, 0.0038267585), (25, 1000, 0.016990131, 0.036645289), (10, 10, 0.7224672, 1.0)],
)
def test_limits_of_a_share_are_those_of_wilson(x: int, n: int, lower: float, upper: float) -> None:
    mean = Tally.of({"reject": np.arange(n) < x}).mean("reject")
    assert limits_of_share(mean) == pytest.approx((lower, upper), abs=1e-7)


def test_an_exact_share_has_no_width_and_an_unknown_one_no_limits() -> None:
    assert limits_of_share(Mean(value=0.025, mcse=0.0)) == (0.025, 0.025)
    assert all(map(math.isnan, limits_of_share(Mean(value=math.nan, mcse=math.nan))))


@pytest.mark.parametrize("width", [10.0, 1e9])
def test_values_are_counted_alike_near_together_and_far_apart(width: float) -> None:
    values = np.floor(stream(SEED, "spread").random(500) * width)
    found, n = np.unique(values.astype(int), return_counts=True)
    counts = counted("n_enrolled", values)
    assert counts is not None
    assert counts.piles == dict(zip(found.tolist(), n.tolist(), strict=True))


@pytest.mark.parametrize("share", [0.02, 0.2, 0.7])
@pytest.mark.parametrize("p", PROBABILITIES)
def test_where_values_pile_up_a_quantile_is_that_of_the_sorted_values(
    share: float, p: float
) -> None:
    rng = stream(SEED, "spread, piles")
    free = 2.97 + 0.03 * rng.random(8_000)  # all in two bins with the pile at 3, or below it
    values = np.where(rng.random(8_000) < share, 3.0, free + 0.01 * (rng.random(8_000) < 0.3))
    tally = Tally()
    for block in np.split(values, 20):
        tally.add(Tally.of({"duration": block}))
    found = tally.quantile("duration", p)
    right = float(np.quantile(values, p, method="inverted_cdf"))
    assert found.value == pytest.approx(right, abs=2e-3)
    if share > 0.1:  # a smaller pile may be missed by the part of its bin that is interpolated
        assert (found.value == 3.0) == (right == 3.0)


def test_no_quantile_lies_beyond_the_last_value_or_where_no_replicate_was() -> None:
    rng = stream(SEED, "spread, date")
    values = np.minimum(rng.gamma(20.0, 0.15, 4_000), 3.0)  # a trial that ends on a date
    tally = Tally()
    for block in np.split(values, 10):
        tally.add(Tally.of({"duration": block, "cost": 1e4 * np.round(block)}))
    assert tally.quantile("duration", 0.9) == Mean(value=3.0, mcse=0.0)
    assert {tally.quantile("cost", p).value for p in PROBABILITIES} <= {1e4, 2e4, 3e4}
    assert (values == 3.0).mean() > 0.1


def test_quantiles_of_estimates_on_both_sides_of_zero_are_those_of_numpy() -> None:
    values = stream(SEED, "estimates").normal(-0.1, 0.4, 2_001)
    for name in ("estimate", "look_2_estimate", "look_1_estimate_stops", "b: look_1_estimate_a"):
        found = counted(name, values)
        assert found is not None
        for probability in (0.1, 0.5, 0.9):
            expected = np.quantile(values, probability, method="inverted_cdf")
            assert quantile(found, probability)[0] == pytest.approx(expected, rel=1 / 256)
    assert counted("look_2_efficacy", values) is None
