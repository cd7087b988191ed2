"""From histories to what a test takes: the outcome of an endpoint at a data cutoff."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from lupusim.analysis.outcomes import BinaryOutcome, Outcome, SurvivalOutcome
from lupusim.arrays import FloatArray
from lupusim.records import FirstEntry, Observation, Recorder, StateAt
from lupusim.trial import Endpoint, Responder, TimeToEvent

__all__ = [
    "BinaryOutcome",
    "Measurement",
    "Outcome",
    "SurvivalOutcome",
    "measure",
    "outcome_kind",
]

_TIME_TOLERANCE = 1e-9  # years: a visit due at the very cutoff counts


class Measurement(Protocol):
    """Listens to a block of histories on behalf of one endpoint."""

    @property
    def recorders(self) -> Sequence[Recorder]:
        """What the engine must tell."""
        ...

    def event_time(self, watched_until: FloatArray) -> FloatArray:
        """Return the study time of each patient's event if seen by then, else ``inf``."""
        ...

    def outcome(self, observation: Observation) -> Outcome:
        """Return what the trial knows at its data cutoff."""
        ...


def outcome_kind(endpoint: Endpoint) -> type[Outcome]:
    """Return the kind of outcome that an endpoint gives."""
    return BinaryOutcome if isinstance(endpoint, Responder) else SurvivalOutcome


def measure(endpoint: Endpoint, states: Sequence[str], shape: tuple[int, int]) -> Measurement:
    """Return the measurement of an endpoint on (n_replicates, n_patients) patients."""
    if isinstance(endpoint, Responder):
        return ResponderMeasurement(endpoint, states, shape)
    return TimeToEventMeasurement(endpoint, states, shape)


def _positions(names: Sequence[str], states: Sequence[str]) -> list[int]:
    return [states.index(name) for name in names]


class ResponderMeasurement:
    """Whether each patient is in one of the states at the visit, and still in the trial."""

    def __init__(self, endpoint: Responder, states: Sequence[str], shape: tuple[int, int]) -> None:
        self.at = endpoint.at
        self.shape = shape
        self.member = np.isin(np.arange(len(states)), _positions(endpoint.states, states))
        self.state_at = StateAt([endpoint.at], shape[0] * shape[1])
        self.recorders: Sequence[Recorder] = (self.state_at,)

    def event_time(self, watched_until: FloatArray) -> FloatArray:
        """Return ``inf``: a response at a visit is no event."""
        return np.full_like(watched_until, np.inf)

    def outcome(self, observation: Observation) -> BinaryOutcome:
        """Return responses; dropouts are non-responders, visits after the cutoff are out."""
        present = self.member[self.state_at.states[0]].reshape(self.shape)
        due = observation.enrollment_time + self.at
        return BinaryOutcome(
            response=present & (observation.watched_until >= self.at - _TIME_TOLERANCE),
            included=due <= observation.cutoff[:, None] + _TIME_TOLERANCE,
            arm=observation.arm,
        )


class TimeToEventMeasurement:
    """When each patient has the event, counted from the endpoint's origin."""

    def __init__(
        self, endpoint: TimeToEvent, states: Sequence[str], shape: tuple[int, int]
    ) -> None:
        self.shape = shape
        n_patients = shape[0] * shape[1]
        self.origin = (
            FirstEntry(_positions(endpoint.origin, states), n_patients) if endpoint.origin else None
        )
        self.event = FirstEntry(_positions(endpoint.events, states), n_patients, after=self.origin)
        self.competing = (
            FirstEntry(_positions(endpoint.competing, states), n_patients)
            if endpoint.competing
            else None
        )
        listeners = (self.origin, self.event, self.competing)
        self.recorders: Sequence[Recorder] = tuple(r for r in listeners if r is not None)

    def event_time(self, watched_until: FloatArray) -> FloatArray:
        """Return the study time (years) of each patient's event if seen by then, else ``inf``."""
        time = self.event.time.reshape(self.shape).copy()
        time[time > watched_until] = np.inf
        if self.competing is not None:
            time[time >= self.competing.time.reshape(self.shape)] = np.inf
        return time

    def outcome(self, observation: Observation) -> SurvivalOutcome:
        """Return times and events; those not enrolled or without origin have time 0."""
        seen_until = observation.seen_until
        end = self.event.time.reshape(self.shape)
        event = end <= seen_until
        if self.competing is not None:
            competing = self.competing.time.reshape(self.shape)
            event &= end < competing
            end = np.minimum(end, competing)
        time = np.minimum(end, seen_until)
        if self.origin is not None:
            time -= self.origin.time.reshape(self.shape)
        np.maximum(time, 0.0, out=time)
        return SurvivalOutcome(time=time, event=event, arm=observation.arm)
