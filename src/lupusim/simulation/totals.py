"""What is known of every trial, whatever its rules: patients, events, candidates screened."""

from __future__ import annotations

import numpy as np

from lupusim.analysis.numerics.columns import n_enrolled
from lupusim.arrays import FloatArray
from lupusim.simulation.generation.generation import Generated
from lupusim.trial import Trial


def with_totals(
    trial: Trial, generated: Generated, found: dict[str, FloatArray]
) -> dict[str, FloatArray]:
    """Return the quantities of every replicate with the totals of the whole trial.

    `n_enrolled` (patients randomized until it ends), `events` of the primary endpoint over all
    arms where that counts events, what a screening rule cost in candidates and time, and what a
    supply did.
    """
    end = np.nan_to_num(found["duration"], nan=np.inf)
    if (screened := generated.patients.screened) is not None:
        found |= screened.quantities(trial.n_patients)
    if (supplied := generated.supplied) is not None:
        found |= supplied.quantities(end)
    if "n_enrolled" not in found:
        found["n_enrolled"] = n_enrolled(generated.enrollment_time, end).astype(float)
    events = [found[name] for arm in trial.arms if (name := f"events_{arm.name}") in found]
    if len(events) == len(trial.arms):
        found["events"] = np.sum(events, axis=0)
    return found
