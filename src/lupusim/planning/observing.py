"""What a trial sees at a data cutoff, and what its analysis says of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.analysis.endpoints import Outcome
from lupusim.arrays import BoolArray, FloatArray
from lupusim.planning.generation import LONGEST_FOLLOW_UP, Generated
from lupusim.records import Observation
from lupusim.trial import Analysis, Cutoff, Trial, Verdict


def cut(generated: Generated, cutoff: Cutoff, *, earliest: FloatArray | float = 0.0) -> Observation:
    """Cut the data by a rule, but not before `earliest` (calendar time, years)."""
    event_time = generated.measurements[0].event_time(generated.watched_until)
    event_time += generated.enrollment_time
    time = cutoff.calendar_time(generated.enrollment_time, event_time)
    return observed(generated, np.maximum(time, earliest))


def observed(generated: Generated, cutoff: FloatArray) -> Observation:
    """Return what the trial sees at its data cutoffs (calendar time, years; (n_replicates,))."""
    return Observation(
        arm=generated.arm,
        enrollment_time=generated.enrollment_time,
        watched_until=generated.watched_until,
        cutoff=cutoff,
        levels=generated.levels,
    )


def analyze(
    trial: Trial, analysis: Analysis, observation: Observation, outcome: Outcome, *, sided: int
) -> Verdict:
    """Return the verdict of the trial's test, with one or two sides."""
    shape = (observation.arm.shape[0], observation.arm.shape[1])
    return analysis.test(
        outcome,
        better=trial.primary.better,
        sided=sided,
        stratum=trial.population.stratum(observation.levels, analysis.stratify_by, shape),
    )


def conduct(
    trial: Trial, observation: Observation, outcomes: Sequence[Outcome]
) -> dict[str, FloatArray]:
    """Return how long the trial took and what each arm showed."""
    found = {
        "duration": _duration(observation),
        "missed_cutoff": np.isinf(observation.cutoff).astype(float),
    }
    for endpoint, outcome in zip(trial.endpoints, outcomes, strict=True):
        prefix = "" if endpoint is trial.primary else f"{endpoint.name}: "
        found |= _describe(prefix, trial, outcome)
    return found


def _duration(observation: Observation) -> FloatArray:
    """Return the calendar time (years) at which each trial ends."""
    duration = observation.cutoff.copy()
    if (endless := np.flatnonzero(np.isinf(duration))).size:
        watched = np.minimum(observation.watched_until[endless], LONGEST_FOLLOW_UP)
        duration[endless] = (observation.enrollment_time[endless] + watched).max(axis=1)
    return duration


def _describe(prefix: str, trial: Trial, outcome: Outcome) -> dict[str, FloatArray]:
    """Return what each arm showed: response rates, events and events per year at risk ..."""
    described = {}
    for number, arm in enumerate(trial.arms):
        for name, values in outcome.shown(number).items():
            described[f"{prefix}{name}_{arm.name}"] = values
    return described


def decision(reject: BoolArray, verdict: Verdict) -> dict[str, FloatArray]:
    """Return the decision, and the estimate where it exists."""
    return {
        "reject": reject.astype(float),
        "estimate": np.where(verdict.undefined, np.nan, verdict.estimate),
        "undefined": verdict.undefined.astype(float),
    }
