"""Recorders of every entry into a set of states, and of every stay in it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray, StateArray
from lupusim.records import Rows, Transitions
from lupusim.records.recorders import chosen_rows


class Entries:
    """Keeps the time of every entry into a set of states.

    Parameters
    ----------
    states : iterable of int
        Positions of the states; going from one of them to another is an entry too.
    n_patients : int
        Rows of the recorder.

    Attributes
    ----------
    times : (n_entries, n_patients) array
        Study times (years) of the first entry, the second ...; ``inf`` where there is none.
        Starting in the set is no entry.
    """

    def __init__(self, states: Iterable[int], n_patients: int) -> None:
        self.member: BoolArray = np.zeros(128, dtype=bool)
        self.member[list(states)] = True
        self.count: IntArray = np.zeros(n_patients, dtype=np.intp)
        self.times = np.full((1, n_patients), np.inf)

    def start(self, rows: Rows, state: StateArray) -> None:
        """Do nothing: starting is no entry."""

    def record(self, batch: Transitions) -> None:
        """Add the entries of a batch."""
        rows, chosen = chosen_rows(batch.rows, self.member.take(batch.to_state))
        number = self.count[rows]
        if not number.size:
            return
        least, most = int(number.min()), int(number.max())
        if most >= len(self.times):
            self.times = np.concatenate([self.times, np.full_like(self.times, np.inf)])
        # SPEED: most often all enter for the same time, as the first (benchmarks/engine.py)
        if least == most:
            self.times[most][rows] = batch.time[chosen]
        else:
            self.times[number, np.arange(self.count.size)[rows]] = batch.time[chosen]
        self.count[rows] = number + 1


class Stays:
    """Keeps when each patient enters and leaves a set of states."""

    def __init__(self, states: Iterable[int], n_patients: int) -> None:
        inside = list(states)
        self.member: BoolArray = np.zeros(128, dtype=bool)
        self.member[inside] = True
        self.starts_inside: BoolArray = np.zeros(n_patients, dtype=bool)
        self.entries = Entries(inside, n_patients)
        self.exits = Entries([k for k in range(128) if k not in set(inside)], n_patients)

    def start(self, rows: Rows, state: StateArray) -> None:
        """Take note of those who start in the set."""
        self.starts_inside[rows] = self.member[state]

    def record(self, batch: Transitions) -> None:
        """Take note of who crosses the border of the set, outwards or inwards."""
        outwards = self.member[batch.from_state]
        (self.exits if outwards else self.entries).record(batch)

    def crossings(self) -> tuple[FloatArray, FloatArray]:
        """Return study times (years) of entries and exits, and 1 or -1 for each.

        Shape (n_patients, n_crossings) each; ``inf`` for none. Who starts in the set enters at 0.
        """
        start = np.where(self.starts_inside, 0.0, np.inf)
        times = np.vstack([start, self.entries.times, self.exits.times])
        signs = np.repeat([1.0, -1.0], [1 + len(self.entries.times), len(self.exits.times)])
        return times.T, np.broadcast_to(signs, times.T.shape)

    def time(self, until: FloatArray) -> FloatArray:
        """Return the years spent in the set up to each patient's `until`, (n_patients,)."""
        inside = np.where(self.starts_inside, until, 0.0)
        inside += self._left(self.entries, until)
        inside -= self._left(self.exits, until)
        return inside

    @staticmethod
    def _left(crossings: Entries, until: FloatArray) -> FloatArray:
        """Return the years from all crossings on, added up, (n_patients,)."""
        # SPEED: row by row in the same memory (benchmarks/engine.py)
        first, *others = crossings.times
        total = until - first
        np.maximum(total, 0.0, out=total)
        left = np.empty_like(total) if others else total
        for times in others:
            np.subtract(until, times, out=left)
            total += np.maximum(left, 0.0, out=left)
        return np.asarray(total)
