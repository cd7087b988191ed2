"""From histories to what a test takes: the outcome of an endpoint at a data cutoff."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from lupusim.analysis.ordinal.win_levels import Level
from lupusim.analysis.outcomes import (
    BinaryOutcome,
    CountOutcome,
    HierarchicalOutcome,
    NumberOutcome,
    Outcome,
    SurvivalOutcome,
)
from lupusim.arrays import FloatArray, StateArray
from lupusim.endpoints.marker import MarkerChangeMeasurement, MarkerResponderMeasurement
from lupusim.endpoints.responses import OrdinalMeasurement, ResponderMeasurement
from lupusim.endpoints.setting import (
    Course,
    Known,
    MarkerValues,
    Setting,
    Streams,
    Visits,
    clocks,
    imperfect_visits,
)
from lupusim.endpoints.times import (
    EventCountMeasurement,
    TimeInStatesMeasurement,
    TimeToEventMeasurement,
    VisitedTimeToEventMeasurement,
)
from lupusim.records import HazardAlong, Observation, Recorder
from lupusim.trial import Endpoint, Responder, TimeToEvent, Trial
from lupusim.trial.endpoints import (
    EventCount,
    Hierarchy,
    MarkerChange,
    MarkerResponder,
    OrdinalState,
    SustainedResponder,
    TimeInStates,
)
from lupusim.trial.observation import Strategy

__all__ = [
    "BinaryOutcome",
    "Measurement",
    "Outcome",
    "SurvivalOutcome",
    "marker_of",
    "measure",
    "measure_trial",
    "outcome_kind",
    "strikes_of",
    "visits_of",
]


class Measurement(Protocol):
    """Listens to a block of histories on behalf of one endpoint."""

    @property
    def recorders(self) -> Sequence[Recorder]:
        """What the engine must tell; several measurements may share one."""
        ...

    def event_time(self, watched_until: FloatArray) -> FloatArray:
        """Return the study time of each patient's event if seen by then, else ``inf``."""
        ...

    def outcome(self, observation: Observation) -> Outcome:
        """Return what the trial knows at its data cutoff."""
        ...

    def level(self, observation: Observation) -> Level:
        """Return what a hierarchy compares of two patients at the data cutoff."""
        ...


def outcome_kind(endpoint: Endpoint) -> type[Outcome]:
    """Return the kind of outcome that an endpoint gives."""
    kinds: dict[type[Endpoint], type[Outcome]] = {
        Responder: BinaryOutcome,
        SustainedResponder: BinaryOutcome,
        TimeToEvent: SurvivalOutcome,
        EventCount: CountOutcome,
        TimeInStates: NumberOutcome,
        OrdinalState: NumberOutcome,
        MarkerChange: NumberOutcome,
        MarkerResponder: BinaryOutcome,
        Hierarchy: HierarchicalOutcome,
    }
    return kinds[type(endpoint)]


def measure(endpoint: Endpoint, states: Sequence[str], shape: tuple[int, int]) -> Measurement:
    """Return the measurement of an endpoint on (n_replicates, n_patients) patients.

    Visits go as planned and nothing intervenes.
    """
    return measure_in(endpoint, Setting(states=states, shape=shape))


def measure_trial(
    trial: Trial,
    arm: StateArray,
    *,
    numbers: Mapping[str, FloatArray],
    streams: Streams,
) -> tuple[Measurement, ...]:
    """Return a measurement for each endpoint of a trial, the primary first.

    Parameters
    ----------
    trial : Trial
        Whose endpoints they are.
    arm : (n_replicates, n_patients) int8 array
        The position of each patient's arm in the trial.
    numbers : mapping of str to (n_replicates, n_patients) array
        What is known of the patients at baseline.
    streams : callable
        From a purpose to its stream; asked only for what the trial has.
    """
    absorbing = tuple(trial.arms[0].model.absorbing or ())
    n_patients = arm.size
    setting = Setting(
        states=trial.states,
        shape=(arm.shape[0], arm.shape[1]),
        absorbing=absorbing,
        visits=_visits(trial, n_patients, streams),
        strikes=strikes_of(trial, n_patients, streams),
        marker=marker_of(trial, arm, numbers, streams),
    )
    return tuple(
        measure_in(endpoint, _with_strategies_of(endpoint, trial, setting))
        for endpoint in trial.endpoints
    )


def _with_strategies_of(endpoint: Endpoint, trial: Trial, setting: Setting) -> Setting:
    """Return the setting with what this endpoint does about intercurrent events."""
    strikes = tuple(
        (event.strategy_of(endpoint.name), clock)
        for event, (_, clock) in zip(trial.intercurrent_events, setting.strikes, strict=True)
    )
    return replace(setting, strikes=strikes)


def strikes_of(
    trial: Trial, n_patients: int, streams: Streams
) -> tuple[tuple[Strategy, HazardAlong], ...]:
    """Return when each intercurrent event of a trial strikes its patients."""
    absorbing = tuple(trial.arms[0].model.absorbing or ())
    return clocks(
        trial.intercurrent_events,
        trial.states,
        absorbing,
        n_patients=n_patients,
        streams=streams,
    )


def marker_of(
    trial: Trial, arm: StateArray, numbers: Mapping[str, FloatArray], streams: Streams
) -> MarkerValues | None:
    """Return the marker's values of a trial's patients; None where it has no marker."""
    if trial.marker is None:
        return None
    known = None
    if name := trial.marker.baseline:
        start = trial.arms[0].model.starts[0].state  # of everybody, by the trial's own checks
        known = Known(numbers[name].ravel(), start)
    return MarkerValues(
        trial.marker,
        trial.states,
        Course(trial.visits, tuple(one.name for one in trial.arms), arm.ravel()),
        known=known,
        rng=streams("marker"),
    )


def _visits(trial: Trial, n_patients: int, streams: Streams) -> Visits | None:
    """Return the visits that all endpoints share; None where each may watch its own alone."""
    needed = not trial.visit_conduct.is_perfect or trial.intercurrent_events or trial.marker
    return visits_of(trial, n_patients, streams) if needed else None


def visits_of(trial: Trial, n_patients: int, streams: Streams) -> Visits:
    """Return the visits of a trial's patients; the same streams give the same visits."""
    if not trial.visit_conduct.is_perfect:
        return imperfect_visits(
            trial.visits,
            n_patients,
            conduct=trial.visit_conduct,
            states=trial.states,
            follow_up=trial.follow_up,
            rng=streams("visits"),
        )
    return Visits(trial.visits, n_patients)


def measure_in(endpoint: Endpoint, setting: Setting) -> Measurement:
    """Return the measurement of an endpoint, with what the endpoints of its trial share."""
    if isinstance(endpoint, TimeToEvent):
        by_visit = endpoint.visits and set(endpoint.events) - set(setting.absorbing)
        kind = VisitedTimeToEventMeasurement if by_visit else TimeToEventMeasurement
        return kind(endpoint, setting)
    makers: dict[type[Endpoint], Callable[[Any, Setting], Measurement]] = {
        Responder: ResponderMeasurement,
        SustainedResponder: ResponderMeasurement,
        EventCount: EventCountMeasurement,
        TimeInStates: TimeInStatesMeasurement,
        OrdinalState: OrdinalMeasurement,
        MarkerChange: MarkerChangeMeasurement,
        MarkerResponder: MarkerResponderMeasurement,
        Hierarchy: HierarchyMeasurement,
    }
    return makers[type(endpoint)](endpoint, setting)


class HierarchyMeasurement:
    """Several endpoints of each patient, to be compared one after the other."""

    def __init__(self, endpoint: Hierarchy, setting: Setting) -> None:
        self.measurements = [measure_in(level, setting) for level in endpoint.levels]
        self.recorders: Sequence[Recorder] = [r for m in self.measurements for r in m.recorders]

    def event_time(self, watched_until: FloatArray) -> FloatArray:
        """Return ``inf``: a hierarchy is no event."""
        return np.full_like(watched_until, np.inf)

    def outcome(self, observation: Observation) -> HierarchicalOutcome:
        """Return what every level compares."""
        levels = [measurement.level(observation) for measurement in self.measurements]
        enrolled = observation.enrollment_time <= observation.cutoff[:, None] + _ROUNDING
        return HierarchicalOutcome(levels=levels, included=enrolled, arm=observation.arm)

    def level(self, observation: Observation) -> Level:
        """Refuse: a hierarchy holds no other."""
        del observation
        raise ValueError("a hierarchy cannot hold another one")


_ROUNDING = 1e-9
