"""One block of replicates: generate, cut, analyze, record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lupusim.analysis.endpoints import BinaryOutcome, Measurement, Outcome, measure
from lupusim.arrays import FloatArray, IntArray, StateArray
from lupusim.engines import PATIENTS_PER_BLOCK, Engine, vector
from lupusim.planning.tally import Tally
from lupusim.records import Cohort, HazardAlong, Observation, Recorder
from lupusim.rng import stream
from lupusim.trial import Trial

_LONGEST_FOLLOW_UP = 100.0  # years: of those whom nothing else stops


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some replicates of one trial, named so that they are the same wherever they run.

    Parameters
    ----------
    seed : int
        Seed of the run.
    number : int
        Number of the block, from 0.
    n_replicates : int
        How many replicates it has.
    """

    seed: int
    number: int
    n_replicates: int

    def stream(self, purpose: str) -> np.random.Generator:
        """Return the stream for one purpose; designs share it (common random numbers)."""
        return stream(self.seed, "block", self.number, purpose)


def replicates_per_block(n_patients: int) -> int:
    """Return how many replicates of a trial make a block."""
    return max(1, PATIENTS_PER_BLOCK // n_patients)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A block of trials as they really went, before anybody cuts the data.

    Parameters
    ----------
    arm : (n_replicates, n_patients) int8 array
        Arm of each patient.
    enrollment_time : (n_replicates, n_patients) array
        Calendar times (years) of randomization.
    watched_until : (n_replicates, n_patients) array
        Study time (years) of dropout or of the end of follow-up.
    levels : dict of str to (n_replicates, n_patients) array
        Level of each stratification factor.
    measurements : tuple of Measurement
        What was recorded for each endpoint, the primary first.
    """

    arm: StateArray
    enrollment_time: FloatArray
    watched_until: FloatArray
    levels: dict[str, IntArray]
    measurements: tuple[Measurement, ...]


def simulate_block(trial: Trial, block: Block) -> Tally:
    """Return the sums over one block of simulated trials."""
    generated = generate(trial, block)
    observation = cut(trial, generated)
    outcomes = [measurement.outcome(observation) for measurement in generated.measurements]
    return record(trial, observation, outcomes)


def generate(
    trial: Trial,
    block: Block,
    *,
    engine: Engine = vector.simulate,
    listeners: Sequence[Recorder] = (),
) -> Generated:
    """Let the patients of a block come, be randomized, live, and leave."""
    shape = (block.n_replicates, trial.n_patients)
    enrollment_time = trial.enrollment.times(*shape, rng=block.stream("enrollment"))
    levels = _draw_levels(trial, shape, block)
    arm = _allocate(trial, levels, shape, block)
    measurements = tuple(measure(e, trial.states, shape) for e in trial.endpoints)
    dropout = _DropoutClock(trial, shape, block)
    recorders = [r for m in measurements for r in m.recorders]
    recorders += [*dropout.recorders, *listeners]
    for number, trial_arm in enumerate(trial.arms):
        members = np.flatnonzero(arm.ravel() == number)
        cohort = Cohort(n_patients=members.size, rows=members)
        engine(
            trial_arm.law,
            cohort,
            horizon=_horizon(trial),
            recorders=recorders,
            rng=block.stream(f"arm {trial_arm.name}"),
        )
    return Generated(
        arm=arm,
        enrollment_time=enrollment_time,
        watched_until=np.minimum(dropout.time, trial.follow_up),
        levels=levels,
        measurements=measurements,
    )


def _draw_levels(trial: Trial, shape: tuple[int, int], block: Block) -> dict[str, IntArray]:
    if not trial.population.factors:
        return {}
    return trial.population.draw_levels(shape, rng=block.stream("population"))


def _allocate(
    trial: Trial, levels: dict[str, IntArray], shape: tuple[int, int], block: Block
) -> StateArray:
    if len(trial.arms) == 1:
        return np.zeros(shape, dtype=np.int8)
    assert trial.allocation is not None  # a trial sets its default when it is made
    stratum = trial.population.stratum(levels, trial.stratify_by, shape)
    return trial.allocation.assign(trial.ratio, stratum, rng=block.stream("allocation"))


def _horizon(trial: Trial) -> float:
    return min(trial.follow_up, _LONGEST_FOLLOW_UP)


class _DropoutClock:
    """When each patient drops out; watches the states only where the hazard depends on them."""

    def __init__(self, trial: Trial, shape: tuple[int, int], block: Block) -> None:
        self.shape = shape
        self.recorders: tuple[HazardAlong, ...] = ()
        rates = trial.dropout.rates(trial.states)
        if not rates.any():
            self._time = np.full(shape, math.inf)
            return
        threshold = block.stream("dropout").standard_exponential(shape[0] * shape[1])
        if trial.dropout.by_state:
            self.recorders = (HazardAlong(rates, threshold),)
        else:
            threshold /= rates[0]
            self._time = threshold.reshape(shape)

    @property
    def time(self) -> FloatArray:
        """Study time (years) of dropout; ``inf`` for those who stay."""
        if self.recorders:
            return self.recorders[0].time.reshape(self.shape)
        return self._time


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
    last_seen = observation.enrollment_time + np.minimum(
        observation.watched_until, _LONGEST_FOLLOW_UP
    )
    return np.asarray(np.minimum(observation.cutoff, last_seen.max(axis=1)))


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
