"""What a trial sees at a data cutoff, and what its analysis says of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lupusim.analysis.outcomes import Outcome
from lupusim.analysis.proportions.score_interval import intervals_left_out
from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.records import Observation
from lupusim.simulation.generation.generation import Generated
from lupusim.simulation.quantities import at_look, of_arm
from lupusim.trial import Analysis, Cutoff, Trial, Verdict
from lupusim.trial.allocation.base import without_gaps
from lupusim.trial.durations import LONGEST_FOLLOW_UP
from lupusim.trial.looks import (
    Entries,
    EventsOf,
    counts_in,
)


def cut(generated: Generated, cutoff: Cutoff, *, earliest: FloatArray | float = 0.0) -> Observation:
    """Cut the data by a rule, but not before `earliest` (calendar time, years)."""
    return observed(generated, np.maximum(time_of(cutoff, generated), earliest))


def time_of(cutoff: Cutoff, generated: Generated) -> FloatArray:
    """Return the calendar time (years) of a cutoff in each replicate; ``inf`` for never."""
    return cutoff.calendar_time(
        Entries(enrolled=generated.enrollment_time, events_of=events_by_calendar(generated))
    )


def events_by_calendar(generated: Generated) -> EventsOf:
    """Return what looks up the calendar times of the observed events of an endpoint and arm."""

    def events_of(endpoint: int, arm: int | None) -> FloatArray:
        event_time = generated.measurements[endpoint].event_time(generated.watched_until)
        event_time += generated.enrollment_time
        return event_time if arm is None else np.where(generated.arm == arm, event_time, np.inf)

    return events_of


def observed(generated: Generated, cutoff: FloatArray) -> Observation:
    """Return what the trial sees at its data cutoffs (calendar time, years; (n_replicates,))."""
    return Observation(
        arm=generated.arm,
        enrollment_time=generated.enrollment_time,
        watched_until=generated.watched_until,
        cutoff=cutoff,
        levels=generated.levels,
        covariates=generated.patients.numbers,
        open_arms=generated.open_arms,
    )


def analyze(
    trial: Trial, analysis: Analysis, observation: Observation, outcome: Outcome, *, sided: int
) -> Verdict:
    """Return the verdict of the trial's test, with one or two sides."""
    adjusted = adjustment(trial, analysis, observation)
    with intervals_asked_of(analysis):
        return analysis.test(outcome, better=trial.primary.better, sided=sided, **adjusted)


def intervals_asked_of(analysis: Analysis) -> AbstractContextManager[None]:
    """Leave out intervals that take long where no true effect is known that they may hold."""
    return intervals_left_out() if analysis.truth is None else nullcontext()


def adjustment(
    trial: Trial, analysis: Analysis, observation: Observation
) -> dict[str, NDArray[np.generic]]:
    """Return what a test is adjusted for, by the names of its arguments.

    `stratum`, (n_replicates, n_patients), and where the analysis names some `covariates`,
    (n_replicates, n_patients, n_covariates): a test that takes none is not asked to.
    """
    shape = (observation.arm.shape[0], observation.arm.shape[1])
    stratum = trial.population.stratum(observation.levels, analysis.stratify_by, shape)
    found: dict[str, NDArray[np.generic]] = {"stratum": without_gaps(stratum)}
    if analysis.adjust_for:
        columns = [observation.covariates[name] for name in analysis.adjust_for]
        found["covariates"] = np.stack(columns, axis=2)
    return found


def conduct(
    trial: Trial, observation: Observation, outcomes: Sequence[Outcome]
) -> dict[str, FloatArray]:
    """Return how long the trial took and what each arm showed."""
    duration = _duration(trial, observation, outcomes)
    return when_ended(trial, duration, observation.cutoff) | shown_by_arm(trial, outcomes)


def when_ended(trial: Trial, duration: FloatArray, cutoff: FloatArray) -> dict[str, FloatArray]:
    """Return how long the trial took (years), and whether its last cutoff came; (n_replicates,)."""
    found = {"duration": duration, "missed_cutoff": np.isinf(cutoff).astype(float)}
    return found if trial.interims else found | waited(1, trial.cutoff, cutoff)


def waited(number: int, cutoff: Cutoff, time: FloatArray) -> dict[str, FloatArray]:
    """Return how often a look was held at its latest date; nothing where it has none.

    Parameters
    ----------
    number : int
        Of the look, from 1.
    cutoff : Cutoff
        Its clock and limits.
    time : (n_replicates,) array
        When it was held; NaN where it was not.

    Returns
    -------
    dict
        `look_K_short`, where the clock had not come when the look was held, and with an
        extension `look_K_extended`, where the trial went on beyond the latest date.
    """
    latest, end = cutoff.latest_dates
    if np.isinf(end):
        return {}
    known = ~np.isnan(time)
    found = {at_look("short", number): np.where(known, time >= end, np.nan)}
    if end > latest:
        found[at_look("extended", number)] = np.where(known, time > latest, np.nan)
    return found


def _duration(trial: Trial, observation: Observation, outcomes: Sequence[Outcome]) -> FloatArray:
    """Return the calendar time (years) at which each trial ends; NaN where it never does."""
    duration = observation.cutoff.copy()
    endless = np.isinf(duration)
    if endless.any():
        there = np.isfinite(observation.enrollment_time)
        left = left_at(trial, observation, outcomes)
        duration[endless] = end_without_cutoff(left, there)[endless]
    return duration


def left_at(trial: Trial, observation: Observation, outcomes: Sequence[Outcome]) -> FloatArray:
    """Return from when on (calendar time, years) patients have no event a last look waits for.

    They have had it, or a competing one, or are no longer followed; ``inf`` where neither ever
    comes. Shape (n_replicates, n_patients).
    """
    followed = observation.watched_until
    followed = np.where(followed < LONGEST_FOLLOW_UP, followed, np.inf)
    waits = [count.endpoint for count in counts_in(trial.cutoff) if not count.of_primary]
    at_risk = np.zeros(followed.shape)
    for position in waits or [0]:
        times, timed = outcomes[position].as_times, trial.endpoints[position].time_of_event
        until = followed
        if times is not None and timed is not None and not timed.origin:
            out = times.event if times.competing is None else times.event | times.competing
            until = np.where(out, times.time, followed)
        at_risk = np.maximum(at_risk, until)
    return observation.enrollment_time + at_risk


def end_without_cutoff(left: FloatArray, member: BoolArray) -> FloatArray:
    """Return when nobody is left whose event could come; NaN where some stay for ever.

    Parameters
    ----------
    left : (n_replicates, n_patients) array
        As of `left_at`.
    member : (n_replicates, n_patients) boolean array
        Whom it is about.
    """
    end = np.where(member, left, 0.0).max(axis=1)
    return np.where(np.isinf(end), np.nan, end)


class Shows(Protocol):
    """What is known of an endpoint, as far as it is told arm by arm."""

    def shown(self, arm: int) -> dict[str, FloatArray]:
        """Return what an arm shows, by the names of what is reported of it."""
        ...


def shown_by_arm(trial: Trial, outcomes: Sequence[Shows]) -> dict[str, FloatArray]:
    """Return what each arm showed: response rates, events and events per year at risk ..."""
    described = {}
    for endpoint, outcome in zip(trial.endpoints, outcomes, strict=True):
        prefix = "" if endpoint is trial.primary else f"{endpoint.name}: "
        for number, arm in enumerate(trial.arms):
            for name, values in outcome.shown(number).items():
                described[f"{prefix}{of_arm(name, arm.name)}"] = values
    return described


def decision(reject: BoolArray, verdict: Verdict) -> dict[str, FloatArray]:
    """Return the decision, and the estimate where it exists."""
    return {
        "reject": reject.astype(float),
        "estimate": verdict.known_estimate,
        "undefined": verdict.undefined.astype(float),
    }
