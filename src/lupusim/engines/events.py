"""The disease as a sequence of events: every patient is a SimPy process.

A patient stays in a state, leaves it, stays in the next: one event for each stay, never one
for each thing that might end it. Visits, infusions or dropout are further processes that
share the patients' environment. Nothing here is shared with the other engines but the
model, the cohort and the recorders: they check each other.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, repeat

import numpy as np
import simpy

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.engines.exits import Exit
from lupusim.engines.transition_buffer import Chart
from lupusim.model import MultiStateModel
from lupusim.records import Cohort, Recorder, Rows

# SPEED: the event queue and the garbage collector slow down with the patients in one
# environment; 100 are three times as fast as 100,000 (benchmarks/engine_events.py).
PATIENTS_PER_ENVIRONMENT = 100
STAYS_PER_DRAW = 4096
NONE_FIXED: Mapping[int, float] = {}
EVENTS_PER_REPORT = 100_000

Stay = tuple[float, int]
"""How long a patient stays in a state (years; ``inf`` for good), and which state is next."""


class Disease:
    """Draws the stays of one kind of patient: the same class, the same hazard ratios.

    Parameters
    ----------
    model : MultiStateModel
        The disease of everybody.
    ratios : sequence of float
        What multiplies each transition's hazard for these patients, in the model's order.
    horizon : float
        Study time (years) beyond which no event is wanted; finite.
    n_ahead : int
        How many stays to draw at once where all new stays in a state have one law; 0 for none.
    afterwards : Disease or None
        The disease from the first restart of treatment on; None for this one.
    thresholds : mapping of int to float
        By transition: at which cumulative hazard it comes, where that is fixed for a patient.
    rng : numpy.random.Generator
        Random numbers.
    """

    def __init__(  # noqa: PLR0913 - all but two are keywords
        self,
        model: MultiStateModel,
        ratios: Sequence[float],
        *,
        horizon: float,
        n_ahead: int,
        afterwards: Disease | None = None,
        thresholds: Mapping[int, float] = NONE_FIXED,
        rng: np.random.Generator,
    ) -> None:
        self.afterwards = self if afterwards is None else afterwards
        self.restarts = frozenset(map(model.index, model.restarts))
        self._horizon = horizon
        self._rng = rng
        self._exits: list[list[Exit]] = [[] for _ in model.states]
        for position, (transition, ratio) in enumerate(zip(model.transitions, ratios, strict=True)):
            if ratio * max(transition.ratio.ratios) > 0:
                way = Exit(
                    transition=transition,
                    to_state=model.index(transition.to_state),
                    ratio=ratio,
                    threshold=thresholds.get(position),
                )
                self._exits[model.index(transition.from_state)].append(way)
        self._ahead = {
            state: self._fresh_stays(exits, n_ahead)
            for state, exits in enumerate(self._exits)
            if n_ahead > 0 and all(way.starts_afresh for way in exits)
        }

    def stay(
        self, state: int, entry_time: float, spent: float = 0.0, *, restart: float = 0.0
    ) -> Stay:
        """Draw how long a patient stays in `state`, and where the stay leads.

        Parameters
        ----------
        state : int
            Position of the state.
        entry_time : float
            Study time (years) from which the stay is watched.
        spent : float
            Years already spent in the state by then.
        restart : float
            Study time (years) from which the treatment effect runs.
        """
        if spent == 0 and state in self._ahead:
            return next(self._ahead[state])
        return self._race(state, entry_time, spent, restart)

    def _fresh_stays(self, exits: Sequence[Exit], n: int) -> Iterator[Stay]:
        """Hand out new stays of one state; SPEED: NumPy draws `n` of them at a time."""
        if not exits:
            yield from repeat((math.inf, 0))
        to_states = np.array([way.to_state for way in exits])
        while True:
            times = np.stack([way.fresh_times(n, self._rng) for way in exits])
            yield from zip(
                times.min(axis=0).tolist(), to_states[times.argmin(axis=0)].tolist(), strict=True
            )

    def _race(self, state: int, entry_time: float, spent: float, restart: float) -> Stay:
        """Let the exits race; nobody follows a loser beyond the best time so far."""
        best, to_state = math.inf, state
        for way in self._exits[state]:
            effect = way.transition.ratio
            last = restart + effect.breaks[-1] if effect.ratios[-1] == 0 else self._horizon
            until = min(self._horizon, last, entry_time + best)
            if way.threshold is None:
                time = way.time(entry_time, spent, until, self._rng, restart=restart)
            else:
                time = way.due - entry_time
            if time < best:
                best, to_state = time, way.to_state
        return best, to_state


@dataclass(slots=True, kw_only=True)
class Patient:
    """A patient, in the present state."""

    row: int  # position in the recorders' arrays
    state: int  # position of the present state in the model
    spent: float  # years spent there before study time 0
    disease: Disease  # what may happen next
    restart: float = 0.0  # study time (years) from which the effect of the treatment runs

    def live(
        self, env: simpy.Environment, horizon: float, chart: Chart
    ) -> Generator[simpy.Event, None, None]:
        """Stay, leave, stay, leave, up to the horizon: a SimPy process."""
        for rank in count():
            entry_time, from_state = env.now, self.state
            sojourn_time, to_state = self.disease.stay(
                from_state, entry_time, self.spent, restart=self.restart
            )
            if entry_time + sojourn_time > horizon:
                return
            yield env.timeout(sojourn_time)
            self.state, self.spent = to_state, 0.0
            if to_state in self.disease.restarts:
                self.restart, self.disease = env.now, self.disease.afterwards
            chart.note(self.row, rank, from_state, to_state, entry_time, env.now)


def simulate(
    model: MultiStateModel,
    cohort: Cohort,
    *,
    horizon: float,
    recorders: Sequence[Recorder],
    rng: np.random.Generator,
) -> None:
    """Follow patients through the disease, event by event.

    Parameters
    ----------
    model : MultiStateModel
        The disease.
    cohort : Cohort
        Who is followed.
    horizon : float
        Study time (years) up to which they are; a transition at exactly that time counts.
    recorders : sequence of Recorder
        Who is told of the start and of each transition.
    rng : numpy.random.Generator
        Random numbers; nothing else is random.

    Raises
    ------
    ValueError
        If the horizon is below 0, or infinite although nobody need ever come to rest.

    Examples
    --------
    >>> from lupusim.model import Transition
    >>> from lupusim.model.hazards import ExponentialHazard
    >>> from lupusim.records import FirstEntry
    >>> from lupusim.common.rng import stream
    >>> way = Transition(from_state="ill", to_state="well", hazard=ExponentialHazard(rate=2.0))
    >>> model = MultiStateModel(name="cold", states=("ill", "well"), transitions=(way,))
    >>> well = FirstEntry([1], 1000)
    >>> cohort = Cohort(n_patients=1000)
    >>> simulate(model, cohort, horizon=9.0, recorders=[well], rng=stream(1, "cold"))
    >>> bool(0.45 < well.time.mean() < 0.55)
    True
    """
    last = _last_event(model, horizon)
    patients = _enroll(model, cohort, horizon=last, rng=rng)
    state = np.array([patient.state for patient in patients], dtype=np.int8)
    for recorder in recorders:
        recorder.start(cohort.rows, state)
    chart = Chart(len(model.states), recorders)
    for first in range(0, len(patients), PATIENTS_PER_ENVIRONMENT):
        env = simpy.Environment()
        for patient in patients[first : first + PATIENTS_PER_ENVIRONMENT]:
            env.process(patient.live(env, last, chart))
        env.run()
        if len(chart) >= EVENTS_PER_REPORT:
            chart.report()
    chart.report()


def _last_event(model: MultiStateModel, horizon: float) -> float:
    """Return the horizon as a finite number, so that ``inf`` always means never."""
    if not horizon >= 0:
        raise ValueError(f"horizon={horizon!r} must be 0 or above")
    if math.isinf(horizon) and not _all_come_to_rest(model):
        raise ValueError(
            f"horizon={horizon!r} has no end: {model.name} has states from which no path leads "
            "to a state without transitions. Give a finite number of years"
        )
    return min(horizon, np.finfo(float).max)


def _all_come_to_rest(model: MultiStateModel) -> bool:
    """Return whether a path leads from every state to one that nobody leaves."""
    resting = {state for state in model.states if not model.outgoing(state)}
    while more := {t.from_state for t in model.transitions if t.to_state in resting} - resting:
        resting |= more
    return resting == set(model.states)


def _enroll(
    model: MultiStateModel, cohort: Cohort, *, horizon: float, rng: np.random.Generator
) -> list[Patient]:
    """Draw everybody's class and start; give each the disease of their kind."""
    n = cohort.n_patients
    laws = model.successive_laws
    kinds = [
        [law.class_ratios(law.latent_classes[number]) for law in laws]
        for number in range(len(model.latent_classes))
    ]
    kind = rng.choice(len(kinds), n, p=[c.probability for c in model.latent_classes]).tolist()
    start = rng.choice(len(model.starts), n, p=[s.probability for s in model.starts]).tolist()
    if cohort.courses:
        diseases = [
            _disease(
                [_own_law(model, cohort, position)], [ratio], horizon=horizon, n_ahead=0, rng=rng
            )
            for position, ratio in enumerate(_own_ratios(cohort, [kinds[k][0] for k in kind]))
        ]
    elif cohort.thresholds:
        diseases = [
            Disease(model, ratio, horizon=horizon, n_ahead=0, thresholds=own, rng=rng)
            for ratio, own in zip(
                _own_ratios(cohort, [kinds[k][0] for k in kind]), _fixed(cohort), strict=True
            )
        ]
    elif cohort.hazard_ratio is None:
        n_ahead = min(n, STAYS_PER_DRAW)
        shared = [_disease(laws, r, horizon=horizon, n_ahead=n_ahead, rng=rng) for r in kinds]
        diseases = [shared[k] for k in kind]
    else:
        own = np.array(kinds)[kind]
        ratios = (own * _of_patients(cohort, own.shape[-1])[:, None]).tolist()
        diseases = [_disease(laws, r, horizon=horizon, n_ahead=0, rng=rng) for r in ratios]
    first_states = [(model.index(s.state), s.time_in_state) for s in model.starts]
    return [
        Patient(row=row, state=first_states[k][0], spent=first_states[k][1], disease=disease)
        for row, k, disease in zip(_positions(cohort).tolist(), start, diseases, strict=True)
    ]


def _disease(
    laws: Sequence[MultiStateModel],
    ratios: Sequence[Sequence[float]],
    *,
    horizon: float,
    n_ahead: int,
    rng: np.random.Generator,
) -> Disease:
    """Return the disease under the first law, which knows that under the next."""
    *earlier, last = zip(laws, ratios, strict=True)
    disease = Disease(*last, horizon=horizon, n_ahead=n_ahead, rng=rng)
    for law, multiplied in reversed(earlier):
        disease = Disease(
            law, multiplied, horizon=horizon, n_ahead=n_ahead, afterwards=disease, rng=rng
        )
    return disease


def _own_law(model: MultiStateModel, cohort: Cohort, position: int) -> MultiStateModel:
    """Return the law of one patient, whose treatment took its own course."""
    transitions = list(model.transitions)
    for number, course in cohort.courses.items():
        ratio = course.of_patient(position)
        transitions[number] = replace(transitions[number], ratio=ratio)
    return replace(model, transitions=tuple(transitions))


def _own_ratios(cohort: Cohort, of_class: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return what class and covariates multiply each patient's hazards with."""
    ratios = np.array(of_class)
    if cohort.hazard_ratio is not None:
        ratios = ratios * _of_patients(cohort, ratios.shape[-1])
    own: list[list[float]] = ratios.tolist()
    return own


def _of_patients(cohort: Cohort, n_transitions: int) -> FloatArray:
    """Return what multiplies each patient's hazards, (n_patients, n_transitions)."""
    found = np.ones((cohort.n_patients, n_transitions))
    for k, ratio in (cohort.hazard_ratio or {}).items():
        found[:, k] = ratio
    return found


def _fixed(cohort: Cohort) -> list[dict[int, float]]:
    """Return of each patient at which cumulative hazard a transition comes, by its position."""
    by_transition = {k: own.tolist() for k, own in cohort.thresholds.items()}
    return [{k: own[row] for k, own in by_transition.items()} for row in range(cohort.n_patients)]


def _positions(cohort: Cohort) -> IntArray:
    """Return the cohort's rows, one by one."""
    rows: Rows = cohort.rows
    if not isinstance(rows, slice):
        return np.asarray(rows)
    first, step = rows.start or 0, rows.step or 1
    return np.arange(first, first + step * cohort.n_patients, step)
