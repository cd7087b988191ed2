"""Order the patients of many trials by time, carrying event and arm along in the sort key.

NumPy sorts numbers several times faster than it sorts an index, so a patient's flags ride
in the two lowest bits of the time's own bits. A non-negative float and its bits, read as an
integer, have the same order. What is lost is a relative 2**-50 of the time (2**-50 * 2**s
with 2**s strata): closer times count as tied.

Bits of a key, from the top: stratum (s bits), time (61 - s), censored (1), arm (1). So within
a stratum patients stand by time, and at equal times events come before censorings.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.columns import (
    checked_times,
    codes,
    everyone_or,
    flags,
    lead_shape,
    part,
)
from lupusim.common.arrays import BoolArray, FloatArray, IntArray, StateArray, blocks
from lupusim.common.frozen import dataclass

ARM, CENSORED, FLAGS = 1, 2, 3
NOT_INCLUDED = -1
"""Key of who is not in the analysis set."""

MOST_STRATA = 4096


def stratum_bits(n_strata: int) -> int:
    """Return how many bits number the strata.

    Raises
    ------
    ValueError
        If there are more than 4096 strata.
    """
    if n_strata > MOST_STRATA:
        raise ValueError(f"{n_strata} strata found, at most {MOST_STRATA} are possible")
    return (n_strata - 1).bit_length()


def sort_keys(
    time: FloatArray,
    event: BoolArray,
    arm: BoolArray,
    *,
    included: BoolArray | None = None,
    strata: tuple[IntArray, int] | None = None,
    out: IntArray | None = None,
) -> IntArray:
    """Return the keys of each row's patients, in the order of the patients.

    Parameters
    ----------
    time : (n_replicates, n_patients) array
        Not negative, in any unit.
    event, arm : boolean arrays
        Shapes that broadcast to `time`'s.
    included : boolean array or None
        Who is not included stands in front, with key -1 (censored).
    strata : (integer array, int) or None
        Numbers from 0, and the top bits that they take.
    out : (n_replicates, n_patients) integer array or None
        Where to write the keys.

    Returns
    -------
    (n_replicates, n_patients) integer array
    """
    # SPEED: flags are joined as bytes before they meet the eight-byte keys (benchmarks/analyses.py)
    keys = keys_of(time, joined_flags(event, arm), bits=strata[1] if strata else 0, out=out)
    if strata is not None:
        keys |= strata[0].astype(np.int64) << (63 - strata[1])
    if included is not None:
        keys |= included.view(np.int8) - np.int8(1)  # -1: all bits set
    return keys


def keys_of(
    time: FloatArray, flags: StateArray, *, bits: int = 0, out: IntArray | None = None
) -> IntArray:
    """Return keys of times, 0 or above, and flags, with room for so many bits on top."""
    keys = np.empty(time.shape, dtype=np.int64) if out is None else out
    np.add(time, 0.0, out=keys.view(np.float64))  # adding 0 turns -0.0 into 0.0
    if bits:
        keys >>= bits
    keys &= ~FLAGS
    keys |= flags
    return keys


def joined_flags(event: BoolArray, arm: BoolArray | StateArray) -> StateArray:
    """Return `ARM` and `CENSORED` of each patient; `arm` is 0 or 1, or boolean."""
    flags: StateArray = np.left_shift((~event).view(np.int8), 1)
    return flags | arm.view(np.int8)


def time_key(time: float) -> int:
    """Return the largest key that a patient with this time could have (one stratum)."""
    return int(np.array(time + 0.0).view(np.int64)) | FLAGS


def tied_rows(keys: IntArray) -> IntArray:
    """Return the rows in which two events of one stratum happen at the same time.

    A row may be named without need, never missed.
    """
    flat = keys.reshape(-1)
    # SPEED: one flat array, changed in place: neighbors across a row's end do no harm.
    differ = np.bitwise_xor(flat[1:], flat[:-1])
    distance = differ.view(np.uint64)  # the key -1 of who is not included is far from any other
    # SPEED: most often no two leave together, and nobody asks who is censored
    if not distance.size or distance.min() > FLAGS:
        return np.empty(0, dtype=np.intp)
    differ |= flat[1:] & CENSORED  # two who are censored together are not a tie
    return np.unique(np.flatnonzero(distance <= ARM) // keys.shape[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalColumns:
    """Checked columns of many trials with a time to event."""

    lead: tuple[int, ...]  # shape of a result: () for a single trial, else (n_replicates,)
    time: FloatArray  # (n_replicates or 1, n_patients)
    event: BoolArray
    arm: BoolArray
    included: BoolArray | None
    stratum: IntArray
    bits: int  # top bits of a key that number the stratum

    @property
    def n_replicates(self) -> int:
        """How many trials there are."""
        return self.lead[0] if self.lead else 1

    @property
    def n_patients(self) -> int:
        """How many patients a trial has, included or not."""
        return int(self.time.shape[1])

    def times(self, rows: slice) -> FloatArray:
        """Return the times of some replicates; 0 of who is not included."""
        time = part(self.time, rows)
        return time if self.included is None else np.where(part(self.included, rows), time, 0.0)

    def flags(self, rows: slice) -> StateArray:
        """Return the flags of some replicates; who is not included is censored."""
        event = part(self.event, rows)
        if self.included is not None:
            event = event & part(self.included, rows)
        return joined_flags(event, part(self.arm, rows))

    def keys(self, rows: slice | IntArray, *, out: IntArray | None = None) -> IntArray:
        """Return the keys of some replicates, in the order of the patients."""
        n = np.arange(self.n_replicates)[rows].size
        return sort_keys(
            np.broadcast_to(part(self.time, rows), (n, self.n_patients)),
            part(self.event, rows),
            part(self.arm, rows),
            included=None if self.included is None else part(self.included, rows),
            strata=(part(self.stratum, rows), self.bits) if self.bits else None,
            out=out,
        )

    def blocks(self) -> Iterator[tuple[slice, IntArray]]:
        """Yield blocks of replicates with their sorted keys, which the next block overwrites."""
        room = np.empty((0, self.n_patients), dtype=np.int64)
        for block in blocks(self.n_replicates, self.n_patients):
            size = block.stop - block.start
            # SPEED: new memory for each block costs more than the sort (benchmarks/analyses.py)
            if room.shape[0] < size:
                room = np.empty((size, self.n_patients), dtype=np.int64)
            keys = self.keys(block, out=room[:size])
            keys.sort(axis=1)
            yield block, keys


def survival_columns(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    *,
    stratum: ArrayLike | None = None,
    included: ArrayLike | None = None,
) -> SurvivalColumns:
    """Check the columns of trials with a time to event and bring them into rows.

    Raises
    ------
    ValueError
        If shapes don't fit, times are negative or not numbers, flags are not 0 or 1, or
        there are more than 4096 strata.
    """
    lead = lead_shape(time=time, event=event, arm=arm, stratum=stratum, included=included)
    member = everyone_or(included)
    code, n_strata = codes(stratum)
    return SurvivalColumns(
        lead=lead,
        time=checked_times(time, member),
        event=flags("event", event),
        arm=flags("arm", arm),
        included=member,
        stratum=code,
        bits=stratum_bits(n_strata),
    )
