"""The plain log-rank test of several looks at the same patients."""

from __future__ import annotations

import numpy as np

from lupusim.analysis.numerics.columns import n_enrolled
from lupusim.analysis.survival.cox_beside import cox_beside, with_estimate
from lupusim.analysis.survival.logrank import LogrankResult
from lupusim.analysis.survival.rank_sums import Room, backwards, plain_sums
from lupusim.analysis.survival.sorting import CENSORED, FLAGS, sort_keys
from lupusim.common.arrays import BoolArray, FloatArray, IntArray, StateArray, blocks
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
        rooms = rooms or [Room((block.stop, width)) for width in most]
        # SPEED: what the looks share is worked out once, while it is in cache (benchmarks/cases.py)
        keys, came = np.empty(exits.time[block].shape, dtype=np.int64), exits.enrollment_time[block]
        sort_keys(exits.time[block], exits.event[block], exits.arm[block].astype(bool), out=keys)
        flags = np.bitwise_or(exits.arm[block], CENSORED, dtype=np.int64)
        cut_keys = np.empty_like(keys).reshape(-1)
        for look, width in enumerate(most):
            cut = cut_keys[: len(keys) * width].reshape(len(keys), width)
            _cut_keys(came[:, :width], seen_by[look, block], flags[:, :width], out=cut)
            np.minimum(cut, keys[:, :width], out=cut)
            cut.sort(axis=1)
            patients = backwards(cut)
            found = plain_sums(cut, patients, rooms[look])
            sums[look][:, block], fits[look][:, block] = found, cox_beside(cut, found, rooms[look])
            events[look, block] = patients.event.sum(axis=1, dtype=np.int32)
    results = tuple(with_estimate(*one) for one in zip(sums, fits, strict=True))
    return LookTests(results=results, events=events, enrolled=enrolled)


def _cut_keys(
    enrollment_time: FloatArray, seen_by: FloatArray, flags: IntArray, *, out: IntArray
) -> None:
    """Write the keys of patients whom only the cutoff censors.

    Who comes later has a negative time: its key is below all others, as is that of time 0.
    """
    np.subtract(seen_by[:, None], enrollment_time, out=out.view(np.float64))
    out &= ~FLAGS
    out |= flags
