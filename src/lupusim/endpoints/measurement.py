"""From histories to what a test takes: the outcome of an endpoint at a data cutoff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lupusim.common.arrays import FloatArray, StateArray
from lupusim.endpoints.base import Measurement
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
from lupusim.records import HazardAlong
from lupusim.trial import Endpoint, Trial
from lupusim.trial.observation import Strategy
from lupusim.trial.population.correlated import CORRELATED


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
        endpoint.measurement(_with_strategies_of(endpoint, trial, setting))
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
    known, own = None, None
    correlated = trial.population.correlated
    if correlated is not None and correlated.of_marker is not None:
        deviates = correlated.draw(arm.size, rng=streams(CORRELATED))
        own = deviates[correlated.of_marker]
    if name := trial.marker.baseline:
        start = trial.arms[0].model.starts[0].state  # of everybody, by the trial's own checks
        known = Known(numbers[name].ravel(), start)
    return MarkerValues(
        trial.marker,
        trial.states,
        Course(trial.visits, tuple(one.name for one in trial.arms), arm.ravel()),
        known=known,
        own=own,
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
