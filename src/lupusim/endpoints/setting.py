"""What all endpoints of a trial share: the visits as they were, and events that intervene."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from lupusim.common.arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    StateArray,
    without_repeats,
)
from lupusim.common.frozen import dataclass
from lupusim.records import HazardAlong, Recorder, StateAt
from lupusim.trial.observation import (
    Consequence,
    IntercurrentEvent,
    Marker,
    Strategy,
    VisitConduct,
)

TIME_TOLERANCE = 1e-9  # years: what is due at the very cutoff counts

Streams = Callable[[str], np.random.Generator]
Made = TypeVar("Made")


class LastMade(Generic[Made]):
    """Remembers what was made of the array that was given last, which nobody changes.

    Looks ask time and again for what becomes of the same patients (SPEED: benchmarks/table.py).

    Parameters
    ----------
    make : callable
        Takes until when patients are watched (study time, years).
    """

    def __init__(self, make: Callable[[FloatArray], Made]) -> None:
        self._make = make
        self._known: tuple[FloatArray, Made] | None = None

    def __call__(self, watched_until: FloatArray) -> Made:
        """Return what is made of the array; of the same again, the same object."""
        if self._known is None or self._known[0] is not watched_until:
            self._known = watched_until, self._make(watched_until)
        return self._known[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Misreading:
    """Which state is seen where the true one is another."""

    luck: FloatArray  # uniform draws; (n_visits, n_patients)
    edges: FloatArray
    """Cumulative probabilities of the seen states, by true state; (n_states, n_states - 1)."""

    def seen(self, number: int, true: StateArray) -> StateArray:
        """Return what a visit shows of each patient, shape (n_patients,)."""
        edges = self.edges[true]
        seen: StateArray = (self.luck[number][:, None] >= edges).sum(axis=1, dtype=np.int8)
        return seen


class Visits:
    """What is seen at the visits of a trial, by all its endpoints alike.

    Parameters
    ----------
    planned : sequence of float
        Study times (years).
    n_patients : int
        Of all replicates.
    times : (n_visits, n_patients) array or None
        When they really took place; None for as planned.
    attended : (n_visits, n_patients) boolean array or None
        Which took place; None for all.
    misreading : Misreading or None
        None where the true state is seen.
    """

    def __init__(
        self,
        planned: Sequence[float],
        n_patients: int,
        *,
        times: FloatArray | None = None,
        attended: BoolArray | None = None,
        misreading: Misreading | None = None,
    ) -> None:
        self.planned = np.asarray(planned, dtype=float)
        self.times: FloatArray = self.planned[:, None] if times is None else times
        self.attended = np.ones((self.planned.size, 1), bool) if attended is None else attended
        self.misreading = misreading
        self.recorder = StateAt(self.planned if times is None else times, n_patients)

    @property
    def n_patients(self) -> int:
        """Patients of all replicates."""
        return int(self.recorder.states.shape[1])

    def true(self, number: int) -> StateArray:
        """Return the state in which each patient is at a visit, shape (n_patients,)."""
        states: StateArray = self.recorder.states[number]
        return states

    def number(self, time: float) -> int:
        """Return the position of the visit at a study time (years)."""
        return int(np.argmin(np.abs(self.planned - time)))

    def seen(self, number: int) -> StateArray:
        """Return the state that a visit shows of each patient, shape (n_patients,)."""
        true = self.true(number)
        return true if self.misreading is None else self.misreading.seen(number, true)

    def took_place(self, number: int, seen_until: FloatArray) -> BoolArray:
        """Return whose visit took place, given how long each was seen; (n_patients,)."""
        until, attended = without_repeats(seen_until).reshape(-1), self.attended[number]
        on_time = np.less_equal(self.times[number], until + TIME_TOLERANCE)
        if not attended.all():
            on_time = on_time & attended
        return np.broadcast_to(on_time, (self.n_patients,))


def imperfect_visits(
    planned: Sequence[float],
    n_patients: int,
    *,
    conduct: VisitConduct,
    states: Sequence[str],
    follow_up: float,
    rng: np.random.Generator,
) -> Visits:
    """Return visits at other times than planned, or missed, or that misread the state.

    Parameters
    ----------
    planned, n_patients
        See `Visits`.
    conduct : VisitConduct
        How the visits go.
    states : sequence of str
        Names of the model's states.
    follow_up : float
        Study time (years) after which there are no visits.
    rng : numpy.random.Generator
        The stream reserved for visits; three draws per visit and patient are taken.
    """
    shape = (len(planned), n_patients)
    shift, attendance, luck = rng.random((3, *shape))
    times = np.asarray(planned, dtype=float)[:, None] + conduct.window * (2 * shift - 1)
    edges = np.cumsum(conduct.confusion(states), axis=1)[:, :-1]
    return Visits(
        planned,
        n_patients,
        times=np.clip(times, 0.0, follow_up) if conduct.window else None,
        attended=attendance >= conduct.missed,
        misreading=Misreading(luck=luck, edges=edges) if conduct.misread else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the measurements of one block of trials share."""

    states: Sequence[str]  # names of the model's states
    shape: tuple[int, int]  # of the block; (n_replicates, n_patients)
    absorbing: tuple[str, ...] = ()  # states that end a history; their dates are always known
    visits: Visits | None = None
    """All visits, where they are imperfect; None where each endpoint may watch its own."""
    strikes: tuple[tuple[Strategy, HazardAlong], ...] = ()  # when intercurrent events strike
    marker: MarkerValues | None = None
    """The marker's values at the visits, which must then be given."""

    @property
    def n_patients(self) -> int:
        """Patients of all replicates."""
        return self.shape[0] * self.shape[1]

    @property
    def recorders(self) -> tuple[Recorder, ...]:
        """What tells when intercurrent events strike."""
        return tuple(clock for _, clock in self.strikes)

    def positions(self, names: Sequence[str]) -> list[int]:
        """Return the positions of states."""
        return [self.states.index(name) for name in names]

    def members(self, names: Sequence[str]) -> BoolArray:
        """Return for each state whether it is one of those named, shape (n_states,)."""
        found: BoolArray = np.zeros(len(self.states), dtype=bool)
        found[self.positions(names)] = True
        return found

    def visits_at(self, times: Sequence[float]) -> tuple[Visits, list[int]]:
        """Return visits that hold those at some study times (years), and their numbers."""
        if self.visits is None:
            return Visits(times, self.n_patients), list(range(len(times)))
        return self.visits, [self.visits.number(time) for time in times]

    def visits_until(self, time: float) -> list[float]:
        """Return the planned times of all visits up to one; only that one where unknown."""
        if self.visits is None:
            return [time]
        planned = self.visits.planned
        return [float(t) for t in planned if 0 <= t <= time + TIME_TOLERANCE]

    def strike(self, watched_until: FloatArray, consequences: Consequence) -> FloatArray | None:
        """Return when (study time, years) the first event that brings such is seen to strike.

        Parameters
        ----------
        watched_until : (n_replicates, n_patients) array
            Study time (years) at which each patient leaves: what strikes later is not known of.
        consequences : Consequence
            Any of which the events that are meant bring.

        Returns
        -------
        (n_replicates, n_patients) array or None
            ``inf`` for never while the patient is watched; None where there is no such event.
        """
        times = [clock.time for strategy, clock in self.strikes if strategy.brings(consequences)]
        if not times:
            return None
        earliest: FloatArray = np.min(times, axis=0).reshape(self.shape)
        return np.where(earliest <= watched_until, earliest, np.inf)

    def has(self, consequences: Consequence) -> bool:
        """Return whether an event brings any of these."""
        return any(strategy.brings(consequences) for strategy, _ in self.strikes)


def clocks(
    events: Sequence[IntercurrentEvent],
    states: Sequence[str],
    absorbing: Sequence[str],
    *,
    n_patients: int,
    streams: Streams,
) -> tuple[tuple[Strategy, HazardAlong], ...]:
    """Return a clock for each intercurrent event; nothing strikes the dead."""
    alive = np.array([state not in absorbing for state in states], dtype=float)
    return tuple(
        (
            event.strategy,
            HazardAlong(
                event.rates(states) * alive,
                streams(f"intercurrent {event.name}").standard_exponential(n_patients),
            ),
        )
        for event in events
    )


def last_visit(visits: Visits, numbers: Sequence[int], seen_until: FloatArray) -> IntArray:
    """Return the number of the last visit that took place, -1 for none; (n_patients,)."""
    which: IntArray = np.full(visits.n_patients, -1, dtype=np.intp)
    for number in numbers:
        which[visits.took_place(number, seen_until)] = number
    return which


class Known(NamedTuple):
    """Values that patients, all in one state, come with: (n_patients,)."""

    values: FloatArray
    state: str


class Course(NamedTuple):
    """What a stated course of the marker depends on: visits and arms.

    `visits` are planned study times (years), `arms` the names by position, and `arm` holds the
    position of every patient's arm, (n_patients,).
    """

    visits: Sequence[float]
    arms: tuple[str, ...]
    arm: StateArray

    def changes(self, marker: Marker) -> list[FloatArray | float]:
        """Return the stated mean change at randomization and at every visit."""
        if not marker.course:
            return [0.0] * (len(self.visits) + 1)
        by_arm = [[marker.change(arm, time) for arm in self.arms] for time in (0.0, *self.visits)]
        return [np.array(means)[self.arm] for means in by_arm]


class MarkerValues:
    """A marker's value at every visit of every patient, the same for all endpoints.

    Parameters
    ----------
    marker : Marker
        Its mean and spread in each state.
    states : sequence of str
        Names of the model's states.
    course : Course
        The trial's visits, and everybody's arm.
    known : Known or None
        The values at randomization, where the patients came with them.
    own : (n_patients,) array or None
        The standard normal deviate of each patient, where other outcomes know of it.
    rng : numpy.random.Generator
        The stream reserved for the marker; takes n_visits + 2 draws per patient.
    """

    def __init__(
        self,
        marker: Marker,
        states: Sequence[str],
        course: Course,
        *,
        known: Known | None = None,
        own: FloatArray | None = None,
        rng: np.random.Generator,
    ) -> None:
        drawn, *noise = rng.standard_normal((len(course.visits) + 2, course.arm.size))
        own = drawn if own is None else own
        share = marker.correlation
        self.mean = np.array([marker.mean.get(state, 0.0) for state in states])
        self.sd = np.array([marker.sd.get(state, 0.0) for state in states])
        self.lowest = marker.lowest
        first = None
        if known is not None:
            start = states.index(known.state)
            first = (known.values - self.mean[start]) / self.sd[start]
            own = np.sqrt(share) * first + np.sqrt(1 - share) * own  # given the first value
        self.deviation = [np.sqrt(share) * own + np.sqrt(1 - share) * e for e in noise]
        if first is not None:
            self.deviation[0] = first
        if marker.baseline_correlation is not None:
            self.deviation = _from_baseline(
                marker, noise[0] if first is None else first, own, noise
            )
        self.change = course.changes(marker)
        self.widening = [marker.widening(time) for time in (0.0, *course.visits)]

    def at_visit(self, number: int, state: StateArray) -> FloatArray:
        """Return the values at a visit (counted from 0) in these states, (n_patients,)."""
        return self._values(number + 1, state)

    def baseline(self, state: StateArray) -> FloatArray:
        """Return the values at randomization in these states, (n_patients,)."""
        return self._values(0, state)

    def _values(self, row: int, state: StateArray) -> FloatArray:
        spread = self.sd[state] * self.widening[row]
        value = self.mean[state] + self.change[row] + spread * self.deviation[row]
        return np.asarray(np.maximum(value, self.lowest))


def _from_baseline(
    marker: Marker, first: FloatArray, own: FloatArray, noise: Sequence[FloatArray]
) -> list[FloatArray]:
    """Return standard deviates whose first one has a correlation of its own with the others."""
    shared = marker.with_baseline * first
    shared = shared + np.sqrt(max(0.0, marker.correlation - marker.with_baseline**2)) * own
    return [first, *(shared + np.sqrt(1 - marker.correlation) * e for e in noise[1:])]
