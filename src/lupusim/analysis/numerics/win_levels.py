"""What a hierarchy compares of two patients: values, or what each has had by a common time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lupusim.analysis.numerics.columns import checked_times, flags, two_axes
from lupusim.common.arrays import BoolArray, FloatArray, IntArray, blocks
from lupusim.common.frozen import dataclass

_Number = TypeVar("_Number", bound=np.generic)
_ROUNDING = 1e-9  # sums of years that differ by less are the same

Pairs = Callable[[int, IntArray, IntArray], tuple[BoolArray, BoolArray]]
"""From a replicate and the positions of some patients and of others to who wins and who loses.

Both are of shape (n_patients, n_others).
"""


class Level(Protocol):
    """One outcome of a hierarchy: it tells of two patients which did better, if it can."""

    @property
    def columns(self) -> Mapping[str, ArrayLike]:
        """What is known of each patient, by name; (n_replicates, n_patients) or (n_patients,)."""
        ...

    def known_of(self, member: BoolArray) -> Self:
        """Return the level where nothing is known of who is no member, (..., n_patients)."""
        ...

    def pairs(self) -> Pairs:
        """Return what compares the patients of a replicate."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WinLevel:
    """One outcome of a hierarchy: each patient's value lies between two bounds.

    A pair is won by the patient whose lowest possible value is above the other's highest.

    Parameters
    ----------
    low, high : (n_replicates, n_patients) or (n_patients,) arrays
        Bounds of the value; the larger, the better.

    Examples
    --------
    >>> larger_is_better([3.0, 1.0]).low.tolist()
    [3.0, 1.0]
    """

    low: FloatArray
    high: FloatArray

    @property
    def columns(self) -> Mapping[str, ArrayLike]:
        """The bounds."""
        return {"low": self.low, "high": self.high}

    def known_of(self, member: BoolArray) -> Self:
        """Return the level where nothing is known of who is no member, (..., n_patients)."""
        return replace(
            self, low=np.where(member, self.low, -np.inf), high=np.where(member, self.high, np.inf)
        )

    def pairs(self) -> Pairs:
        """Return what compares the patients of a replicate.

        Raises
        ------
        ValueError
            If a bound is not a number, or there are more than 16383 patients.
        """
        low, high = _ranked(self)

        def compared(row: int, some: IntArray, others: IntArray) -> tuple[BoolArray, BoolArray]:
            lowest, highest = _row(low, row), _row(high, row)
            won = lowest[some][:, np.newaxis] > highest[others]
            return won, highest[some][:, np.newaxis] < lowest[others]

        return compared


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpLevel:
    r"""One outcome of a hierarchy that grows with time: a number of events, years in a state.

    A pair is compared by what each of the two has had by the end of their common follow-up:
    who is followed for longer has had no more time to collect it. Of patient :math:`i` by time
    :math:`c` this is :math:`\sum_k [t_{ik} \le c]`, or with weights
    :math:`\sum_k w_{ik} \max(c - t_{ik}, 0)`.

    Parameters
    ----------
    times : (n_replicates, n_patients, n_times) or (n_patients, n_times) array
        Years since randomization, in any order; ``inf`` for none. Of each event; or where there
        are weights, when years begin or cease to count.
    followed : (n_replicates, n_patients) or (n_patients,) array
        Years for which each was followed; 0 for who was not.
    more_is_better : bool
        Whether the patient wins who has had more.
    weights : array of the shape of `times`, or None
        1 where years begin to count, -1 where they cease to; None for counts.

    Examples
    --------
    >>> import numpy as np
    >>> followed = np.array([3.0, 3.0])
    >>> level = FollowUpLevel(times=np.array([1.0, 2.0]), followed=followed, more_is_better=True)
    >>> level.more_is_better
    True
    """

    times: FloatArray
    followed: FloatArray
    more_is_better: bool
    weights: FloatArray | None = None

    @property
    def columns(self) -> Mapping[str, ArrayLike]:
        """What each patient has had by the end of the own follow-up, and its length."""
        return {"value": self._by(self.followed[..., np.newaxis])[..., 0], "years": self.followed}

    def known_of(self, member: BoolArray) -> Self:
        """Return the level where nothing is known of who is no member, (..., n_patients)."""
        times = np.where(member[..., np.newaxis], self.times, np.inf)
        return replace(self, times=times, followed=np.where(member, self.followed, 0.0))

    def pairs(self) -> Pairs:
        """Return what compares the patients of a replicate.

        Raises
        ------
        ValueError
            If a time is not a number.
        """
        if np.isnan(self.times).any() or np.isnan(self.followed).any():
            raise ValueError("levels hold a value that is not a number")
        followed = two_axes(self.followed)
        sign = 1.0 if self.more_is_better else -1.0

        def compared(row: int, some: IntArray, others: IntArray) -> tuple[BoolArray, BoolArray]:
            until = _row(followed, row)
            common = np.minimum(until[some][:, np.newaxis], until[others])
            own = self._of(row, some)._by(common)
            gain = sign * (own - self._of(row, others)._by(common.T).T)
            return gain > _ROUNDING, gain < -_ROUNDING

        return compared

    def _of(self, row: int, patients: IntArray) -> Self:
        """Return the level of some patients of a replicate."""

        def kept(column: FloatArray) -> FloatArray:
            return _row(column if column.ndim == 3 else column[np.newaxis], row)[patients]

        weights = None if self.weights is None else kept(self.weights)
        followed = _row(two_axes(self.followed), row)[patients]
        return replace(self, times=kept(self.times), followed=followed, weights=weights)

    def _by(self, until: FloatArray) -> FloatArray:
        """Return what each patient has had by some times (years), (..., n_patients, n_until)."""
        total = np.zeros(np.broadcast_shapes(until.shape, (*self.times.shape[:-1], 1)))
        for k in range(self.times.shape[-1]):
            begun = self.times[..., k, np.newaxis]
            if self.weights is None:
                total += begun <= until
            else:
                total += self.weights[..., k, np.newaxis] * np.maximum(until - begun, 0.0)
        return total


def larger_is_better(values: ArrayLike) -> WinLevel:
    """Return the level of an outcome known exactly, such as a score that should rise.

    Parameters
    ----------
    values : (n_replicates, n_patients) or (n_patients,) array

    Examples
    --------
    >>> from lupusim.analysis import win_odds
    >>> level = larger_is_better([3.0, 1.0, 2.0, 2.0])
    >>> round(float(win_odds([level], [1, 0, 1, 0]).estimate), 4)
    1.9459
    """
    column = np.asarray(values, dtype=float)
    return WinLevel(low=column, high=column)


def smaller_is_better(values: ArrayLike) -> WinLevel:
    """Return the level of an outcome known exactly, such as a number of relapses.

    Parameters
    ----------
    values : (n_replicates, n_patients) or (n_patients,) array

    Examples
    --------
    >>> from lupusim.analysis import net_benefit
    >>> level = smaller_is_better([3.0, 1.0, 2.0, 2.0])
    >>> float(net_benefit([level], [1, 0, 1, 0]).estimate)
    -0.75
    """
    return larger_is_better(-np.asarray(values, dtype=float))


def later_is_better(time: ArrayLike, event: ArrayLike) -> WinLevel:
    """Return the level of a time to an event that should come late, such as death.

    A pair is decided if the earlier time is an event; a censoring at the same time is later.

    Parameters
    ----------
    time : (n_replicates, n_patients) or (n_patients,) array
        Not negative, in any unit.
    event : array of 0 and 1
        Whether the time ended with the event.

    Raises
    ------
    ValueError
        If a time is negative or not a number, or flags are not 0 or 1.

    Examples
    --------
    >>> from lupusim.analysis import net_benefit
    >>> level = later_is_better([3.0, 1.0, 2.0, 2.0], [1, 1, 1, 0])
    >>> float(net_benefit([level], [1, 0, 1, 0]).estimate)
    0.25
    """
    times, happened = checked_times(time, None), flags("event", event)
    low = np.where(happened, times, np.nextafter(times, np.inf))
    high = np.where(happened, times, np.inf)
    shape = np.broadcast_shapes(np.shape(time), np.shape(event))
    return WinLevel(low=low.reshape(shape), high=high.reshape(shape))


def sooner_is_better(time: ArrayLike, event: ArrayLike) -> WinLevel:
    """Return the level of a time to an event that should come early, such as remission.

    Parameters
    ----------
    time, event
        See `later_is_better`.

    Raises
    ------
    ValueError
        If a time is negative or not a number, or flags are not 0 or 1.

    Examples
    --------
    >>> from lupusim.analysis import net_benefit
    >>> level = sooner_is_better([3.0, 1.0, 2.0, 2.0], [1, 1, 1, 1])
    >>> float(net_benefit([level], [1, 0, 1, 0]).estimate)
    -0.75
    """
    late = later_is_better(time, event)
    return WinLevel(low=-late.high, high=-late.low)


def _ranked(one: WinLevel) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Return the bounds' ranks among each other in each row, equal where the bounds are."""
    low, high = np.broadcast_arrays(two_axes(one.low), two_axes(one.high))
    n_patients = low.shape[1]
    if 2 * n_patients > np.iinfo(np.int16).max:
        raise ValueError(f"{n_patients} patients are more than pairs can be made of, at most 16383")
    if np.isnan(low).any() or np.isnan(high).any():
        raise ValueError("levels hold a value that is not a number")
    # SPEED: whole numbers of two bytes are compared twice as fast (benchmarks/analyses.py)
    ranks = np.empty((low.shape[0], 2 * n_patients), dtype=np.int16)
    for block in blocks(low.shape[0], 2 * n_patients):
        both = np.concatenate([low[block], high[block]], axis=1)
        order = np.argsort(both, axis=1)
        ordered = np.take_along_axis(both, order, axis=1)
        rises = np.zeros(ordered.shape, dtype=np.int16)
        np.not_equal(ordered[:, 1:], ordered[:, :-1], out=rises[:, 1:], casting="unsafe")
        np.put_along_axis(ranks[block], order, rises.cumsum(axis=1, dtype=np.int16), axis=1)
    return ranks[:, :n_patients], ranks[:, n_patients:]


def _row(column: NDArray[_Number], row: int) -> NDArray[_Number]:
    return np.asarray(column[row if column.shape[0] > 1 else 0])
