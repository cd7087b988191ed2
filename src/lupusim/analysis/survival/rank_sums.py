"""Sums over the events of sorted trials: the kernel of the log-rank test."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lupusim.analysis.survival.ordering import Order, Places, Room
from lupusim.analysis.survival.sorting import ARM, CENSORED
from lupusim.common.arrays import BoolArray, FloatArray, IntArray, StateArray, count_rows
from lupusim.common.compiled.choice import with_compiled
from lupusim.common.frozen import dataclass


class RankSums(NamedTuple):
    """Events on the experimental arm, each (n_replicates,)."""

    observed: FloatArray
    expected: FloatArray
    variance: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class EventGroups:
    """The distinct event times of many trials, one after the other."""

    row: IntArray  # replicate to which the event time belongs, rising
    position: IntArray  # place of the group's first event in its sorted row
    events: FloatArray
    arm_events: FloatArray
    """`events` and `arm_events`: how many events happen then, on both arms and on the experimental
    one; (n_groups,)."""
    at_risk: FloatArray
    arm_at_risk: FloatArray
    """`at_risk` and `arm_at_risk`: patients of the same stratum who are under observation just
    before; (n_groups,)."""


@lru_cache(maxsize=64)
def _inverse_at_risk(n_patients: int) -> FloatArray:
    """Return 1, 1/2, ..., 1/n: the last patient of a row is alone at risk."""
    inverse = 1.0 / np.arange(1, n_patients + 1)
    inverse.setflags(write=False)
    return inverse


def plain_sums(order: Order, room: Room) -> RankSums:
    """Return the sums of trials without strata; exact where events are tied, too.

    Parameters
    ----------
    order : Order
        In which the patients leave.
    room : Room
        For at least as many replicates.
    """
    observed, expected, squares = share_sums(order.arm, order.event, room)
    totals = RankSums(observed, expected, expected - squares)
    if order.tied.size:
        exact = grouped_sums(order.keys(order.tied), 0)
        for total, of_tied in zip(totals, exact, strict=True):
            total[order.tied] = of_tied
    return totals


@with_compiled("sums")
def share_sums(arm: StateArray, event: BoolArray, room: Room) -> FloatArray:
    """Return events on the experimental arm, and sums of its shares at events and their squares.

    Parameters
    ----------
    arm, event : (n_replicates, n_patients) arrays
        From the last to leave on.
    room : Room
        Its `at_event` is then the share of the arm among those at risk at each event, else 0.

    Returns
    -------
    (3, n_replicates) array
    """
    n_replicates, n_patients = arm.shape
    treated, at_event = room.counts[:n_replicates], room.at_event[:n_replicates]
    # backwards in time the number at risk is the position
    np.cumsum(arm, axis=1, dtype=np.int32, out=treated)
    np.multiply(treated, _inverse_at_risk(n_patients), out=at_event)
    at_event *= event
    found = np.empty((3, n_replicates))
    found[0] = count_rows(event & arm.view(bool))
    found[1] = at_event.sum(axis=1)
    # not vecdot: BLAS adds up long rows in another order when it has more threads
    found[2] = np.einsum("ij,ij->i", at_event, at_event)
    return found


def relabeled_sums(keys: IntArray, placed: Places, labels: StateArray) -> FloatArray:
    """Return `plain_sums` of the same patients under one randomization after the other.

    Parameters
    ----------
    keys : (n_sets, n_patients) integer array
        In the order of the patients, as if all were on arm 0.
    placed : Places
        Where they stand.
    labels : (n_labelings, n_sets, n_known) array
        Arm of each patient of the set, 0 or 1, under each randomization; n_known may be larger.

    Returns
    -------
    (3, n_labelings, n_sets) array
        Observed, expected, variance.
    """
    found, tied = labeled_sums(placed.event, placed.patient, labels), placed.tied
    for number, label in enumerate(labels if tied.size else ()):
        relabeled = np.sort(keys[tied] | label[tied, : keys.shape[1]], axis=1)
        found[:, number, tied] = grouped_sums(relabeled, 0)
    return found


@with_compiled("labelings")
def labeled_sums(event: BoolArray, order: IntArray, labels: StateArray) -> FloatArray:
    """Return the same where no events are tied, of patients from the last to leave on.

    Parameters
    ----------
    event, order : (n_sets, n_patients) arrays
        Whether each leaves with the event, and who of the set it is.
    labels : (n_labelings, n_sets, n_known) array
        As in `relabeled_sums`.
    """
    n_sets, n_patients = event.shape
    found = np.empty((3, len(labels), n_sets))
    at_event = event * _inverse_at_risk(n_patients)
    place = order + np.arange(n_sets)[:, None] * labels.shape[2]
    arm, share = np.empty(event.shape, dtype=np.int8), np.empty(event.shape)
    treated = np.empty(event.shape, dtype=np.int32)
    for number, label in enumerate(labels):
        label.reshape(-1).take(place, out=arm, mode="clip")
        np.cumsum(arm, axis=1, dtype=np.int32, out=treated)
        np.multiply(treated, at_event, out=share)
        expected = share.sum(axis=1)
        found[1, number] = expected
        # not einsum: processors add up otherwise in it, and no compiled loop does as all of them
        found[2, number] = expected - np.square(share, out=share).sum(axis=1)
        found[0, number] = count_rows(event & arm.view(bool))
    return found


def grouped_sums(keys: IntArray, bits: int) -> RankSums:
    """Return the sums of trials with ties or strata.

    Parameters
    ----------
    keys : (n_replicates, n_patients) integer array
        Of `lupusim.analysis.survival.sorting.sort_keys`, rising in each row.
    bits : int
        Top bits of a key that number the stratum.
    """
    return sums_of_groups(event_groups(keys, bits), keys.shape[0])


def sums_of_groups(groups: EventGroups, n_replicates: int) -> RankSums:
    """Return the sums over the event times of so many trials."""
    share = groups.arm_at_risk / groups.at_risk
    expected = groups.events * share
    spread = (groups.at_risk - groups.events) / np.maximum(groups.at_risk - 1, 1)
    return RankSums(
        row_sums(groups.row, groups.arm_events, n_replicates),
        row_sums(groups.row, expected, n_replicates),
        row_sums(groups.row, expected * (1 - share) * spread, n_replicates),
    )


def row_sums(row: IntArray, values: FloatArray, n_replicates: int) -> FloatArray:
    """Return the sum of `values` for each row; shape (n_replicates,)."""
    return np.bincount(row, values, n_replicates).astype(float)


def event_groups(keys: IntArray, bits: int = 0) -> EventGroups:
    """Return the distinct event times of every trial, and who is at risk at each.

    Parameters
    ----------
    keys : (n_replicates, n_patients) integer array
        Of `lupusim.analysis.survival.sorting.sort_keys`, rising in each row.
    bits : int
        Top bits of a key that number the stratum.
    """
    row, position, events, arm_events, at_risk, arm_at_risk = group_columns(keys, bits)
    return EventGroups(
        row=row,
        position=position,
        events=events,
        arm_events=arm_events,
        at_risk=at_risk,
        arm_at_risk=arm_at_risk,
    )


@with_compiled("ranks")
def group_columns(
    keys: IntArray, bits: int
) -> tuple[IntArray, IntArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return the columns of `EventGroups` in their order."""
    n_patients = keys.shape[1]
    small = keys.astype(np.int8)
    event = (small & CENSORED) == 0
    place = np.flatnonzero(event)
    moment = keys.reshape(-1)[place] >> 2
    first_of_row = np.append(0, np.cumsum(np.count_nonzero(event, axis=1)))
    starts_group = np.ones(place.size + 1, dtype=bool)
    np.not_equal(moment[1:], moment[:-1], out=starts_group[1:-1])
    starts_group[first_of_row] = True
    edge = np.flatnonzero(starts_group)
    arm_events = np.append(0, np.cumsum(small.reshape(-1)[place] & ARM, dtype=np.int32))
    start = place[edge[:-1]]
    row = np.repeat(np.arange(keys.shape[0]), np.diff(np.searchsorted(edge, first_of_row)))
    position = start - row * n_patients
    events = np.diff(edge).astype(float), np.diff(arm_events[edge]).astype(float)
    return row, position, *events, *_at_risk(keys, bits, row, position)


def _at_risk(
    keys: IntArray, bits: int, row: IntArray, position: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return how many stand at or behind a position in the same stratum: all, and of arm 1."""
    n_replicates, n_patients = keys.shape
    before = np.zeros((n_replicates, n_patients + 1), dtype=np.int32)
    np.cumsum(keys.astype(np.int8) & ARM, axis=1, dtype=np.int32, out=before[:, 1:])
    end = np.full(row.size, n_patients)
    if bits:
        stratum = (keys >> (63 - bits)) + 1  # 0: not included
        n_codes = 2**bits + 1
        cell = (np.arange(n_replicates)[:, np.newaxis] * n_codes + stratum).reshape(-1)
        counts = np.bincount(cell, minlength=n_replicates * n_codes)
        ends = counts.reshape(n_replicates, n_codes).cumsum(axis=1)
        end = ends[row, stratum[row, position]]
    return (end - position).astype(float), (before[row, end] - before[row, position]).astype(float)
