"""How the times of trials with competing causes end: counts at each distinct time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lupusim.analysis.numerics.columns import part
from lupusim.analysis.survival.sorting import NOT_INCLUDED, SurvivalColumns
from lupusim.common.arrays import BoolArray, FloatArray

CENSORED, OF_CAUSE, OF_ANOTHER = 0, 1, 2
"""How a time ends: places on the third axis of the counts."""

_KINDS = 3


def ends(columns: SurvivalColumns, cause: BoolArray, block: slice) -> Iterator[FloatArray]:
    """Yield for each stratum how many patients end at each distinct time, and how.

    Parameters
    ----------
    columns : SurvivalColumns
        The trials; an event is one of any cause.
    cause : boolean array
        Whether it was the cause looked at; a shape as that of the columns.
    block : slice
        The replicates.

    Yields
    ------
    (n_replicates, 2 arms, 3 kinds, n_times) array
        Times rise along the last axis, which is as long as there are patients; a trial with
        fewer distinct times ends with zeros.
    """
    keys = columns.keys(block)
    n_replicates, n_patients = keys.shape
    kind = np.where(part(cause, block), OF_CAUSE, OF_ANOTHER)
    kind = np.where(part(columns.event, block), kind, CENSORED)
    cell = np.broadcast_to(_KINDS * part(columns.arm, block) + kind, keys.shape)
    order = np.argsort(keys, axis=1)
    keys, cell = (np.take_along_axis(one, order, axis=1) for one in (keys, cell))
    moment = keys >> 2  # stratum and time
    slot = np.zeros(keys.shape, dtype=np.intp)
    np.cumsum(moment[:, 1:] != moment[:, :-1], axis=1, out=slot[:, 1:])
    strata = np.where(keys == NOT_INCLUDED, -1, keys >> (63 - columns.bits))
    for number in range(int(strata.max(initial=0)) + 1):
        row, place = np.nonzero(strata == number)
        flat = (row * 2 * _KINDS + cell[row, place]) * n_patients + slot[row, place]
        counts = np.bincount(flat, minlength=2 * _KINDS * keys.size)
        yield counts.reshape(n_replicates, 2, _KINDS, n_patients).astype(float)


def just_before(values: FloatArray, first: float) -> FloatArray:
    """Return the values just before each time; `first` before the first one."""
    return np.concatenate([np.full((values.shape[0], 1), first), values[:, :-1]], axis=1)
