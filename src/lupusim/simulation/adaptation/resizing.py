"""Trials that choose their size at an interim look.

A trial is simulated to its largest size, and the rule picks how much of it is used.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Protocol

import numpy as np

from lupusim.analysis.group_sequential import EfficacyAt
from lupusim.analysis.group_sequential.stopping import GroupSequential, crossing
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.simulation.generation.generation import Generated
from lupusim.simulation.looks.cutoffs import events_by_calendar, waited
from lupusim.simulation.looks.group_sequential import estimates_at, of_look
from lupusim.simulation.looks.look_statistics import LookStatistics, at_cutoff, described_at, gather
from lupusim.trial import AfterPatients, Analysis, AtEvents, Trial
from lupusim.trial.adaptation import Adaptation

_ROUNDING = 1e-9  # years: a visit on the day of the look is seen


class Resizing(Adaptation, Protocol):
    """A rule that chooses the size at the last interim look."""

    @property
    def planned(self) -> int:
        """The size without a change: patients, or events."""
        ...

    def wanted(
        self,
        trial: Trial,
        generated: Generated,
        seen: LookStatistics,
        planned: tuple[FloatArray, FloatArray],
    ) -> FloatArray:
        """Return the size that the last interim look asks for, (n_replicates,); NaN for any.

        Parameters
        ----------
        trial : Trial
            Its limits and test.
        generated : Generated
            The patients.
        seen : LookStatistics
            Of all looks, as planned.
        planned : (fraction, efficacy)
            Information fractions and efficacy bounds, (n_replicates, n_looks).
        """
        ...

    def last_z(
        self, seen: LookStatistics, final: LookStatistics, fraction: FloatArray
    ) -> FloatArray:
        """Return the statistic of the last look, (n_replicates,)."""
        ...


def hold_resized(
    trial: Trial, rule: Resizing, generated: Generated
) -> tuple[Generated, dict[str, FloatArray]]:
    """Return whom each trial enrolls, and all quantities, where it chooses its size.

    As of a sequential trial, without flip-flops; besides, `size` (patients or events of the
    last look as chosen) and `enlarged` (whether that is more than planned).
    """
    analysis = trial.analysis
    assert analysis is not None
    stopping = trial.stopping or _only_the_last(trial, analysis)
    as_planned = replace(
        trial, cutoff=_cutoff(trial, rule.planned), adaptation=None, stopping=stopping
    )
    (seen,) = gather(as_planned, generated)
    fraction = _counted(trial, generated, seen) / rule.planned
    efficacy, futility = stopping.bounds_at(fraction, seen.estimate)
    wanted = rule.wanted(trial, generated, seen, (fraction, efficacy))
    size = _within(trial, rule, wanted)
    cutoff = np.maximum(_reached(trial, generated, size), seen.cutoff[:, -2])
    final = at_cutoff(as_planned, generated, cutoff)
    z = np.column_stack([seen.z[:, :-1], _last_z(trial, rule, generated, (seen, final), fraction)])
    stop = crossing(z, efficacy, futility, sided=analysis.sided)
    fraction[:, -1] = size / rule.planned
    held = _with_last(seen, final)
    row, at_last = np.arange(len(z)), stop.look == z.shape[1] - 1
    came = enrolled_alone(trial, generated, np.where(at_last, size, rule.planned))
    ends = held.cutoff[row, stop.look]
    found = described_at(trial, came, ends)
    found |= {
        "reject": stop.reject.astype(float),
        "estimate": held.estimate[row, stop.look],
        "undefined": held.undefined[row, stop.look].astype(float),
        "n_enrolled": _come(came.enrollment_time, ends),
        "size": size.astype(float),
        "enlarged": (size > rule.planned).astype(float),
    }
    for number, look in enumerate(trial.looks):
        time = held.cutoff[:, number]
        shown = of_look(number, time, fraction[:, number], stop)
        found |= shown | estimates_at(number, held, stop.look)
        found |= waited(number + 1, look, np.where(stop.look >= number, time, np.nan))
    return came, found


def _counted(trial: Trial, generated: Generated, seen: LookStatistics) -> FloatArray:
    """Return how many patients, or events, looks have: what sizes are planned in.

    That is what the test says it counts, unless it knows its information by an estimate alone.
    """
    unit = trial.analysis.test.information_unit if trial.analysis else ""
    due = trial.primary.due_time
    if unit == ("events" if due is None else "patients"):
        return seen.information
    time = (
        events_by_calendar(generated)(0, None) if due is None else generated.enrollment_time + due
    )
    return np.stack([_come(time, end + _ROUNDING) for end in seen.cutoff.T], axis=1)


def _come(time: FloatArray, end: FloatArray) -> FloatArray:
    """Return how many times of each replicate come by its end, which may be ``inf``."""
    counted = np.count_nonzero(np.isfinite(time) & (time <= end[:, None]), axis=1)
    return np.asarray(counted, dtype=float)


def _last_z(
    trial: Trial,
    rule: Resizing,
    generated: Generated,
    held: tuple[LookStatistics, LookStatistics],
    fraction: FloatArray,
) -> FloatArray:
    """Return the statistic of the last look, (n_replicates,).

    Where a patient's outcome is complete at a visit, the patients say how far stages weigh:
    variances that are estimated anew at each look would tell their number with noise.
    """
    assert trial.analysis is not None
    seen, final = held
    if trial.primary.due_time is not None and not trial.analysis.test.needs_all_visits:
        seen, final = (
            replace(one, information=_counted(trial, generated, one)) for one in (seen, final)
        )
    return rule.last_z(seen, final, fraction)


def _only_the_last(trial: Trial, analysis: Analysis) -> GroupSequential:
    """Return bounds with which an interim look decides about the size alone."""
    last = EfficacyAt(looks=(len(trial.looks),), rule="obrien_fleming")
    return GroupSequential(alpha=analysis.alpha, sided=analysis.sided, efficacy=last)


def enrolled_alone(trial: Trial, generated: Generated, size: IntArray) -> Generated:
    """Return the patients whom a trial enrolls that ends with `size` (n_replicates,) of them.

    A trial that waits for events enrolls everybody.
    """
    if trial.primary.due_time is None:
        return generated
    beyond = np.arange(generated.arm.shape[1]) >= size[:, None]
    return replace(generated, enrollment_time=np.where(beyond, np.inf, generated.enrollment_time))


def _with_last(seen: LookStatistics, final: LookStatistics) -> LookStatistics:
    """Return the looks with the one that was really the last."""
    columns = {
        field.name: np.column_stack([getattr(seen, field.name)[:, :-1], getattr(final, field.name)])
        for field in fields(LookStatistics)
    }
    return LookStatistics(**columns)


def _cutoff(trial: Trial, size: int) -> AfterPatients | AtEvents:
    if (due := trial.primary.due_time) is not None:
        return AfterPatients(patients=size, follow_up=due)
    return AtEvents(events=size)


def most(trial: Trial) -> int:
    """Return the largest size that the trial may choose: patients, or events."""
    count = trial.cutoff.counted
    return count.events if count and count.of_primary else trial.n_patients


def _within(trial: Trial, rule: Resizing, wanted: FloatArray) -> IntArray:
    """Return the size that is chosen, (n_replicates,): what is wanted, within the limits."""
    limited = np.clip(np.nan_to_num(wanted, nan=rule.planned), rule.planned, most(trial))
    return np.asarray(np.ceil(limited - 1e-9), dtype=np.intp)


def _reached(trial: Trial, generated: Generated, size: IntArray) -> FloatArray:
    """Return the calendar time at which each replicate has its size."""
    row = np.arange(size.size)
    if (due := trial.primary.due_time) is not None:
        return generated.enrollment_time[row, size - 1] + due
    event_time = generated.measurements[0].event_time(generated.watched_until)
    event_time += generated.enrollment_time
    event_time.sort(axis=1)
    return np.asarray(event_time[row, size - 1])
