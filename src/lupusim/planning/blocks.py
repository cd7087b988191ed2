"""One block of replicates: generate, cut, analyze, record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.analysis.endpoints import BinaryOutcome, Outcome
from lupusim.arrays import FloatArray
from lupusim.engines import PATIENTS_PER_BLOCK
from lupusim.planning.generation import LONGEST_FOLLOW_UP, Block, Generated, generate
from lupusim.planning.tally import Tally
from lupusim.records import Observation
from lupusim.trial import Trial


def replicates_per_block(n_patients: int) -> int:
    """Return how many replicates of a trial make a block."""
    return max(1, PATIENTS_PER_BLOCK // n_patients)


def simulate_block(trial: Trial, block: Block) -> Tally:
    """Return the sums over one block of simulated trials."""
    generated = generate(trial, block)
    observation = cut(trial, generated)
    outcomes = [measurement.outcome(observation) for measurement in generated.measurements]
    return record(trial, observation, outcomes)


def cut(trial: Trial, generated: Generated) -> Observation:
    """Cut the data by the trial's rule."""
    event_time = generated.measurements[0].event_time(generated.watched_until)
    event_time += generated.enrollment_time
    return Observation(
        arm=generated.arm,
        enrollment_time=generated.enrollment_time,
        watched_until=generated.watched_until,
        cutoff=trial.cutoff.calendar_time(generated.enrollment_time, event_time),
        levels=generated.levels,
    )


def record(trial: Trial, observation: Observation, outcomes: Sequence[Outcome]) -> Tally:
    """Reduce a block to sums over its replicates."""
    quantities = {
        "duration": _duration(observation),
        "missed_cutoff": ~np.isfinite(observation.cutoff),
    }
    for endpoint, outcome in zip(trial.endpoints, outcomes, strict=True):
        prefix = "" if endpoint is trial.primary else f"{endpoint.name}: "
        quantities |= _describe(prefix, trial, outcome)
    if trial.analysis is not None:
        quantities |= _decide(trial, observation, outcomes[0])
    return Tally.of(quantities)


def _duration(observation: Observation) -> FloatArray:
    """Return the calendar time (years) at which each trial ends."""
    duration = observation.cutoff.copy()
    if (endless := np.flatnonzero(np.isinf(duration))).size:
        watched = np.minimum(observation.watched_until[endless], LONGEST_FOLLOW_UP)
        duration[endless] = (observation.enrollment_time[endless] + watched).max(axis=1)
    return duration


def _describe(prefix: str, trial: Trial, outcome: Outcome) -> dict[str, FloatArray]:
    """Return what each arm showed: response rates, or events and events per year at risk."""
    described = {}
    for number, arm in enumerate(trial.arms):
        numerator, denominator = outcome.counts(number)
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = np.where(denominator > 0, numerator / denominator, np.nan)
        if isinstance(outcome, BinaryOutcome):
            described[f"{prefix}response_{arm.name}"] = rate
        else:
            described[f"{prefix}events_{arm.name}"] = numerator
            described[f"{prefix}event_rate_{arm.name}"] = rate
    return described


def _decide(trial: Trial, observation: Observation, outcome: Outcome) -> dict[str, FloatArray]:
    """Return the test's decision and estimate for each replicate."""
    analysis = trial.analysis
    assert analysis is not None  # its caller asks only where there is one
    shape = (observation.arm.shape[0], observation.arm.shape[1])
    verdict = analysis.test(
        outcome,
        better=trial.primary.better,
        sided=analysis.sided,
        stratum=trial.population.stratum(observation.levels, analysis.stratify_by, shape),
    )
    return {
        "reject": verdict.p_value <= analysis.alpha,
        "estimate": np.where(verdict.undefined, np.nan, verdict.estimate),
        "undefined": verdict.undefined,
    }
