"""Who leaves after whom in many trials without strata: all that a rank test asks.

NumPy sorts four-byte integers four to five times faster than eight-byte ones. So times are cut to
29 bits beside the two flags of a key, and only rows in which an event then shares its time with
somebody are sorted once more, by the keys of :mod:`~lupusim.analysis.survival.sorting`. The order
is that of the long keys in every row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lupusim.analysis.survival.sorting import ARM, CENSORED, FLAGS, SurvivalColumns, tied_rows
from lupusim.common.arrays import BoolArray, FloatArray, IntArray, StateArray, blocks

_BITS = 31  # of a short key, the sign left out
_MOST_PATIENTS = 4096  # with more, too many share the 29 bits of their time
_SHORTEST = 1e-200  # years: of what is shorter 29 bits can't be cut out

_ShortKeys = NDArray[np.int32]
LongKeys = Callable[[IntArray], IntArray]
"""Returns the sorted keys of some rows, of `lupusim.analysis.survival.sorting.sort_keys`."""


class Order(NamedTuple):
    """Patients of sorted trials, the last to leave first.

    Attributes
    ----------
    arm, event : (n_replicates, n_patients) arrays
        Of each patient in that order.
    tied : integer array
        Rows in which two events happen at the same time.
    keys : callable
        Gives the sorted keys of rows by their numbers.
    """

    arm: StateArray
    event: BoolArray
    tied: IntArray
    keys: LongKeys


class Places(NamedTuple):
    """Where the patients of each trial stand, the last to leave first.

    Attributes
    ----------
    patient, event : (n_replicates, n_patients) arrays
        Who stands there, and whether he leaves with the event.
    tied : integer array
        Rows in which two events happen at the same time.
    """

    patient: IntArray
    event: BoolArray
    tied: IntArray


class Room:
    """Memory in which one block after the other is worked on.

    Parameters
    ----------
    shape : (n_replicates, n_patients)
        Of the largest block.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        # SPEED: new memory for each block costs more than the sort (benchmarks/analyses.py)
        self.counts = np.empty(shape, dtype=np.int32)
        self.share = np.empty(shape)
        self.at_event = np.empty(shape)


def ordered(time: FloatArray, flags: StateArray, keys: LongKeys, room: Room) -> Order:
    """Return the order in which patients leave.

    Parameters
    ----------
    time : (n_replicates, n_patients) array
        In any unit; below 0 for who is not there and censored.
    flags : (n_replicates, n_patients) int8 array
        `ARM` and `CENSORED`, joined.
    keys : callable
        See `Order`.
    room : Room
        For at least as many replicates; `time` may be its `at_event`.
    """
    short = _short_keys(time, flags, room.counts[: len(time)])
    if short is None:
        return _of_long_keys(keys(np.arange(len(time))), keys)
    short.sort(axis=1)
    doubtful = _doubtful_rows(short, room.share)
    small = short.astype(np.int8)
    tied = doubtful
    if doubtful.size:
        long = keys(doubtful)
        small[doubtful] = long[:, ::-1].astype(np.int8)
        tied = doubtful[tied_rows(long)]
    return _of_flags(small, tied, keys)


def orders(columns: SurvivalColumns) -> Iterator[tuple[slice, Order, Room]]:
    """Yield blocks of replicates without strata in their order, and room to work on each.

    The next block overwrites the room.
    """
    room = Room((0, 0))
    for block in blocks(columns.n_replicates, columns.n_patients):
        shape = (block.stop - block.start, columns.n_patients)
        room = Room(shape) if block.start == 0 else room

        def keys(rows: IntArray, block: slice = block) -> IntArray:
            return np.sort(columns.keys(rows + block.start), axis=1)

        time, flags = columns.times(block), columns.flags(block)
        yield block, ordered(np.broadcast_to(time, shape), flags, keys, room), room


def places(keys: IntArray) -> Places:
    """Return where patients stand.

    SPEED: sorting keys of which the last bits are the patient's number takes half as long as
    sorting an index (benchmarks/analyses.py); as in `ordered`, rows in which that leaves an
    event and somebody else at the same time are sorted once more.

    Parameters
    ----------
    keys : (n_replicates, n_patients) integer array
        From `lupusim.analysis.survival.sorting.keys_of`, not sorted; those of arm 0.
    """
    n_patients = keys.shape[1]
    bits = n_patients.bit_length()
    short = keys >> (bits + 1)
    short <<= 1
    short |= (keys & CENSORED) >> 1
    short <<= bits
    short |= np.arange(n_patients)
    short ^= -1  # the last first
    short.sort(axis=1)
    short ^= -1
    patient, flag = short & ((1 << bits) - 1), short & (1 << bits)
    event = flag == 0
    short ^= patient
    short ^= flag
    beside = (short[:, 1:] == short[:, :-1]) & event[:, 1:]  # an event stands behind all others
    doubtful = np.flatnonzero(beside.any(axis=1))
    if doubtful.size:
        again = keys[doubtful].argsort(axis=1)
        long = np.take_along_axis(keys[doubtful], again, axis=1)
        patient[doubtful], event[doubtful] = again[:, ::-1], (long[:, ::-1] & CENSORED) == 0
        doubtful = doubtful[tied_rows(long)]
    return Places(patient, event, doubtful)


def _short_keys(time: FloatArray, flags: StateArray, out: _ShortKeys) -> _ShortKeys | None:
    """Write keys that fall as times rise; None where times don't fit."""
    longest = max(float(time.max(initial=0.0)), -float(time.min(initial=0.0)))
    if not _SHORTEST < longest < math.inf or time.shape[1] > _MOST_PATIENTS:
        return None
    scale = 2.0 ** (_BITS - math.frexp(longest)[1])
    np.multiply(time, -scale, out=out, casting="unsafe")
    out &= ~FLAGS
    out |= flags
    return out


def _doubtful_rows(keys: _ShortKeys, room: FloatArray) -> IntArray:
    """Return rows in which an event shares its time with another patient; never one too few."""
    flat = keys.reshape(-1)
    # neighbors across a row's end do no harm
    differ = np.bitwise_xor(flat[1:], flat[:-1], out=room.reshape(-1).view(np.int32)[1 : flat.size])
    distance = differ.view(np.uint32)
    # SPEED: most often no two leave together, and nobody asks who is censored
    if not distance.size or distance.min() > FLAGS:
        return np.empty(0, dtype=np.intp)
    (place,) = (distance <= FLAGS).nonzero()
    place = place[(flat[place] & CENSORED) == 0]  # of two at one time the event stands first
    return np.unique(place // keys.shape[1]) if place.size else place


def _of_long_keys(keys: IntArray, of_rows: LongKeys) -> Order:
    small = np.ascontiguousarray(keys.astype(np.int8)[:, ::-1])
    return _of_flags(small, tied_rows(keys), of_rows)


def _of_flags(small: StateArray, tied: IntArray, keys: LongKeys) -> Order:
    # SPEED: flags as bytes are less to read than the keys, and in the order in which they are
    # read four times faster (benchmarks/analyses.py)
    return Order(small & ARM, (small & CENSORED) == 0, tied, keys)
