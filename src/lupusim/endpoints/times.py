"""When things happen to each patient, how often, and for how long a state lasts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lupusim.analysis.ordinal.win_levels import (
    FollowUpLevel,
    Level,
    later_is_better,
    sooner_is_better,
)
from lupusim.analysis.outcomes import CountOutcome, NumberOutcome, SurvivalOutcome
from lupusim.analysis.survival.logrank_looks import Exits
from lupusim.arrays import FloatArray
from lupusim.endpoints.crossings import Entries, Stays
from lupusim.endpoints.setting import TIME_TOLERANCE, Setting
from lupusim.records import FirstEntry, Observation, Recorder
from lupusim.trial.endpoints import Better, EventCount, MissingTime, TimeInStates, TimeToEvent
from lupusim.trial.observation import Strategy

_ENDS_OBSERVATION = (Strategy.HYPOTHETICAL, Strategy.WHILE_ON_TREATMENT)


def _until_strike(setting: Setting, seen_until: FloatArray) -> FloatArray:
    """Return how long each patient counts, where events end the observation."""
    strike = setting.strike(seen_until, *_ENDS_OBSERVATION)
    return seen_until if strike is None else np.minimum(seen_until, strike)


def _with_failures(time: FloatArray, strike: FloatArray | None, better: Better) -> FloatArray:
    """Return the times of events (years) where a strike that is a failure counts.

    It is an event where these should be few. Where they are hoped for none comes after it: the
    patient stays at risk of one, as who never has it does, to the end of the observation.
    """
    if strike is None:
        return time
    if better is Better.FEWER:
        return np.minimum(time, strike)
    return np.where(strike < time, np.inf, time)


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
        listeners = (self.origin, self.event, self.competing)
        heard = tuple(r for r in listeners if r is not None)
        self.recorders: Sequence[Recorder] = (*heard, *setting.recorders)

    def _event(self, watched_until: FloatArray) -> FloatArray:
        """Return the study time of the event; a strike after the origin may be one too."""
        time: FloatArray = self.event.time.reshape(self.shape)
        strike = self.setting.strike(watched_until, Strategy.COMPOSITE)
        if strike is not None and self.origin is not None:
            late = strike >= self.origin.time.reshape(self.shape)
            strike = np.where(late, strike, np.inf)
        return _with_failures(time, strike, self.better)

    def event_time(self, watched_until: FloatArray) -> FloatArray:
        """Return the study time (years) of each patient's event if seen by then, else ``inf``."""
        time = self._event(watched_until)
        seen = time <= _until_strike(self.setting, watched_until)
        if self.competing is not None:
            seen &= time < self.competing.time.reshape(self.shape)
        # SPEED: what is not seen is divided by 0, four times faster than a choice for each
        # patient (benchmarks/cases.py). Nobody has an event at time 0 that is not seen.
        with np.errstate(divide="ignore"):
            return np.divide(time, seen)

    def exits(self, observation: Observation) -> Exits | None:
        """Return when patients leave the risk set for good; None where a cutoff changes more."""
        if self.origin is not None or self.competing is not None:
            return None
        until = _until_strike(self.setting, observation.watched_until)
        end = self._event(observation.watched_until)
        if not end.all():  # who is not yet enrolled at a look would be at risk at time 0
            return None
        return Exits(
            time=np.minimum(end, until),
            event=end <= until,
            arm=observation.arm,
            enrollment_time=observation.enrollment_time,
        )

    def outcome(self, observation: Observation) -> SurvivalOutcome:
        """Return times and events; those not enrolled or without origin have time 0."""
        seen_until = _until_strike(self.setting, observation.seen_until)
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
        until = _until_strike(self.setting, seen_until).ravel()
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
        strike = self.setting.strike(until.reshape(self.shape), Strategy.COMPOSITE)
        if strike is not None:
            event = _with_failures(event, known(strike.ravel()), self.better)
        rival_death = np.where(self.rival_death.time <= until, self.rival_death.time, np.inf)
        rival = np.minimum(seen.rival, rival_death)
        event = np.where(event < rival, event, np.inf)
        end = np.where(np.isfinite(rival_death), rival, np.minimum(seen.end, rival))
        return _SeenAtVisits(seen.origin, event, rival, end)

    def event_time(self, watched_until: FloatArray) -> FloatArray:
        """Return the study time (years) of each patient's event if seen by then, else ``inf``."""
        return self._seen(watched_until).event.reshape(self.shape)

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


class EventCountMeasurement:
    """How often each patient enters a set of states, and for how long this was watched."""

    def __init__(self, endpoint: EventCount, setting: Setting) -> None:
        self.setting, self.until, self.better = setting, endpoint.until, endpoint.better
        n_patients = setting.n_patients
        self.entries = Entries(setting.positions(endpoint.events), n_patients)
        self.death = FirstEntry(setting.positions(setting.absorbing), n_patients)
        self.recorders: Sequence[Recorder] = (self.entries, self.death, *setting.recorders)

    def event_time(self, watched_until: FloatArray) -> FloatArray:
        """Return the study time (years) of each patient's first event if seen, else ``inf``."""
        first: FloatArray = self.entries.times[0].reshape(self.setting.shape)
        strike = self.setting.strike(watched_until, Strategy.COMPOSITE)
        time = _with_failures(first, strike, self.better)
        end = np.minimum(_until_strike(self.setting, watched_until), self.until)
        return np.where(time <= end, time, np.inf)

    def outcome(self, observation: Observation) -> CountOutcome:
        """Return counts and years; a strike that is a failure counts as an event.

        Where events are hoped for, none counts after it.
        """
        end = np.minimum(_until_strike(self.setting, observation.seen_until), self.until)
        times = self.entries.times.T.reshape(*end.shape, len(self.entries.times))
        strike = self.setting.strike(observation.watched_until, Strategy.COMPOSITE)
        if strike is not None and self.better is Better.FEWER:
            times = np.concatenate([times, strike[:, :, None]], axis=2)
        elif strike is not None:
            times = np.where(times <= strike[:, :, None], times, np.inf)
        count = (times <= end[:, :, None]).sum(axis=2).astype(float)
        years = np.maximum(np.minimum(end, self.death.time.reshape(end.shape)), 0.0)
        return CountOutcome(count=count, years=years, arm=observation.arm, times=times)

    def level(self, observation: Observation) -> Level:
        """Return the events by the end of a pair's common follow-up, which ends with a death."""
        outcome = self.outcome(observation)
        assert outcome.times is not None  # of events that are counted the dates are known
        return FollowUpLevel(
            times=outcome.times,
            followed=outcome.years,
            more_is_better=self.better is Better.MORE,
        )


class TimeInStatesMeasurement:
    """How long each patient is in a set of states up to a study time."""

    def __init__(self, endpoint: TimeInStates, setting: Setting) -> None:
        self.setting, self.until, self.better = setting, endpoint.until, endpoint.better
        self.missing = endpoint.missing
        self.stays = Stays(setting.positions(endpoint.states), setting.n_patients)
        self.death = FirstEntry(setting.positions(setting.absorbing), setting.n_patients)
        self.recorders: Sequence[Recorder] = (self.stays, self.death, *setting.recorders)

    def event_time(self, watched_until: FloatArray) -> FloatArray:
        """Return ``inf``: time in a state is no event."""
        return np.full_like(watched_until, np.inf)

    def outcome(self, observation: Observation) -> NumberOutcome:
        """Return years; what follows a dropout counts as the endpoint says."""
        due = observation.enrollment_time + self.until
        included = due <= observation.cutoff[:, None] + TIME_TOLERANCE
        spared = self.setting.strike(observation.watched_until, Strategy.HYPOTHETICAL)
        if spared is not None:
            included &= spared > self.until
        values, lost = self._known(observation.watched_until)
        if self.missing is MissingTime.IN_STATES:
            values += lost
        elif self.missing is MissingTime.LEFT_OUT:
            included &= lost == 0
        return NumberOutcome(values=values, included=included, arm=observation.arm)

    def _known(self, watched_until: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the years known to be spent in the states, and those of which nothing is known.

        Of the dead all is known. So it is after a strike: if it is a failure, what follows is
        spent where it is worse.
        """
        dead = self.death.time.reshape(watched_until.shape) <= watched_until
        end = np.where(dead, self.until, np.minimum(watched_until, self.until))
        stop = self.setting.strike(end, Strategy.COMPOSITE, Strategy.WHILE_ON_TREATMENT)
        lost = self.until - end
        if stop is not None:
            lost = np.where(np.isfinite(stop), 0.0, lost)
            end = np.minimum(end, stop)
        values = self.stays.time(end.ravel()).reshape(end.shape)
        failed = self.setting.strike(end, Strategy.COMPOSITE)
        if failed is not None and self.better is Better.FEWER:
            values += np.where(np.isfinite(failed), self.until - end, 0.0)
        return values, lost

    def level(self, observation: Observation) -> Level:
        """Return the years by the end of a pair's common follow-up, which ends with a death.

        It ends with an event too after which nothing counts; a composite one is followed by years
        spent where it is worse.
        """
        shape = observation.arm.shape
        times, weights = self.stays.crossings()
        failed = self.setting.strike(observation.watched_until, Strategy.COMPOSITE)
        if failed is not None:
            before = times <= failed.reshape(-1, 1)
            inside = np.where(before, weights, 0.0).sum(axis=1, keepdims=True)
            spent = float(self.better is Better.FEWER)
            times = np.hstack([np.where(before, times, np.inf), failed.reshape(-1, 1)])
            weights = np.hstack([weights, spent - inside])
        followed = np.minimum(_until_strike(self.setting, observation.seen_until), self.until)
        followed = np.minimum(followed, self.death.time.reshape(shape))
        return FollowUpLevel(
            times=times.reshape(*shape, -1),
            weights=weights.reshape(*shape, -1),
            followed=np.maximum(followed, 0.0),
            more_is_better=self.better is Better.MORE,
        )
