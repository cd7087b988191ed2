"""Rounds of a search for a size: where they look, how often, and when they stop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from lupusim.common.rng import stream
from lupusim.planning.sample_size.options import Search
from lupusim.planning.sample_size.probit_line import Batch, needed_counts
from lupusim.planning.sample_size.rounds import Rounds
from tolerance import SEED

TRUTH = 600


def _rounds(precision: float, step: int = 1, *, has_teeth: bool = False) -> Rounds:
    return Rounds(
        search=Search(seed=SEED, precision=precision),
        power=0.8,
        level=0.025,
        smallest=4,
        step=step,
        is_controlled=False,
        has_teeth=has_teeth,
    )


def _power(size: float, bend: float = 1.0) -> float:
    """Return a power that is 0.8 at the truth; `bend` is its slope beside that of a z test."""
    z = norm.ppf(0.8)
    return float(norm.cdf(z + bend * (z + norm.ppf(0.975)) * (math.sqrt(size / TRUTH) - 1)))


def _searched(rng: np.random.Generator, precision: float, bend: float = 1.0) -> tuple[int, bool]:
    """Return the replicates that rounds spend from 5 % off, and whether the truth is held."""

    def batch(size: float, n: int) -> Batch:
        count = int(rng.binomial(n, _power(round(size), bend)))
        return Batch(size=round(size), n_replicates=n, n_rejected=count)

    rounds, near = _rounds(precision), 0.95 * TRUTH
    batches = [batch(near, 500)]
    while True:
        line, near = rounds.line(batches, near)
        spent = sum(one.n_replicates for one in batches)
        n = rounds.wanted(batches, line, near, 400_000 - spent)
        if n < 4:
            low, high = line.interval(norm.ppf(0.8))
            return spent, low <= TRUTH <= high
        batches += [batch(size, n // 4) for size in rounds.sizes(near)]


@pytest.mark.parametrize(("power", "alpha"), [(0.8, 0.025), (0.9, 0.025), (0.6, 0.1)])
def test_the_replicates_that_a_precision_needs_follow_from_the_error_of_a_count(power, alpha):
    precision = 0.02
    error = math.sqrt(power * (1 - power) / needed_counts(power, alpha, precision))
    low, high = (  # sizes, relative to the answer, by a normal test whose z is off by the error
        (
            (norm.ppf(power + sign * 1e-4 * error) - norm.ppf(alpha))
            / (norm.ppf(power) - norm.ppf(alpha))
        )
        ** 2
        for sign in (-1, 1)
    )
    assert 1.959964 * (high - low) / 2 * 1e4 == pytest.approx(precision, rel=1e-3)


def test_sizes_lie_in_pairs_about_the_estimate_as_far_as_the_precision_asks():
    for precision, spread in ((0.005, 0.1), (0.03, 0.15), (0.1, 0.2)):
        rounds = _rounds(precision)
        sizes = np.array([rounds.sizes(100.0) for _ in range(3)])
        assert np.allclose(sizes.reshape(-1, 2).mean(axis=1), 100.0)
        assert 0.7 * spread < np.abs(sizes / 100 - 1).max() < spread
        assert len(np.unique(sizes)) == 12
    coarse = _rounds(0.005, step=6).sizes(100.0)  # half a step is 3 %
    assert np.allclose(coarse[:2], [92.5, 107.5])


def test_rounds_stop_once_the_interval_is_narrow_and_at_most_double_what_was_seen():
    rounds = _rounds(0.02)
    few = [Batch(size=s, n_replicates=500, n_rejected=round(500 * _power(s))) for s in (570,)]
    line, near = rounds.line(few, 570.0)
    likely = needed_counts(0.8, 0.025, 0.02)
    assert rounds.wanted(few, line, near, 400_000) == 2_000 < 0.6 * likely
    assert rounds.wanted(few, line, near, 900) == 900
    seen = [
        Batch(size=s, n_replicates=1_000, n_rejected=round(1_000 * _power(s)))
        for s in (560, 580, 600, 620, 640)
    ]
    line, near = rounds.line(seen, 600.0)
    assert near == pytest.approx(TRUTH, rel=0.01)
    wanted = rounds.wanted(seen, line, near, 400_000)
    assert 0.8 * (likely - 5_000) < wanted <= 5_000
    assert rounds.wanted(seen, line, near, 400) == 0
    enough = [Batch(size=b.size, n_replicates=4_000, n_rejected=4 * b.n_rejected) for b in seen]
    assert rounds.wanted(enough, *rounds.line(enough, 600.0), 400_000) == 0


@pytest.mark.parametrize("bend", [0.75, 1.0, 1.3])
def test_a_search_spends_little_more_than_a_known_slope_would_and_its_interval_holds(bend):
    rng = stream(SEED, "rounds", str(bend))
    spent, held = np.array([_searched(rng, 0.03, bend) for _ in range(40)]).T
    assert spent.mean() < 1.6 * needed_counts(0.8, 0.025, 0.03) / min(bend, 1.0) ** 2
    assert held.mean() >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / 40)


def test_sizes_of_a_pair_are_odd_and_even_where_counts_go_up_and_down() -> None:
    sizes, largest = [100, 110, 97, 112, 95, 120], 120
    moved = _rounds(0.02, has_teeth=True).odd_and_even(sizes, largest)
    assert moved == [100, 111, 97, 112, 95, 120]
    assert _rounds(0.02, has_teeth=True).odd_and_even([118, 120], largest) == [118, 120]
    assert _rounds(0.02, step=2, has_teeth=True).odd_and_even(sizes, largest) == sizes
    assert _rounds(0.02).odd_and_even(sizes, largest) == sizes
