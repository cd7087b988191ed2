"""The plain log-rank test of several looks at the same patients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lupusim.analysis.numerics.columns import n_enrolled
from lupusim.analysis.survival.cox_beside import cox_beside, with_estimate
from lupusim.analysis.survival.logrank import LogrankResult
from lupusim.analysis.survival.ordering import Order, Room, ordered, places
from lupusim.analysis.survival.rank_sums import plain_sums, relabeled_sums
from lupusim.analysis.survival.sorting import joined_flags, keys_of
from lupusim.common.arrays import BoolArray, FloatArray, IntArray, StateArray, blocks, count_rows
from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Exits:
    """When patients would leave the risk set if the data were never cut."""

    time: FloatArray
    """Years since randomization: the event, dropout or the end of follow-up; (n_replicates,
    n_patients)."""
    event: BoolArray  # whether it is the event; (n_replicates, n_patients)
    arm: StateArray  # 0 for the control, 1 for the experimental arm; (n_replicates, n_patients)
    enrollment_time: FloatArray
    """Calendar time of randomization, rising along each row; (n_replicates, n_patients)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookTests:
    """The log-rank tests of some looks."""

    results: tuple[LogrankResult, ...]  # one for each look
    events: IntArray
    enrolled: IntArray
    """`events` and `enrolled`: events seen, and patients randomized by then."""


def logrank_looks(exits: Exits, cutoffs: FloatArray, *, seen_by: FloatArray) -> LookTests:
    """Return what `logrank_with_cox` says of each look; the very same bits.

    Parameters
    ----------
    exits : Exits
        The patients.
    cutoffs : (n_looks, n_replicates) array
        Calendar times of the looks; ``inf`` where one is not reached.
    seen_by : (n_looks, n_replicates) array
        The same, with what is added for rounding.
    """
    n_looks, n_replicates = cutoffs.shape
    enrolled = np.stack([n_enrolled(exits.enrollment_time, cutoff) for cutoff in cutoffs])
    most = enrolled.max(axis=1)
    sums = np.zeros((n_looks, 3, n_replicates))
    fits = np.zeros((n_looks, 2, n_replicates))
    events = np.zeros((n_looks, n_replicates), dtype=np.intp)
    rooms: list[Room] = []
    for block in blocks(n_replicates, exits.time.shape[1]):
        # SPEED: all looks at patients who are in cache (benchmarks/cases.py)
        rooms = rooms or [Room((block.stop, width)) for width in most]
        for look, (width, room) in enumerate(zip(most, rooms, strict=True)):
            order = _order(exits, block, width, seen_by[look], room)
            found = plain_sums(order, room)
            sums[look][:, block], fits[look][:, block] = found, cox_beside(order, found, room)
            events[look, block] = count_rows(order.event)
    results = tuple(with_estimate(*one) for one in zip(sums, fits, strict=True))
    return LookTests(results=results, events=events, enrolled=enrolled)


def relabeled_looks(
    exits: Exits, labels: StateArray, cutoffs: FloatArray, *, seen_by: FloatArray
) -> LookTests:
    """Return what `logrank_looks` says of the patients under one randomization after the other.

    The tests alone, without Cox's estimates.

    Parameters
    ----------
    exits : Exits
        The patients; their arm is not asked for.
    labels : (n_labelings, n_sets, n_patients) array
        Arm of each patient, 0 or 1, under each randomization.
    cutoffs : (n_looks, n_sets) array
        Calendar times of the looks; ``inf`` where one is not reached.
    seen_by : (n_looks, n_sets) array
        The same, with what is added for rounding.

    Returns
    -------
    LookTests
        Of n_labelings * n_sets trials, labeling by labeling.
    """
    n_looks, n_sets = cutoffs.shape
    n_labelings, _, n_patients = labels.shape
    enrolled = np.stack([n_enrolled(exits.enrollment_time, cutoff) for cutoff in cutoffs])
    most = enrolled.max(axis=1)
    sums = np.empty((n_looks, 3, n_labelings, n_sets))
    events = np.empty((n_looks, n_sets), dtype=np.intp)
    alike = replace(exits, arm=np.zeros((1, n_patients), dtype=np.int8))
    for block in blocks(n_sets, n_patients):
        for look, width in enumerate(most):
            keys = keys_of(*_cut(alike, block, width, seen_by[look]))
            placed = places(keys)
            sums[look][:, :, block] = relabeled_sums(keys, placed, labels[:, block])
            events[look, block] = count_rows(placed.event)
    no_fit = np.zeros((2, n_labelings * n_sets))
    return LookTests(
        results=tuple(with_estimate(one.reshape(3, -1), no_fit) for one in sums),
        events=np.tile(events, n_labelings),
        enrolled=np.tile(enrolled, n_labelings),
    )


def _order(exits: Exits, block: slice, width: int, seen_by: FloatArray, room: Room) -> Order:
    """Return the order in which those who came first leave, before the data are cut or then."""

    def keys(rows: IntArray) -> IntArray:
        return np.sort(keys_of(*_cut(exits, rows + block.start, width, seen_by)), axis=1)

    time, flags = _cut(exits, block, width, seen_by, room.at_event[: block.stop - block.start])
    return ordered(time, flags, keys, room)


def _cut(
    exits: Exits,
    rows: slice | IntArray,
    width: int,
    seen_by: FloatArray,
    out: FloatArray | None = None,
) -> tuple[FloatArray, StateArray]:
    """Return times and flags of those who came first, as the data show them at a look."""
    time = np.subtract(seen_by[rows, None], exits.enrollment_time[rows, :width], out=out)
    leaves = exits.time[rows, :width]
    event = exits.event[rows, :width] & (leaves <= time)
    np.minimum(time, leaves, out=time)
    np.maximum(time, 0.0, out=time)  # of who comes later
    arm = exits.arm if len(exits.arm) == 1 else exits.arm[rows]
    return time, joined_flags(event, arm[:, :width])
