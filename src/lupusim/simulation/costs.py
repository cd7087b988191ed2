"""What every simulated trial cost."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.records import FirstEntry
from lupusim.simulation.generation.generation import Generated
from lupusim.trial import Trial
from lupusim.trial.durations import MONTHS_PER_YEAR

_ROUNDING = 1e-9  # years: the last visit of the last patient is on the day of the cutoff


def deaths(trials: list[Trial], n_rows: int) -> tuple[FirstEntry, ...]:
    """Return a recorder of when histories end, where a trial of the group needs to know."""
    if not any(trial.costs is not None and trial.costs.counts_what_is_due for trial in trials):
        return ()
    states, ends = trials[0].states, trials[0].arms[0].model.absorbing or ()
    return (FirstEntry([states.index(state) for state in ends], n_rows),)


def with_cost(
    trial: Trial,
    found: dict[str, FloatArray],
    generated: Generated | None = None,
    ended: tuple[FirstEntry, ...] = (),
) -> dict[str, FloatArray]:
    """Return the quantities of every replicate with its `cost`, where the trial has prices.

    Parameters
    ----------
    trial : Trial
        Its prices.
    found : dict
        At least `n_enrolled` and `duration` (years).
    generated : Generated or None
        The patients; who did not come may have an infinite enrollment time. None where a rule
        chose each one's arm.
    ended : tuple of FirstEntry
        When their histories end, from :func:`deaths`.
    """
    costs = trial.costs
    if costs is None:
        return found
    n_enrolled = found["n_enrolled"]
    came = n_enrolled + found.get("turned_away", 0.0)
    screened = found.get("screened", came * trial.enrollment.screened_per_patient)
    cost = costs.fixed + costs.per_patient * n_enrolled + costs.per_screened * screened
    if costs.per_month:  # a trial that never ends has no cost in months
        cost += costs.per_month * MONTHS_PER_YEAR * found["duration"]
    if generated is not None and ended:
        until = _until(generated, found, ended[0]) + _ROUNDING
        if costs.per_visit:
            cost += costs.per_visit * sum((until >= time).sum(axis=1) for time in trial.visits)
        if costs.per_infusion:
            cost += costs.per_infusion * _infusions(trial, generated, until)
    found["cost"] = np.asarray(cost, dtype=float)
    return found


def _until(generated: Generated, found: dict[str, FloatArray], ended: FirstEntry) -> FloatArray:
    """Return the study time until which each patient lives and is followed; below 0 for never."""
    ends = np.nan_to_num(found["duration"], nan=np.inf)
    came = np.isfinite(generated.enrollment_time)
    if came.all():
        # who would have come before the end, but after the size that the trial chose, did not
        came = np.arange(came.shape[1]) < found["n_enrolled"][:, None]
    left = np.where(came, ends[:, None] - np.where(came, generated.enrollment_time, 0.0), -1.0)
    alive = ended.time.reshape(left.shape)
    until: FloatArray = np.minimum(np.minimum(left, generated.watched_until), alive)
    return until


def _infusions(trial: Trial, generated: Generated, until: FloatArray) -> FloatArray:
    """Return the infusions due in each replicate."""
    due = np.zeros(len(until))
    for number, arm in enumerate(trial.arms):
        for time in arm.infusions.at if arm.infusions is not None else ():
            due += ((generated.arm == number) & (until >= time)).sum(axis=1)
    return due
