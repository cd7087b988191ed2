"""Sums over replicates."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.report.numbers import rounded, share
from lupusim.simulation.tally import Tally, counts_together
from tolerance import SEED


def test_a_mean_is_the_mean_and_its_error_that_of_the_mean():
    values = stream(SEED, "tally").exponential(size=500)
    mean = Tally.of({"x": values}).mean("x")
    assert mean.value == pytest.approx(values.mean(), rel=1e-13)
    assert mean.mcse == pytest.approx(values.std() / math.sqrt(500), rel=1e-10)


def test_a_share_has_the_binomial_error():
    mean = Tally.of({"reject": np.arange(100) < 80}).mean("reject")
    assert mean.value == 0.8
    assert mean.mcse == pytest.approx(math.sqrt(0.8 * 0.2 / 100))


def test_parts_add_up_to_the_whole():
    values = stream(SEED, "tally").integers(0, 9, size=300)
    total = Tally()
    for part in np.split(values, [10, 10, 150]):
        total.add(Tally.of({"x": part}))
    assert total == Tally.of({"x": values})


def added(tallies):
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


def test_counts_of_several_blocks_in_the_first_add_up_to_the_same_in_less_room():
    rng = stream(SEED, "blocks")
    names = ("duration", "estimate", "n_enrolled")
    drawn = [
        dict(zip(names, 3 + 0.1 * rng.standard_normal((3, 700)), strict=True)) for _ in range(9)
    ]
    blocks = [Tally.of({**one, "n_enrolled": np.full(700, 90.0)}) for one in drawn]
    blocks.append(Tally.of({"reject": [1.0, 0.0]}))
    together = counts_together(blocks)
    assert added(together) == added(blocks)
    assert added(together).quantile("duration", 0.1) == added(blocks).quantile("duration", 0.1)
    assert blocks[0] == Tally.of({**drawn[0], "n_enrolled": np.full(700, 90.0)})
    assert [one.sums for one in together] == [one.sums for one in blocks]
    assert not any(one.counts for one in together[1:])
    assert len(pickle.dumps(together)) < len(pickle.dumps(blocks)) / 2
    assert counts_together(blocks[-1:]) == (blocks[-1],)


def test_replicates_without_a_value_do_not_count():
    tally = Tally.of({"x": [1.0, math.nan, 3.0]})
    assert tally.sums["x"] == (2, 4.0, 10.0)
    nothing = Tally.of({"x": [math.nan]}).mean("x")
    assert math.isnan(nothing.value)
    assert math.isnan(nothing.mcse)
    tally.add(Tally.of({"y": [1.0]}))
    assert tally.mean("x").value == 2.0
    assert tally.mean("y").value == 1.0


def test_the_error_of_one_replicate_is_not_known_and_said_so():
    one = Tally.of({"estimate": [math.nan, 0.24, math.nan], "duration": [math.nan, 2.0, math.nan]})
    for mean in (one.mean("estimate"), one.quantile("duration", 0.5)):
        assert math.isinf(mean.mcse)
        assert rounded(mean).endswith(" (of one)")
    two = Tally.of({"estimate": [0.24, 0.26], "reject": [1.0, 1.0]})
    assert two.mean("estimate").mcse > 0
    assert share(Tally.of({"reject": [1.0]}).mean("reject")) == "1 (above 0.2)"


def test_rounding_never_makes_an_error_imaginary():
    assert Tally.of({"x": np.full(7, 0.1)}).mean("x").mcse == pytest.approx(0, abs=1e-8)
