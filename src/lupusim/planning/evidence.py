"""What the looks of simulated trials show, whatever rule will judge it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from lupusim.analysis.endpoints import Outcome
from lupusim.arrays import BoolArray, FloatArray, IntArray
from lupusim.planning.generation import Generated
from lupusim.planning.observing import analyze, conduct
from lupusim.records import Observation
from lupusim.trial import Analysis, AtEvents, Trial, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What every look shows of every replicate; all arrays are (n_replicates, n_looks).

    Parameters
    ----------
    cutoff : array
        Calendar times (years) of the looks, never falling; ``inf`` where one is not reached.
    p_value : array
        One-sided, small where the experimental arm is better.
    estimate : array
        Effect on the test's own scale; NaN where undefined.
    undefined : boolean array
        Where the statistic does not exist.
    information : array
        Patients or events in the analysis.
    n_enrolled : array
        Patients randomized by then.
    """

    cutoff: FloatArray
    p_value: FloatArray
    estimate: FloatArray
    undefined: BoolArray
    information: FloatArray
    n_enrolled: FloatArray

    @property
    def z(self) -> FloatArray:
        """The statistics, large in favor of the experimental arm."""
        from scipy.special import ndtri

        z: FloatArray = -ndtri(self.p_value)
        return z


def gather(trial: Trial, generated: Generated, analysis: Analysis) -> Evidence:
    """Hold all looks of a block of trials and test the primary endpoint at each."""
    cutoffs = look_times(trial, generated)
    looks = [_look(trial, generated, analysis, cutoff) for cutoff in cutoffs]
    return Evidence(
        cutoff=np.stack(cutoffs, axis=1),
        p_value=np.stack([look.verdict.p_value for look in looks], axis=1),
        estimate=np.stack([look.estimate for look in looks], axis=1),
        undefined=np.stack([look.verdict.undefined for look in looks], axis=1),
        information=np.stack([look.information for look in looks], axis=1),
        n_enrolled=np.stack([look.n_enrolled for look in looks], axis=1).astype(float),
    )


def look_times(trial: Trial, generated: Generated) -> list[FloatArray]:
    """Return the calendar time of each look, (n_replicates,) each; none before the one before."""
    event_time = generated.measurements[0].event_time(generated.watched_until)
    event_time += generated.enrollment_time
    n_patients = event_time.shape[1]
    numbers = [c.events - 1 for c in trial.looks if isinstance(c, AtEvents)]
    if len(numbers) > 1:
        # SPEED: sorted once for all looks; no cutoff asks whose event is whose
        event_time.sort(axis=1)
    times: list[FloatArray] = []
    for cutoff in trial.looks:
        if len(numbers) > 1 and isinstance(cutoff, AtEvents) and cutoff.events <= n_patients:
            time = event_time[:, cutoff.events - 1].copy()
        else:
            time = cutoff.calendar_time(generated.enrollment_time, event_time)
        times.append(np.maximum(time, times[-1]) if times else np.maximum(time, 0.0))
    return times


def observed(generated: Generated, cutoff: FloatArray) -> Observation:
    """Return what the trial sees at its data cutoffs (calendar time, years; (n_replicates,))."""
    return Observation(
        arm=generated.arm,
        enrollment_time=generated.enrollment_time,
        watched_until=generated.watched_until,
        cutoff=cutoff,
        levels=generated.levels,
    )


def described(trial: Trial, generated: Generated, cutoff: FloatArray) -> dict[str, FloatArray]:
    """Return what each arm showed at a cutoff of its own in each replicate."""
    observation = observed(generated, cutoff)
    outcomes = [measurement.outcome(observation) for measurement in generated.measurements]
    return conduct(trial, observation, outcomes)


class _Look(NamedTuple):
    """What one look shows, (n_replicates,) each."""

    verdict: Verdict
    information: FloatArray
    n_enrolled: IntArray

    @property
    def estimate(self) -> FloatArray:
        return np.where(self.verdict.undefined, np.nan, self.verdict.estimate)


def _look(trial: Trial, generated: Generated, analysis: Analysis, cutoff: FloatArray) -> _Look:
    observation = observed(generated, cutoff)
    outcome = generated.measurements[0].outcome(observation)
    n_enrolled = _enrolled(observation)
    verdict = _verdict(trial, analysis, observation, outcome, most=int(n_enrolled.max()))
    return _Look(verdict, outcome.information, n_enrolled)


def _enrolled(observation: Observation) -> IntArray:
    if np.isinf(observation.cutoff).all():
        return np.full(observation.cutoff.shape, observation.arm.shape[1])
    there = observation.enrollment_time <= observation.cutoff[:, None]
    return np.asarray(np.count_nonzero(there, axis=1))


def _verdict(
    trial: Trial, analysis: Analysis, observation: Observation, outcome: Outcome, *, most: int
) -> Verdict:
    """Return the one-sided verdict on the patients who are enrolled by then."""
    # SPEED: who is not enrolled in any replicate stands last and need not be sorted
    few = replace(
        observation,
        arm=observation.arm[:, :most],
        enrollment_time=observation.enrollment_time[:, :most],
        watched_until=observation.watched_until[:, :most],
        levels={name: level[:, :most] for name, level in observation.levels.items()},
    )
    return analyze(trial, analysis, few, first_patients(outcome, most), sided=1)


def first_patients(outcome: Outcome, most: int) -> Outcome:
    """Return the outcome of the patients randomized first; the others must not be in it."""
    columns = {field.name: getattr(outcome, field.name) for field in fields(outcome)}
    few: dict[str, Any] = {
        name: values[:, :most]
        for name, values in columns.items()
        if isinstance(values, np.ndarray) and values.ndim == 2
    }
    return replace(outcome, **few)
