"""Sums over what becomes of patients until a date: kernels of control variates."""

from __future__ import annotations

import numpy as np

from lupusim.analysis.survival.logrank_looks import Exits
from lupusim.common.arrays import FloatArray, StateArray, blocks
from lupusim.common.compiled.choice import with_compiled
from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a patient adds to a sum, by arm, event and cell of study time."""

    width: float  # of a cell, years; cell 0 is the time 0 itself
    adds: FloatArray  # without and with an event that is seen; (n_arms, 2, n_cells + 1)
    mean: FloatArray
    """Its mean given the time from randomization until the data are cut; (n_arms, n_cells + 1)."""


@with_compiled("sums")
def added_until(date: FloatArray, exits: Exits, table: Table) -> FloatArray:
    """Return the sum of what patients add until a date of each replicate, (n_replicates,)."""
    found = np.empty(date.size)
    # SPEED: while they are in cache (benchmarks/cases.py)
    for part in blocks(*exits.time.shape):
        found[part] = _added_until(date[part, None], _rows(exits, part), table).sum(axis=1)
    return found


@with_compiled("sums")
def added_by_each(date: FloatArray, exits: Exits, table: Table) -> FloatArray:
    """Return what each patient adds until a date of each replicate, (n_replicates, n_patients)."""
    added = np.empty(exits.time.shape)
    for part in blocks(*exits.time.shape):
        added[part] = _added_until(date[part, None], _rows(exits, part), table)
    return added


def _rows(exits: Exits, part: slice) -> Exits:
    return Exits(
        time=exits.time[part],
        event=exits.event[part],
        arm=exits.arm[part],
        enrollment_time=exits.enrollment_time[part],
    )


def _added_until(date: FloatArray, exits: Exits, table: Table) -> FloatArray:
    """Return what each patient adds until a date, (n_replicates, 1)."""
    n_cells = table.mean.shape[1]
    # SPEED: cells are found by rounding up, and looked up in flat tables (benchmarks/cases.py)
    there = date - exits.enrollment_time
    there *= 1.0 / table.width
    np.clip(there, 0.0, n_cells - 1, out=there)
    time = exits.time * (1.0 / table.width)
    seen = exits.event & (time <= there)
    np.minimum(time, there, out=time)
    np.ceil(time, out=time)
    cell = time.astype(np.int32)
    of_arm = exits.arm * np.int32(n_cells)
    cell += 2 * of_arm
    cell += seen * np.int32(n_cells)
    added = table.adds.ravel().take(cell)
    np.ceil(there, out=there)
    of_arm += there.astype(np.int32)
    added -= table.mean.ravel().take(of_arm)
    return added


@with_compiled("labelings")
def sums_on_arm(values: FloatArray, labels: StateArray, arm: int) -> FloatArray:
    """Return the sum over those of each set whom each randomization puts on an arm.

    Parameters
    ----------
    values : (n_sets, n_seen) array
        Of the patients who come first.
    labels : (n_labelings, n_sets, n_patients) array
        Arm of each, n_seen of them or more.
    arm : int
        Which.

    Returns
    -------
    (n_labelings, n_sets) array
    """
    found, here = np.empty((len(labels), len(values))), np.empty(values.shape)
    for number, label in enumerate(labels):
        # neither matmul nor einsum: these add up in another order on other processors
        np.multiply(label[:, : values.shape[1]] == arm, values, out=here)
        found[number] = here.sum(axis=1)
    return found
