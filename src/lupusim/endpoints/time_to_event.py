"""Time to an event: with its date, or as the visits show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from lupusim.analysis.numerics.win_levels import Level, later_is_better, sooner_is_better
from lupusim.analysis.outcomes import SurvivalOutcome
from lupusim.analysis.survival.logrank_looks import Exits
from lupusim.common.arrays import BoolArray, FloatArray, blocks
from lupusim.common.frozen import dataclass
from lupusim.endpoints.base import (
    BETTER,
    ENDPOINTS,
    Around,
    Fields,
    Make,
    Measurement,
    Simple,
    first_remission,
    usually_better,
)
from lupusim.endpoints.setting import Setting
from lupusim.endpoints.strikes import until_strike, with_failures
from lupusim.errors import Problem
from lupusim.records import FirstEntry, Observation, Recorder
from lupusim.trial.checks.endpoints import state_problems, visit_problems
from lupusim.trial.endpoints import LATER_OR_SOONER, Better, EventTime
from lupusim.trial.observation import Consequence

if TYPE_CHECKING:
    from lupusim.trial.design import Trial


@ENDPOINTS.register("time_to_event")
@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToEvent(Simple):
    """Time from an origin to the first entry into a set of states.

    Parameters
    ----------
    name : str
        What to call it.
    events : tuple of str
        States whose first entry is the event.
    origin : tuple of str
        States whose first entry starts the clock; empty for randomization. With an origin
        only patients who reach it are analyzed: a subset formed after randomization.
    competing : tuple of str
        States (such as death) whose entry makes the event impossible: time ends there
        without an event. A death that should count belongs to `events`.
    visits : tuple of float
        Study times (years) of the visits at which alone states are seen: the date is that of
        the first visit at which the event is seen. Empty: dates are known. States that end a
        history (death) always have their date.
    better : Better
        Direction of benefit.

    Examples
    --------
    >>> TimeToEvent(name="survival", events=("death",)).better
    <Better.FEWER: -1>
    """

    outcome: ClassVar[type[SurvivalOutcome]] = SurvivalOutcome  # what a test takes

    name: str
    events: tuple[str, ...]
    origin: tuple[str, ...] = ()
    competing: tuple[str, ...] = ()
    visits: tuple[float, ...] = ()
    better: Better = Better.FEWER

    def __post_init__(self) -> None:
        if not self.events:
            raise ValueError("events is empty: name the states whose entry is the event")
        if both := set(self.events) & set(self.competing):
            raise ValueError(f"{sorted(both)} cannot be both an event and competing")

    @property
    def time_of_event(self) -> EventTime:
        """It is one."""
        return self

    def measurement(self, setting: Setting) -> Measurement:
        """Return what listens to a block of histories: at visits, or with every date."""
        by_visit = self.visits and set(self.events) - set(setting.absorbing)
        kind = VisitedTimeToEventMeasurement if by_visit else TimeToEventMeasurement
        return kind(self, setting)

    def problems(self, key: str, trial: Trial) -> Iterator[Problem]:
        """Yield everything that is wrong with it in a trial, by the keys below `key`."""
        yield from _death_problems(key, self, trial)
        for visit in self.visits:
            yield from visit_problems(f"{key}.visits", visit, trial)
        named = {"events": self.events, "origin": self.origin, "competing": self.competing}
        for part, states in named.items():
            yield from state_problems(f"{key}.{part}", states, trial)

    @staticmethod
    def read(fields: Fields, around: Around) -> Make:
        """Read events, origin, competing states, and how they are observed."""
        events = fields.states("events")
        origin = _origin(fields, around)
        competing = fields.states("competing") if fields.has("competing") else ()
        seen = fields.choice("observed", {"exactly": (), "at_visits": around.visits}, ())
        if fields.is_said("observed", "at_visits") and not around.visits:
            fields.report("observed", "the trial has no visits", "Name them at the top.")
        name = fields.text("name", f"time to {' or '.join(events)}")
        better = fields.choice("better", {**LATER_OR_SOONER, **BETTER}, usually_better(events))
        return lambda: TimeToEvent(
            name=name,
            events=events,
            origin=origin,
            competing=competing,
            visits=tuple(sorted(seen)),
            better=better,
        )


@ENDPOINTS.register("survival")
class Survival:
    """Time to the states that end a history: a time to an event by another name."""

    @staticmethod
    def read(fields: Fields, around: Around) -> Make:
        """Read nothing but a name."""
        events = (around.model.absorbing if around.model else None) or ("death",)
        if around.model is not None and not around.model.absorbing:
            fault = "the model says of no state that it ends a history"
            fields.report("kind", fault, "Name such states under 'absorbing' in the model's file.")
        name = fields.text("name", "survival")
        return lambda: TimeToEvent(name=name, events=events)


def _origin(fields: Fields, around: Around) -> tuple[str, ...]:
    """Return the states whose first entry starts the clock; none for randomization."""
    if not fields.has("origin") or fields.is_said("origin", "randomization"):
        return ()
    if not fields.is_said("origin", "first_remission"):
        return fields.states("origin")
    remissions = first_remission(around.model)
    if around.model is not None and not remissions:
        fault = "the model has no state whose name ends in 'remission'"
        fields.report("origin", fault, "Name the states, or 'randomization'.")
    return remissions


def _death_problems(key: str, endpoint: TimeToEvent, trial: Trial) -> Iterator[Problem]:
    for state in trial.arms[0].model.absorbing or ():
        if state not in (*endpoint.events, *endpoint.competing):
            yield Problem(
                key=f"{key}.competing",
                fault=f"nothing is said of {state!r}, which ends a patient's history",
                fix="Put it among the events (it counts) or under competing (it does not).",
            )


class _Leaving(NamedTuple):
    """When patients leave the risk set, (n_replicates, n_patients) each."""

    watched_until: FloatArray  # for which this was asked
    time: FloatArray
    event: BoolArray  # whether it is with the event
    is_at_once: bool  # whether somebody leaves at time 0


class TimeToEventMeasurement:
    """When each patient has the event, counted from the endpoint's origin."""

    def __init__(self, endpoint: TimeToEvent, setting: Setting) -> None:
        self.setting, self.shape, self.better = setting, setting.shape, endpoint.better
        n_patients = setting.n_patients
        self.origin = (
            FirstEntry(setting.positions(endpoint.origin), n_patients) if endpoint.origin else None
        )
        events = setting.positions(endpoint.events)
        self.event = FirstEntry(events, n_patients, after=self.origin)
        self.competing = (
            FirstEntry(setting.positions(endpoint.competing), n_patients)
            if endpoint.competing
            else None
        )
        self._plain = self.origin is None and self.competing is None
        self._known: _Leaving | None = None
        listeners = (self.origin, self.event, self.competing)
        heard = tuple(r for r in listeners if r is not None)
        self.recorders: Sequence[Recorder] = (*heard, *setting.recorders)

    def _event(self, watched_until: FloatArray) -> FloatArray:
        """Return the study time of the event; a strike after the origin may be one too."""
        time: FloatArray = self.event.time.reshape(self.shape)
        strike = self.setting.strike(watched_until, Consequence.FAILURE)
        if strike is not None and self.origin is not None:
            late = strike >= self.origin.time.reshape(self.shape)
            strike = np.where(late, strike, np.inf)
        return with_failures(time, strike, self.better)

    def event_time(self, watched_until: FloatArray) -> FloatArray:
        """Return the study time (years) of each patient's event if seen by then, else ``inf``."""
        time = self._event(watched_until)
        if self._plain:
            seen = self._leaving(watched_until).event
        else:
            seen = time <= until_strike(self.setting, watched_until)
        if self.competing is not None:
            seen &= time < self.competing.time.reshape(self.shape)
        # SPEED: what is not seen is divided by 0, four times faster than a choice for each
        # patient (benchmarks/cases.py). Nobody has an event at time 0 that is not seen.
        with np.errstate(divide="ignore"):
            return np.divide(time, seen)

    def exits(self, observation: Observation) -> Exits | None:
        """Return when patients leave the risk set for good; None where a cutoff changes more."""
        if not self._plain:
            return None
        leaving = self._leaving(observation.watched_until)
        if leaving.is_at_once:  # who is not yet enrolled at a look would be at risk at time 0
            return None
        return Exits(
            time=leaving.time,
            event=leaving.event,
            arm=observation.arm,
            enrollment_time=observation.enrollment_time,
        )

    def _leaving(self, watched_until: FloatArray) -> _Leaving:
        """Return when patients leave the risk set if the data are never cut."""
        # SPEED: looks, controls and dates of events ask for the same (benchmarks/cases.py)
        if self._known is None or self._known.watched_until is not watched_until:
            end, until = self._event(watched_until), until_strike(self.setting, watched_until)
            time, event = np.empty(self.shape), np.empty(self.shape, dtype=bool)
            for part in blocks(*self.shape):
                np.minimum(end[part], until[part], out=time[part])
                np.less_equal(end[part], until[part], out=event[part])
            self._known = _Leaving(watched_until, time, event, not time.all())
        return self._known

    def outcome(self, observation: Observation) -> SurvivalOutcome:
        """Return times and events; those not enrolled or without origin have time 0."""
        if self._plain and not self.setting.strikes:
            return self._cut(observation)
        seen_until = until_strike(self.setting, observation.seen_until)
        end = self._event(observation.watched_until)
        event = end <= seen_until
        competed, possible = None, None
        if self.competing is not None:
            competing = self.competing.time.reshape(self.shape)
            event &= end < competing
            competed = (competing <= seen_until) & ~event
            end = np.minimum(end, competing)
        time = np.minimum(end, seen_until)
        origin = None if self.origin is None else self.origin.time.reshape(self.shape)
        if competed is not None:
            possible = seen_until - (0.0 if origin is None else origin)
            competed &= possible >= 0
            possible = np.maximum(possible, 0.0)
        if origin is not None:
            time -= origin
        np.maximum(time, 0.0, out=time)
        return SurvivalOutcome(
            time=time,
            event=event,
            arm=observation.arm,
            competing=competed,
            possible=possible,
        )

    def _cut(self, observation: Observation) -> SurvivalOutcome:
        """Return the same where a cutoff does nothing but to censor."""
        leaving = self._leaving(observation.watched_until)
        time, event = np.empty(self.shape), np.empty(self.shape, dtype=bool)
        for part in blocks(*self.shape):
            reached = observation.reached_in(part)
            np.less_equal(leaving.time[part], reached, out=event[part])
            event[part] &= leaving.event[part]
            np.minimum(reached, leaving.time[part], out=reached)
            np.maximum(reached, 0.0, out=time[part])
        return SurvivalOutcome(time=time, event=event, arm=observation.arm)

    def level(self, observation: Observation) -> Level:
        """Return the times."""
        return _level_of_times(self.outcome(observation), self.better)


class _SeenAtVisits(NamedTuple):
    """Study times (years) of each patient's origin, event and competing event, and of the end.

    Arrays of shape (n_patients,); ``inf`` for what was not seen. The end is that of a patient
    without an event.
    """

    origin: FloatArray
    event: FloatArray
    rival: FloatArray
    end: FloatArray


class VisitedTimeToEventMeasurement:
    """When each patient's event is first seen at a visit.

    Who has no event is known to be free of it up to the last visit that took place; the
    dates of states that end a history are known.
    """

    def __init__(self, endpoint: TimeToEvent, setting: Setting) -> None:
        self.setting, self.shape, self.better = setting, setting.shape, endpoint.better
        self.visits, self.numbers = setting.visits_at(endpoint.visits)
        names = (endpoint.origin, endpoint.events, endpoint.competing)
        self.origin, self.event, self.competing = (setting.members(n) for n in names)
        self.dead = setting.members(setting.absorbing)
        self.death = FirstEntry(np.flatnonzero(self.dead & self.event), setting.n_patients)
        rival = np.flatnonzero(self.dead & self.competing)
        self.rival_death = FirstEntry(rival, setting.n_patients)
        self.recorders: Sequence[Recorder] = (
            self.visits.recorder,
            self.death,
            self.rival_death,
            *setting.recorders,
        )

    def _seen(self, seen_until: FloatArray) -> _SeenAtVisits:
        """Return when what was seen of each patient."""
        until = until_strike(self.setting, seen_until).ravel()
        n_patients = until.size
        origin = np.full(n_patients, np.inf if self.origin.any() else 0.0)
        event, rival = np.full(n_patients, np.inf), np.full(n_patients, np.inf)
        last = np.zeros(n_patients)
        for number in self.numbers:
            state = self.visits.seen(number)
            here = self.visits.took_place(number, until) & ~self.dead[self.visits.true(number)]
            time = np.broadcast_to(self.visits.times[number], (n_patients,))
            last = np.where(here, time, last)
            due = here & (origin <= time) & np.isinf(event)
            event = np.where(due & self.event[state], time, event)
            rival = np.where(here & self.competing[state] & np.isinf(rival), time, rival)
            origin = np.where(here & self.origin[state] & np.isinf(origin), time, origin)
        return self._with_dates(_SeenAtVisits(origin, event, rival, last), until)

    def _with_dates(self, seen: _SeenAtVisits, until: FloatArray) -> _SeenAtVisits:
        """Add what is known with its date: deaths, and strikes that count as failures."""

        def known(time: FloatArray) -> FloatArray:
            return np.where((time <= until) & (time >= seen.origin), time, np.inf)

        event = np.minimum(seen.event, known(self.death.time))
        strike = self.setting.strike(until.reshape(self.shape), Consequence.FAILURE)
        if strike is not None:
            event = with_failures(event, known(strike.ravel()), self.better)
        rival_death = np.where(self.rival_death.time <= until, self.rival_death.time, np.inf)
        rival = np.minimum(seen.rival, rival_death)
        event = np.where(event < rival, event, np.inf)
        end = np.where(np.isfinite(rival_death), rival, np.minimum(seen.end, rival))
        return _SeenAtVisits(seen.origin, event, rival, end)

    def event_time(self, watched_until: FloatArray) -> FloatArray:
        """Return the study time (years) of each patient's event if seen by then, else ``inf``."""
        return self._seen(watched_until).event.reshape(self.shape)

    def exits(self, observation: Observation) -> None:
        """Return None: what a visit shows depends on the cutoff."""
        return

    def outcome(self, observation: Observation) -> SurvivalOutcome:
        """Return times and events; those not enrolled or without origin have time 0."""
        origin, event, rival, end = self._seen(observation.seen_until)
        has_event = np.isfinite(event)
        started = np.isfinite(origin)
        possible = np.maximum(observation.seen_until.ravel() - np.where(started, origin, 0.0), 0.0)
        time = np.where(has_event, event, end)
        time = np.where(np.isfinite(origin), np.maximum(time - origin, 0.0), 0.0)
        return SurvivalOutcome(
            time=time.reshape(self.shape),
            event=has_event.reshape(self.shape),
            arm=observation.arm,
            competing=(np.isfinite(rival) & ~has_event & started).reshape(self.shape),
            possible=possible.reshape(self.shape),
        )

    def level(self, observation: Observation) -> Level:
        """Return the times."""
        return _level_of_times(self.outcome(observation), self.better)


def _level_of_times(outcome: SurvivalOutcome, better: Better) -> Level:
    timed = sooner_is_better if better is Better.MORE else later_is_better
    return timed(outcome.time, outcome.event)
