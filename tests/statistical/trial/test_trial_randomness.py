"""Enrollment and allocation have the laws that they claim."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from lupusim.common.rng import stream
from lupusim.trial import (
    PermutedBlocks,
    PiecewiseEnrollment,
    PoissonEnrollment,
    Population,
    SimpleRandomization,
    UniformEnrollment,
)
from lupusim.trial.allocation import blocks as allocation_module
from tolerance import SEED, assert_within_mcse

N = 4000
FAR = 400  # so many patients that none of the counts below is cut short


def expected_by(enrollment, time):
    """Expected number of patients randomized by a calendar time, from the definition."""
    if isinstance(enrollment, PoissonEnrollment):
        full = enrollment.sites * enrollment.per_site_per_year
        ramp = enrollment.ramp_up
        return full * (time**2 / (2 * ramp) if time < ramp else time - ramp / 2)
    edges = [0.0, *enrollment.breaks, math.inf]
    return sum(
        rate * max(0.0, min(end, time) - begin)
        for begin, end, rate in zip(edges, edges[1:], enrollment.rates_per_year, strict=False)
    )


POISSON = [
    PoissonEnrollment(sites=9, per_site_per_year=4.0, ramp_up=1.0),
    PoissonEnrollment(sites=3, per_site_per_year=10.0, ramp_up=1e-9),
    PiecewiseEnrollment(breaks=(0.5, 1.0), rates_per_year=(20.0, 0.0, 60.0)),
]


@pytest.mark.parametrize("enrollment", POISSON, ids=repr)
@pytest.mark.parametrize("time", [0.3, 0.9, 2.0])
def test_patients_by_a_time_are_poisson_with_the_integrated_rate(enrollment, time):
    times = enrollment.times(N, FAR, rng=stream(SEED, "enrollment"))
    counts = (times <= time).sum(axis=1)
    expected = expected_by(enrollment, time)
    assert_within_mcse(counts.mean(), expected, mcse=math.sqrt(expected / N))
    spread = math.sqrt((expected + 2 * expected**2) / N)  # of the variance of a Poisson number
    assert_within_mcse(counts.var(), expected, mcse=spread)


def test_a_ramp_up_that_is_10_percent_longer_is_noticed():  # negative control
    times = PoissonEnrollment(sites=9, per_site_per_year=4.0, ramp_up=1.1).times(
        N, FAR, rng=stream(SEED, "enrollment")
    )
    expected = expected_by(POISSON[0], 0.9)
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(
            (times <= 0.9).sum(axis=1).mean(), expected, mcse=math.sqrt(expected / N)
        )


def test_uniform_enrollment_is_uniform():
    times = UniformEnrollment(duration=2.0).times(N, 5, rng=stream(SEED, "enrollment"))
    ranks = np.arange(1, 6)
    spread = 2.0 * np.sqrt(ranks * (6 - ranks) / (36 * 7) / N)
    assert_within_mcse(times.mean(axis=0), 2.0 * ranks / 6, mcse=spread)


@pytest.mark.parametrize("limit", [1000, 0], ids=["table", "shuffle"])
def test_every_order_of_a_block_is_as_likely_by_table_as_by_shuffling(monkeypatch, limit):
    monkeypatch.setattr(allocation_module, "_TABLE_LIMIT", limit)
    stratum = np.zeros((N, 12), dtype=np.intp)
    arm = PermutedBlocks(block_size=6).assign((1, 2), stratum, rng=stream(SEED, "allocation"))
    blocks = arm.reshape(-1, 6)
    orders, counts = np.unique(blocks, axis=0, return_counts=True)
    assert len(orders) == math.comb(6, 2)
    share = 1 / 15
    assert_within_mcse(
        counts / len(blocks), share, mcse=math.sqrt(share * (1 - share) / len(blocks))
    )
    # the two blocks of a replicate are independent
    first, second = blocks[::2] @ (2 ** np.arange(6)), blocks[1::2] @ (2 ** np.arange(6))
    table = stats.contingency.crosstab(first, second).count
    assert stats.chi2_contingency(table).pvalue > 6e-5


def test_simple_randomization_is_binomial():
    arm = SimpleRandomization().assign(
        (1, 2), np.zeros((N, 30), dtype=np.intp), rng=stream(SEED, "allocation")
    )
    counts = arm.sum(axis=1)
    assert_within_mcse(counts.mean(), 20, mcse=math.sqrt(30 * 2 / 9 / N))
    assert counts.var() > 4  # blocks would give less


def test_levels_have_their_shares_and_are_independent():
    population = Population(
        factors={"a": {"x": 0.2, "y": 0.5, "z": 0.3}, "b": {"u": 0.4, "v": 0.6}}
    )
    drawn = population.draw_levels((200, 100), rng=stream(SEED, "population"))
    n = 200 * 100
    for level, share in enumerate((0.2, 0.5, 0.3)):
        for other, other_share in enumerate((0.4, 0.6)):
            joint = np.mean((drawn["a"] == level) & (drawn["b"] == other))
            expected = share * other_share
            assert_within_mcse(joint, expected, mcse=math.sqrt(expected * (1 - expected) / n))
