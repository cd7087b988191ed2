"""A few simulated trials of a design, for pictures: how they go, and what their looks show."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lupusim.analysis.group_sequential.stopping import crossing
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.planning.runs.replicates import derived_seed
from lupusim.simulation.adaptation.gate import bounds_of_looks
from lupusim.simulation.generation.generation import Block, Generated, generate
from lupusim.simulation.looks.cutoffs import events_by_calendar
from lupusim.simulation.looks.group_sequential import planned_information
from lupusim.simulation.looks.look_statistics import (
    Comparison,
    LookStatistics,
    comparisons,
    gather,
    look_times,
)
from lupusim.simulation.looks.multiplicity import bounds_by_what_is_shown, bounds_of_hypotheses
from lupusim.trial import Trial

_MOST_PATIENTS = 400_000  # simulated for a picture
_LEAST_TRIALS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LookPaths:
    """What the looks of some simulated trials show of one hypothesis."""

    hypothesis: str  # the arm, with the endpoint in front beyond the primary
    effect: str  # what is estimated, such as ``log hazard ratio``
    sided: int  # 1 or 2
    sign: int
    null_value: float
    """`sign` and `null_value`: direction of benefit of the estimate, and the effect that is tested
    against."""
    information: FloatArray
    """Median fraction of the planned information; NaN for a look that no trial holds;
    (n_looks,)."""
    efficacy: FloatArray
    futility: FloatArray
    """`efficacy` and `futility`: median bounds on z; infinite for none; (n_looks,). Of several
    hypotheses the efficacy bound is that of the share of alpha it has at first."""
    standard_error: FloatArray  # median, of the estimate; (n_looks,)
    fraction: FloatArray
    z: FloatArray
    estimate: FloatArray
    """`fraction`, `z` and `estimate`: of each trial; NaN after it has stopped, and at looks it does
    not hold; (n_trials, n_looks)."""
    later: FloatArray | None = None
    """Efficacy bounds once all other hypotheses are rejected; None where none is different;
    (n_looks,)."""

    @property
    def has_bounds(self) -> bool:
        """Whether any look has one before other hypotheses are shown."""
        return bool(np.isfinite([*self.efficacy, *self.futility]).any())

    def effect_at(self, bound: FloatArray) -> FloatArray:
        """Return the estimate at which each look would just reach a bound on z; NaN for none.

        It takes the median standard error of the look, so it is about right for a trial.
        """
        finite = np.where(np.isfinite(bound), bound, np.nan)
        return np.asarray(self.null_value + self.sign * finite * self.standard_error)


def look_paths(trial: Trial, *, seed: int, n_trials: int = 200) -> tuple[LookPaths, ...]:
    """Return what looks show in simulated trials, hypothesis by hypothesis.

    Parameters
    ----------
    trial : Trial
        Nothing is returned where it has no test, or where a rule chooses stages or sizes, so
        that no bound is known before.
    seed : int
        The same seed gives the same trials.
    n_trials : int
        How many; fewer where they are very large.
    """
    if trial.analysis is None or not trial.rule.keeps_bounds or trial.rule.changes:
        return ()
    generated = generate(trial, _block(trial, seed, n_trials))
    asked, seen = comparisons(trial), gather(trial, generated)
    if trial.family is not None:
        judged = bounds_of_hypotheses(trial, asked, seen)
        fraction = np.stack([b.fraction for b in judged], axis=1)
        first, later = (np.moveaxis(b, 1, 0) for b in bounds_by_what_is_shown(trial, fraction))
        found = ((b.fraction, z, b.futility) for b, z in zip(judged, first, strict=True))
        each = zip(asked, seen, found, later, strict=True)
        return tuple(_paths(trial, *one) for one in each)
    planned = planned_information(trial, seen[0].information)[:, None]
    fraction = seen[0].held_until / planned
    bounds = bounds_of_looks(trial, seen[0], fraction)
    return (_paths(trial, asked[0], seen[0], (fraction, *bounds)),)


def _paths(
    trial: Trial,
    one: Comparison,
    seen: LookStatistics,
    bounds: tuple[FloatArray, FloatArray, FloatArray],
    later: FloatArray | None = None,
) -> LookPaths:
    fraction, efficacy, futility = bounds
    held = ~seen.skipped & (seen.information > 0)
    shown = held & (np.arange(held.shape[1]) < _last(trial, one, seen, bounds)[:, None])
    test = one.analysis.test
    better = trial.endpoints[one.endpoint].better
    given_up = _median(futility, held)
    given_up[-1] = -np.inf  # who does not succeed at the end has failed
    passed_on = None if later is None else _median(later, held)
    first = _median(efficacy, held)
    if passed_on is not None and np.allclose(first, passed_on, equal_nan=True):
        passed_on = None
    return LookPaths(
        hypothesis=f"{one.prefix}{one.arm_name}",
        effect=one.analysis.effect,
        sided=one.analysis.sided,
        sign=test.benefit_sign(better),
        null_value=test.null_value(better),
        information=_median(fraction, held),
        efficacy=first,
        futility=given_up,
        standard_error=_median(seen.standard_error, held & np.isfinite(seen.standard_error)),
        fraction=np.where(shown, fraction, np.nan),
        z=np.where(shown, seen.z, np.nan),
        estimate=np.where(shown, seen.estimate, np.nan),
        later=passed_on,
    )


def _last(
    trial: Trial,
    one: Comparison,
    seen: LookStatistics,
    bounds: tuple[FloatArray, FloatArray, FloatArray],
) -> IntArray:
    """Return the look (from 1) at which each trial stops; of several hypotheses the last."""
    n_trials, n_looks = seen.z.shape
    if trial.family is not None or n_looks == 1:
        return np.full(n_trials, n_looks)
    _, efficacy, futility = bounds
    found = crossing(seen.z, efficacy, futility, sided=one.analysis.sided)
    return np.asarray(found.look + 1)


def _median(values: FloatArray, known: NDArray[np.bool_]) -> FloatArray:
    """Return the median of each column over the rows that are known; NaN for none."""
    columns = zip(values.T, known.T, strict=True)
    # A middle value, not a mean of two: bounds may be infinite.
    return np.array([np.sort(v[k])[k.sum() // 2] if k.any() else np.nan for v, k in columns])


def _block(trial: Trial, seed: int, n_trials: int) -> Block:
    most = max(_LEAST_TRIALS, _MOST_PATIENTS // trial.n_patients)
    return Block(seed=derived_seed(seed, "pictures"), number=0, n_replicates=min(n_trials, most))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """How trials grow over calendar time, years; as planned, whatever a look would decide."""

    time: FloatArray  # since the first site opened; (n_times,)
    enrolled: FloatArray  # patients randomized by then; (n_trials, n_times)
    events: dict[str, FloatArray]
    """Events of the primary endpoint by then, for each arm; empty where it is no time; (n_trials,
    n_times)."""
    looks: FloatArray  # when the data are cut; NaN for never; (n_trials, n_looks)
    endpoint: str  # name of the primary endpoint


def calendar_of(trial: Trial, *, seed: int, n_trials: int = 200, n_times: int = 121) -> Calendar:
    """Return patients, events and looks of simulated trials over calendar time."""
    generated = generate(trial, _block(trial, seed, n_trials))
    looks = np.stack(look_times(trial, generated), axis=1)
    looks = np.where(np.isfinite(looks), looks, np.nan)
    came = generated.enrollment_time
    there = np.where(np.isfinite(came), came, -np.inf).max(axis=1)
    ends = np.where(np.isnan(looks[:, -1]), there, np.fmax(looks[:, -1], there))
    time = np.linspace(0.0, float(np.quantile(ends, 0.95)), n_times)
    return Calendar(
        time=time,
        enrolled=_counts(came, time, looks[:, -1]),
        events=dict(_events(trial, generated, time, looks[:, -1])),
        looks=looks,
        endpoint=trial.primary.name,
    )


def _events(
    trial: Trial, generated: Generated, time: FloatArray, cutoff: FloatArray
) -> Iterator[tuple[str, FloatArray]]:
    if trial.primary.time_of_event is None:
        return
    look_up = events_by_calendar(generated)
    for number, arm in enumerate(trial.arms):
        yield arm.name, _counts(look_up(0, number), time, cutoff)


def _counts(when: FloatArray, time: FloatArray, cutoff: FloatArray) -> FloatArray:
    """Return how many have happened by each time, none after the data are cut."""
    until = np.minimum(time, np.where(np.isnan(cutoff), np.inf, cutoff)[:, None])
    ordered = np.sort(when, axis=1)
    rows = zip(ordered, until, strict=True)
    return np.array([np.searchsorted(row, at, side="right") for row, at in rows], dtype=float)
