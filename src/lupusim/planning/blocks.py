"""One block of replicates: generate, cut, analyze, record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lupusim.analysis.endpoints import BinaryOutcome, Outcome, SurvivalOutcome
from lupusim.analysis.stopping import at_look, crossing
from lupusim.arrays import FloatArray
from lupusim.engines import PATIENTS_PER_BLOCK
from lupusim.planning.generation import LONGEST_FOLLOW_UP, Block, Generated, generate
from lupusim.planning.tally import Tally
from lupusim.records import Observation
from lupusim.trial import Analysis, AtEvents, Cutoff, Trial, Verdict

Quantities = Mapping[str, FloatArray]


def replicates_per_block(n_patients: int) -> int:
    """Return how many replicates of a trial make a block."""
    return max(1, PATIENTS_PER_BLOCK // n_patients)


def simulate_block(trial: Trial, block: Block) -> Tally:
    """Return the sums over one block of simulated trials."""
    return score(trial, generate(trial, block))


def score(trial: Trial, generated: Generated) -> Tally:
    """Cut, analyze and record trials that were generated for this design or one like it."""
    if trial.interims:
        return Tally.of(_sequential(trial, generated))
    observation = cut(generated, trial.cutoff)
    outcomes = [measurement.outcome(observation) for measurement in generated.measurements]
    quantities = _conduct(trial, observation, outcomes)
    if trial.analysis is not None:
        verdict = analyze(trial, trial.analysis, observation, outcomes[0])
        reject = verdict.p_value <= trial.analysis.alpha
        quantities |= _decision(reject, verdict)
    return Tally.of(quantities)


def cut(generated: Generated, cutoff: Cutoff, *, earliest: FloatArray | None = None) -> Observation:
    """Cut the data by a rule, but not before `earliest` (calendar time, years)."""
    event_time = generated.measurements[0].event_time(generated.watched_until)
    event_time += generated.enrollment_time
    time = cutoff.calendar_time(generated.enrollment_time, event_time)
    return Observation(
        arm=generated.arm,
        enrollment_time=generated.enrollment_time,
        watched_until=generated.watched_until,
        cutoff=time if earliest is None else np.maximum(time, earliest),
        levels=generated.levels,
    )


def analyze(
    trial: Trial, analysis: Analysis, observation: Observation, outcome: Outcome, *, sided: int = 0
) -> Verdict:
    """Return the verdict of the trial's test; `sided` 0 means as the analysis says."""
    shape = (observation.arm.shape[0], observation.arm.shape[1])
    return analysis.test(
        outcome,
        better=trial.primary.better,
        sided=sided or analysis.sided,
        stratum=trial.population.stratum(observation.levels, analysis.stratify_by, shape),
    )


def _conduct(
    trial: Trial, observation: Observation, outcomes: Sequence[Outcome]
) -> dict[str, FloatArray]:
    """Return how long the trial took and what each arm showed."""
    conduct = {
        "duration": _duration(observation),
        "missed_cutoff": np.isinf(observation.cutoff).astype(float),
    }
    for endpoint, outcome in zip(trial.endpoints, outcomes, strict=True):
        prefix = "" if endpoint is trial.primary else f"{endpoint.name}: "
        conduct |= _describe(prefix, trial, outcome)
    return conduct


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


def _decision(reject: FloatArray, verdict: Verdict) -> dict[str, FloatArray]:
    """Return the decision, and the estimate where it exists."""
    return {
        "reject": reject,
        "estimate": np.where(verdict.undefined, np.nan, verdict.estimate),
        "undefined": verdict.undefined.astype(float),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _LookResult:
    """What one look showed of every replicate."""

    observation: Observation
    outcomes: list[Outcome]
    verdict: Verdict
    z: FloatArray
    information: FloatArray


def _sequential(trial: Trial, generated: Generated) -> dict[str, FloatArray]:
    """Hold every look of every trial, then see where each would have stopped."""
    assert trial.analysis is not None  # the trial's checks make sure of both
    assert trial.stopping is not None
    results: list[_LookResult] = []
    for cutoff in trial.looks:
        earliest = results[-1].observation.cutoff if results else None
        results.append(_hold(trial, trial.analysis, cut(generated, cutoff, earliest=earliest)))
        results[-1].outcomes.extend(
            m.outcome(results[-1].observation) for m in generated.measurements[1:]
        )
    raise NotImplementedError
