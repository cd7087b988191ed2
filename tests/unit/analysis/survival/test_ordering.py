"""The order of short keys is that of the long ones, whatever the times."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.analysis.survival.ordering import Room, ordered, orders, places
from lupusim.analysis.survival.sorting import (
    ARM,
    CENSORED,
    joined_flags,
    keys_of,
    survival_columns,
)
from lupusim.common.rng import stream
from tolerance import SEED

SHAPE = (40, 60)


def times(kind):
    """Return times of a kind."""
    rng = stream(SEED, "ordering", kind)
    drawn = rng.exponential(1.0, SHAPE)
    apart = 1.0 + rng.permuted(np.tile(np.arange(SHAPE[1]), (SHAPE[0], 1)), axis=1) * 2.0**-48
    return {
        "continuous": drawn,
        "hardly apart": apart,
        "some hardly apart": np.where(rng.random(SHAPE) < 0.1, apart, drawn),
        "visits": np.ceil(drawn * 4),
        "tails": drawn**12,
        "many at 0": np.maximum(drawn - 1.0, 0.0),
        "minus 0": np.where(drawn > 1, drawn, -0.0),
        "all at 0": np.zeros(SHAPE),
        "never": np.where(drawn > 2, np.inf, drawn),
        "as short as can be": drawn * 1e-310,
    }[kind]


KINDS = ("continuous", "hardly apart", "some hardly apart", "visits", "tails", "many at 0")
KINDS += ("minus 0", "all at 0", "never", "as short as can be")


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_patients_leave_in_the_order_of_the_long_keys(kind, share):
    time, rng = times(kind), stream(SEED, "flags", kind)
    flags = joined_flags(rng.random(SHAPE) < share, rng.random(SHAPE) < 0.5)

    def keys(rows):
        return np.sort(keys_of(time[rows], flags[rows]), axis=1)

    found = ordered(time, flags, keys, Room(SHAPE))
    long = keys(np.arange(SHAPE[0]))
    backwards = long[:, ::-1]
    happens = (backwards & CENSORED) == 0
    np.testing.assert_array_equal(found.event, happens)
    np.testing.assert_array_equal(found.keys(np.arange(3)), long[:3])
    # of those who are censored between two events nobody asks who is first
    at_event = [(row, happens[row]) for row in range(SHAPE[0])]
    for row, here in at_event:
        treated, expected = (np.cumsum(one[row]) for one in (found.arm, backwards & ARM))
        np.testing.assert_array_equal(treated[here], expected[here])
    moments = [(key >> 2)[(key & CENSORED) == 0] for key in long]
    tied = [row for row, one in enumerate(moments) if np.unique(one).size < one.size]
    assert found.tied.tolist() == tied


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_places_are_those_of_sorted_long_keys(kind, share):
    rng = stream(SEED, "places", kind)
    event = rng.random(SHAPE) < share
    keys = keys_of(times(kind), joined_flags(event, np.zeros((1, SHAPE[1]), dtype=bool)))
    found = places(keys)
    for row, (key, patient) in enumerate(zip(keys, found.patient, strict=True)):
        assert sorted(patient) == list(range(SHAPE[1]))
        order = np.argsort(-key, kind="stable")
        np.testing.assert_array_equal(found.event[row], event[row, order])
        np.testing.assert_array_equal(found.event[row], event[row, patient])
        moments = key[event[row]]
        assert (row in found.tied) == (np.unique(moments).size < moments.size)
        if row not in found.tied:
            happens = event[row, order]
            np.testing.assert_array_equal(patient[happens], order[happens])


def test_with_very_many_patients_the_long_keys_are_sorted():
    time = stream(SEED, "many").exponential(1.0, (2, 5000))
    flags = joined_flags(time < 1, time > 0.5)
    asked = []

    def keys(rows):
        asked.append(rows.size)
        return np.sort(keys_of(time[rows], flags[rows]), axis=1)

    found = ordered(time, flags, keys, Room((2, 5000)))
    assert asked == [2]
    np.testing.assert_array_equal(found.event, np.sort(time, axis=1)[:, ::-1] < 1)


def test_patients_who_are_left_out_leave_last_backwards_and_count_for_nothing():
    rng = stream(SEED, "left out")
    time, event, arm = rng.exponential(1.0, SHAPE), rng.random(SHAPE) < 0.7, rng.random(60) < 0.5
    member = rng.random(60) < 0.8
    time[:, ~member] = np.nan
    columns = survival_columns(time, event, arm, included=member)
    ((block, order, _),) = orders(columns)
    assert (block.start, block.stop) == (0, SHAPE[0])
    inside = np.argsort(-time[:, member], axis=1)
    happened = np.take_along_axis(event[:, member], inside, axis=1)
    np.testing.assert_array_equal(order.event[:, : member.sum()], happened)
    np.testing.assert_array_equal(order.arm[:, : member.sum()], arm[member][inside])
    assert not order.event[:, member.sum() :].any()
    assert order.keys(np.array([1])).shape == (1, SHAPE[1])
