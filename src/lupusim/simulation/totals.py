"""What is known of every trial, whatever its rules: patients, events, candidates screened."""

from __future__ import annotations

import numpy as np

from lupusim.analysis.numerics.columns import n_enrolled
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.simulation.generation.generation import Generated
from lupusim.simulation.quantities import of_arm
from lupusim.trial import Trial
from lupusim.trial.enrollment.randomization import candidates_of
from lupusim.trial.population.screening import Screened


def with_totals(
    trial: Trial, generated: Generated, found: dict[str, FloatArray]
) -> dict[str, FloatArray]:
    """Return the quantities of every replicate with the totals of the whole trial.

    `n_enrolled` (patients randomized until it ends), `events` of the primary endpoint over all
    arms where that counts events, what a screening rule cost in candidates and time, and what a
    supply did.
    """
    end = np.nan_to_num(found["duration"], nan=np.inf)
    found |= screening_totals(
        trial,
        generated.patients.screened,
        full=_full_with(trial, found),
        until=end - _put_off(generated, end),
    )
    if (supplied := generated.supplied) is not None:
        found |= supplied.quantities(end)
    if "n_enrolled" not in found:
        found["n_enrolled"] = n_enrolled(generated.enrollment_time, end).astype(float)
    events = [found[name] for arm in trial.arms if (name := of_arm("events", arm.name)) in found]
    if len(events) == len(trial.arms):
        found["events"] = np.sum(events, axis=0)
    return found


def screening_totals(
    trial: Trial, screened: Screened | None, *, full: IntArray, until: FloatArray
) -> dict[str, FloatArray]:
    """Return how many candidates were screened, and how many the stated rate lets expect.

    Parameters
    ----------
    trial : Trial
        Its enrollment.
    screened : Screened or None
        What screening found; None gives nothing.
    full : (n_replicates,) integer array
        With how many patients each trial is full.
    until : (n_replicates,) array
        Calendar time (years) at which it ends, without pauses that put everybody off.
    """
    if screened is None:
        return {}
    closed = screened.closed(full, until)
    expected = candidates_of(trial).expected(closed)
    return screened.quantities(closed) | {"screened_expected": expected}


def _full_with(trial: Trial, found: dict[str, FloatArray]) -> IntArray:
    """Return with how many patients each replicate is full, (n_replicates,)."""
    if "size" in found and trial.primary.due_time is not None:  # a rule has chosen it
        return found["size"].astype(np.intp)
    return np.full(len(found["duration"]), trial.n_patients)


def _put_off(generated: Generated, end: FloatArray) -> FloatArray:
    """Return by how long (years) pauses have put off who comes last before the end."""
    supplied = generated.supplied
    if supplied is None or supplied.late is None:
        return np.zeros(len(end))
    came = supplied.enrollment_time <= end[:, None]
    return np.asarray(np.where(came, supplied.late, 0.0).max(axis=1))
