"""Who listens to an engine (recorders), and what they keep.

An engine tells recorders of every transition in batches: patients who leave the same state,
each at most once, and a patient's in the order of time. What no endpoint needs is not stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Protocol

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray, StateArray, first_columns
from lupusim.common.frozen import dataclass
from lupusim.model.courses import IndividualRatio

_ROUNDING = 1e-9  # years, a thirtieth of a second

Rows = IntArray | slice
"""Which patients: positions in the recorders' arrays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """The patients whom an engine is asked to follow.

    Parameters
    ----------
    n_patients : int
        How many.
    rows : integer array (n_patients,) or slice
        Their positions in the recorders' arrays. Default: the first ones.
    hazard_ratio : mapping of int to (n_patients,) array, or None
        By transition: what multiplies each patient's hazard (covariates, frailty), on top of the
        model; the others are as the model has them.
    courses : mapping of int to IndividualRatio
        By transition: each patient's treatment effect, in place of the model's.
    thresholds : mapping of int to (n_patients,) array
        By transition: the cumulative hazard since study time 0 at which each patient's comes, on
        whatever path; the others draw theirs anew in every stay.
    """

    n_patients: int
    rows: Rows = field(default_factory=lambda: slice(None))
    hazard_ratio: Mapping[int, FloatArray] | None = None
    courses: Mapping[int, IndividualRatio] = field(default_factory=dict)
    thresholds: Mapping[int, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transitions:
    """A batch of transitions out of one state.

    Parameters
    ----------
    rows : integer array (n,) or slice
        The patients, each at most once.
    from_state, to_state : int, (n,) array
        The state they leave, and the one each enters.
    entry_time, time : (n,) arrays
        Study times (years) at which they had entered the old state and enter the new one.
    """

    rows: Rows
    from_state: int
    to_state: StateArray
    entry_time: FloatArray
    time: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a trial sees of its patients at a data cutoff, many replicates at once.

    Parameters
    ----------
    arm : (n_replicates, n_patients) int8 array
        0 for the control, 1 for the experimental arm.
    enrollment_time, watched_until : (n_replicates, n_patients) arrays
        Calendar times (years) of randomization, increasing along each row; study
        times (years) of dropout or of the end of follow-up, whichever is first.
    cutoff : (n_replicates,) array
        Calendar time (years) of the data cutoff; ``inf`` for none.
    levels, covariates : mappings of str to (n_replicates, n_patients) arrays
        Level of each patient for each stratification factor; numbers known at randomization.
    open_arms : (n_replicates, n_patients) integer array or None
        Arms each was randomized among, a sum of powers of 2; None where they never change.
    """

    arm: StateArray
    enrollment_time: FloatArray
    watched_until: FloatArray
    cutoff: FloatArray
    levels: Mapping[str, IntArray] = field(default_factory=dict)
    covariates: Mapping[str, FloatArray] = field(default_factory=dict)
    open_arms: IntArray | None = None

    def first(self, n_patients: int) -> Observation:
        """Return what is seen of those randomized first in each replicate."""
        return first_columns(self, n_patients)

    @property
    def seen_by(self) -> FloatArray:
        """Calendar time (years) up to which is seen, (n_replicates,): the cutoff, rounded up."""
        return self.cutoff + _ROUNDING

    @property
    def seen_until(self) -> FloatArray:
        """Study time (years) up to which each patient is seen; below 0 if not yet enrolled."""
        reached = self.reached
        return np.minimum(self.watched_until, reached, out=reached)

    @property
    def reached(self) -> FloatArray:
        """Study time (years) that each patient has reached by then, whoever has left before."""
        return self.reached_in(slice(None))

    def reached_in(self, replicates: slice) -> FloatArray:
        """Return the same of some replicates."""
        came = self.enrollment_time[replicates]
        with np.errstate(invalid="ignore"):
            reached = self.seen_by[replicates, None] - came
        if np.isinf(self.cutoff[replicates]).any():
            reached[np.isinf(came)] = -np.inf  # never randomized
        return reached

    @property
    def enrolled(self) -> BoolArray:
        """Who is randomized by the cutoff, (n_replicates, n_patients)."""
        there = np.asarray(self.enrollment_time <= self.cutoff[:, None])
        if np.isinf(self.cutoff).any():
            there &= np.isfinite(self.enrollment_time)
        return there


class Recorder(Protocol):
    """Listens to the transitions of an engine."""

    def start(self, rows: Rows, state: StateArray) -> None:
        """Take note of the states in which these patients start, at study time 0."""
        ...

    def record(self, batch: Transitions) -> None:
        """Take note of a batch of transitions."""
        ...


def chosen_rows(rows: Rows, mask: BoolArray) -> tuple[Rows, Rows]:
    """Return the rows where `mask` holds, and the positions in the batch they come from."""
    # SPEED: most often everybody is meant, and then nothing is copied (benchmarks/engine.py).
    if mask.all():
        return rows, slice(None)
    chosen = np.flatnonzero(mask)
    return (chosen + (rows.start or 0) if isinstance(rows, slice) else rows[chosen]), chosen


def among(state: StateArray, states: tuple[int, ...]) -> BoolArray:
    """Return where a state is one of some; shape of `state`."""
    # SPEED: comparing bytes with each state is forty times faster than a table of them all.
    found: BoolArray = state == states[0] if states else np.zeros(state.shape, dtype=bool)
    for other in states[1:]:
        found |= state == other
    return found


class StateAt:
    """Keeps the state of every patient at given study times.

    Parameters
    ----------
    times : sequence of float, or (n_times, n_patients) array
        Study times, years; of all patients, or of each one.
    n_patients : int
        Rows of the recorder.

    Attributes
    ----------
    states : (n_times, n_patients) int8 array
        Position of the state in the model; a transition at exactly that time has happened.
    """

    def __init__(self, times: Sequence[float] | FloatArray, n_patients: int) -> None:
        self.times = np.asarray(times, dtype=float)
        self.states: StateArray = np.zeros((len(self.times), n_patients), dtype=np.int8)

    def start(self, rows: Rows, state: StateArray) -> None:
        """Take note of the starting states."""
        # SPEED: the first state is 0, and so are the states of whom nothing is known yet
        for states in self.states if state.any() else ():
            states[rows] = state

    def record(self, batch: Transitions) -> None:
        """Overwrite the state at every later time."""
        for states, time in zip(self.states, self.times, strict=True):
            due = time[batch.rows] if time.ndim else time
            rows, chosen = chosen_rows(batch.rows, batch.time <= due)
            states[rows] = batch.to_state[chosen]


class FirstEntry:
    """Keeps when each patient first enters one of a set of states.

    Parameters
    ----------
    states : iterable of int
        Positions of the states.
    n_patients : int
        Rows of the recorder.
    after : FirstEntry or None
        Count only entries after this one's (strictly later in the order of events).

    Attributes
    ----------
    time : (n_patients,) array
        Study time (years); 0 for those who start there, ``inf`` for those never seen there.
    """

    def __init__(
        self, states: Iterable[int], n_patients: int, *, after: FirstEntry | None = None
    ) -> None:
        self.states = tuple(states)
        self.time = np.full(n_patients, np.inf)
        self.after = after
        self._somebody_left = False

    def start(self, rows: Rows, state: StateArray) -> None:
        """Take note of those who start in the set."""
        present = among(state, self.states)
        if self.after is None and present.any():
            self.time[rows] = np.where(present, 0.0, np.inf)

    def record(self, batch: Transitions) -> None:
        """Take note of first entries."""
        if batch.from_state in self.states:
            self._somebody_left = True
            if self.after is None:
                return  # all have entered before
        entered = among(batch.to_state, self.states)
        if self.after is not None:
            entered &= self.after.time[batch.rows] <= batch.entry_time
        rows, chosen = chosen_rows(batch.rows, entered)
        time = batch.time[chosen]
        # SPEED: nobody enters again but who has left
        self.time[rows] = np.minimum(self.time[rows], time) if self._somebody_left else time


class TimeIn:
    """Keeps how long each patient is in a set of states up to a study time: `time`, in years.

    Parameters
    ----------
    states : iterable of int
        Positions of the states.
    until : float
        Study time, years.
    n_patients : int
        Rows of the recorder.
    """

    def __init__(self, states: Iterable[int], until: float, n_patients: int) -> None:
        self.member: BoolArray = np.zeros(128, dtype=bool)
        self.member[list(states)] = True
        self.until = until
        self.time = np.zeros(n_patients)

    def start(self, rows: Rows, state: StateArray) -> None:
        """Credit those who start in the set with all the time there is."""
        self.time[rows] = np.where(self.member[state], self.until, 0.0)

    def record(self, batch: Transitions) -> None:
        """Credit an entry with the time left, and take it back at the exit."""
        change = self.member[batch.to_state].astype(float) - self.member[batch.from_state]
        self.time[batch.rows] += change * np.maximum(self.until - batch.time, 0.0)


class HazardAlong:
    """Keeps when a process whose constant hazard depends on the present state first strikes.

    Dropout and rescue are such processes: they run beside the disease and don't stop it.

    Parameters
    ----------
    rates : (n_states,) array
        Hazard per year in each state, 0 or above.
    threshold : (n_patients,) array
        Unit-exponential draws.
    """

    def __init__(self, rates: FloatArray, threshold: FloatArray) -> None:
        self.rates = rates
        self.remaining = threshold.copy()
        self.state: StateArray = np.zeros(threshold.size, dtype=np.int8)
        self.since = np.zeros(threshold.size)
        self.struck = np.full(threshold.size, np.inf)

    def start(self, rows: Rows, state: StateArray) -> None:
        """Take note of the starting states."""
        self.state[rows] = state

    def record(self, batch: Transitions) -> None:
        """Use up the threshold over the stay that ends."""
        rows, rate = batch.rows, self.rates[batch.from_state]
        if rate > 0:
            with np.errstate(over="ignore"):  # a rate of 1e-300 strikes never
                reached = batch.entry_time + np.maximum(self.remaining[rows], 0.0) / rate
            hit = (reached <= batch.time) & np.isinf(self.struck[rows])
            self.struck[rows] = np.where(hit, reached, self.struck[rows])
            self.remaining[rows] -= rate * (batch.time - batch.entry_time)
        self.state[rows] = batch.to_state
        self.since[rows] = batch.time

    @property
    def time(self) -> FloatArray:
        """Study time (years) at which it strikes, ``inf`` for never; shape (n_patients,)."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            open_end = self.since + np.maximum(self.remaining, 0.0) / self.rates[self.state]
        later = np.where(self.rates[self.state] > 0, open_end, np.inf)
        return np.asarray(np.minimum(self.struck, later))


class TransitionLog:
    """Keeps every transition."""

    def __init__(self, n_patients: int) -> None:
        self.initial: StateArray = np.zeros(n_patients, dtype=np.int8)
        self._batches: list[Transitions] = []

    def start(self, rows: Rows, state: StateArray) -> None:
        """Take note of the starting states."""
        self.initial[rows] = state

    def record(self, batch: Transitions) -> None:
        """Keep the batch; engines never write to arrays they have handed over."""
        self._batches.append(batch)

    def columns(self) -> dict[str, FloatArray | IntArray | StateArray]:
        """Return all transitions, as arrays of one length, in the order they were told."""
        everyone = np.arange(self.initial.size)
        batches = self._batches
        no_rows, no_states, no_times = np.empty(0, np.intp), np.empty(0, np.int8), np.empty(0)
        from_states = np.array([batch.from_state for batch in batches], dtype=np.int8)
        return {
            "patient": np.concatenate([no_rows, *(everyone[b.rows] for b in batches)]),
            "from_state": np.repeat(from_states, [b.time.size for b in batches]),
            "to_state": np.concatenate([no_states, *(b.to_state for b in batches)]),
            "entry_time": np.concatenate([no_times, *(b.entry_time for b in batches)]),
            "time": np.concatenate([no_times, *(b.time for b in batches)]),
        }
