"""Trials that choose their size at an interim look.

A trial is simulated to its largest size, and the rule picks how much of it is used.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from lupusim.analysis.group_sequential import EfficacyAt, stage_z
from lupusim.analysis.group_sequential.reestimation import blinded_size, promising_information
from lupusim.analysis.group_sequential.stopping import GroupSequential, crossing, judged
from lupusim.analysis.outcomes import BinaryOutcome
from lupusim.arrays import FloatArray, IntArray
from lupusim.simulation.generation.generation import Generated
from lupusim.simulation.looks.cutoffs import observed, waited
from lupusim.simulation.looks.evidence import Evidence, at_cutoff, described_at, gather
from lupusim.simulation.looks.group_sequential import estimates_at, of_look
from lupusim.trial import AfterPatients, Analysis, AtEvents, Trial
from lupusim.trial.adaptation.ongoing import BlindedSize, PromisingZone
from lupusim.trial.endpoints import due_time

_LEAST_STAGE = 1e-9


def hold_resized(trial: Trial, generated: Generated) -> dict[str, FloatArray]:
    """Return the quantities of every replicate of a trial that chooses its size.

    As of a sequential trial, without flip-flops; besides, `size` (patients or events of the
    last look as chosen) and `enlarged` (whether that is more than planned).
    """
    rule, analysis = trial.adaptation, trial.analysis
    assert isinstance(rule, PromisingZone | BlindedSize)
    assert analysis is not None
    stopping = trial.stopping or _only_the_last(trial, analysis)
    as_planned = replace(
        trial, cutoff=_cutoff(trial, rule.planned), adaptation=None, stopping=stopping
    )
    (seen,) = gather(as_planned, generated)
    fraction = seen.information / rule.planned
    efficacy, futility = judged(stopping, fraction, seen.estimate)
    size = _size(trial, generated, seen, (fraction, efficacy))
    cutoff = np.maximum(_reached(trial, generated, size), seen.cutoff[:, -2])
    final = at_cutoff(as_planned, generated, cutoff)
    z = np.column_stack([seen.z[:, :-1], _last_z(rule, seen, final, fraction)])
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
        "n_enrolled": (came.enrollment_time <= ends[:, None]).sum(axis=1).astype(float),
        "size": size.astype(float),
        "enlarged": (size > rule.planned).astype(float),
    }
    for number, look in enumerate(trial.looks):
        time = held.cutoff[:, number]
        shown = of_look(number, time, fraction[:, number], stop)
        found |= shown | estimates_at(number, held, stop.look)
        found |= waited(number + 1, look, np.where(stop.look >= number, time, np.nan))
    return found


def _only_the_last(trial: Trial, analysis: Analysis) -> GroupSequential:
    """Return bounds with which an interim look decides about the size alone."""
    last = EfficacyAt(looks=(len(trial.looks),), rule="obrien_fleming")
    return GroupSequential(alpha=analysis.alpha, sided=analysis.sided, efficacy=last)


def enrolled_alone(trial: Trial, generated: Generated, size: IntArray) -> Generated:
    """Return the patients whom a trial enrolls that ends with `size` (n_replicates,) of them.

    A trial that waits for events enrolls everybody.
    """
    if due_time(trial.primary) is None:
        return generated
    beyond = np.arange(generated.arm.shape[1]) >= size[:, None]
    return replace(generated, enrollment_time=np.where(beyond, np.inf, generated.enrollment_time))


def _with_last(seen: Evidence, final: Evidence) -> Evidence:
    """Return the looks with the one that was really the last."""
    columns = {
        field.name: np.column_stack([getattr(seen, field.name)[:, :-1], getattr(final, field.name)])
        for field in fields(Evidence)
    }
    return Evidence(**columns)


def _cutoff(trial: Trial, size: int) -> AfterPatients | AtEvents:
    if (due := due_time(trial.primary)) is not None:
        return AfterPatients(patients=size, follow_up=due)
    return AtEvents(events=size)


def most(trial: Trial) -> int:
    """Return the largest size that the trial may choose: patients, or events."""
    count = trial.cutoff.counted
    return count.events if count and count.of_primary else trial.n_patients


def _size(
    trial: Trial, generated: Generated, seen: Evidence, planned: tuple[FloatArray, FloatArray]
) -> IntArray:
    """Return the size chosen at the last interim look, (n_replicates,)."""
    rule, (fraction, efficacy) = trial.adaptation, planned
    if isinstance(rule, PromisingZone):
        wanted = rule.planned * promising_information(
            seen.z[:, -2], fraction[:, -2], efficacy[:, -1], least=rule.least, power=rule.power
        )
    else:
        assert isinstance(rule, BlindedSize)
        wanted = _blinded(trial, rule, generated, seen.cutoff[:, -2])
    limited = np.clip(np.nan_to_num(wanted, nan=rule.planned), rule.planned, most(trial))
    return np.asarray(np.ceil(limited - 1e-9), dtype=np.intp)


def _blinded(
    trial: Trial, rule: BlindedSize, generated: Generated, cutoff: FloatArray
) -> FloatArray:
    assert trial.analysis is not None
    outcome = generated.measurements[0].outcome(observed(generated, cutoff))
    assert isinstance(outcome, BinaryOutcome)
    known = outcome.included.sum(axis=1)
    rate = (outcome.response & outcome.included).sum(axis=1) / np.maximum(known, 1)
    return blinded_size(
        rate,
        difference=rule.difference,
        power=rule.power,
        tail=trial.analysis.alpha / trial.analysis.sided,
        ratio=(trial.ratio[0], trial.ratio[1]),
    )


def _reached(trial: Trial, generated: Generated, size: IntArray) -> FloatArray:
    """Return the calendar time at which each replicate has its size."""
    row = np.arange(size.size)
    if (due := due_time(trial.primary)) is not None:
        return generated.enrollment_time[row, size - 1] + due
    event_time = generated.measurements[0].event_time(generated.watched_until)
    event_time += generated.enrollment_time
    event_time.sort(axis=1)
    return np.asarray(event_time[row, size - 1])


def _last_z(
    rule: PromisingZone | BlindedSize, seen: Evidence, final: Evidence, fraction: FloatArray
) -> FloatArray:
    """Return z of the last look: the stages weighed as planned, or all patients alike.

    A first stage whose z is infinite (no response yet, or a p-value of 1) never enlarges the
    trial: it goes on as planned, and is judged by all patients.
    """
    last = final.z[:, -1]
    weighable = np.isfinite(seen.z[:, -2]) & np.isfinite(last)
    if isinstance(rule, BlindedSize) or not weighable.any():
        return last
    information = np.column_stack([seen.information[:, -2], final.information[:, -1]])
    information[:, 1] = np.maximum(information[:, 1], information[:, 0] + _LEAST_STAGE)
    z = np.where(weighable[:, None], np.column_stack([seen.z[:, -2], last]), 0.0)
    second = stage_z(z, information)[:, 1]
    weight = np.clip(fraction[:, -2], 0.0, 1.0)
    weighed = np.sqrt(weight) * z[:, 0] + np.sqrt(1 - weight) * second
    return np.where(weighable, weighed, last)
