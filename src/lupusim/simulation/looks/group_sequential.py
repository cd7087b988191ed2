"""Trials with several looks: all looks are held, then it is seen where each trial stops.

No trial ends early while it is simulated, so one simulation can be scored under many rules,
and an early success can be compared with what the end would have shown.
"""

from __future__ import annotations

import numpy as np

from lupusim.analysis.group_sequential.stopping import Crossing, crossing, reaches
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.simulation.generation.generation import Generated
from lupusim.simulation.looks.cutoffs import waited
from lupusim.simulation.looks.estimates import estimates_at_stop
from lupusim.simulation.looks.look_statistics import Held, Looks, LookStatistics
from lupusim.simulation.quantities import Quantity, at_look
from lupusim.trial import Trial


def hold_looks(
    trial: Trial, generated: Generated, looks: Looks | None = None
) -> dict[str, FloatArray]:
    """Return the quantities of every replicate at the look where it stops.

    Besides what a fixed design gives: `n_enrolled` when it stops, `flip_flop` (stopped early
    for efficacy, would have failed at the end), and for each look, counted from 1,
    `look_K_time` (calendar, years) and `look_K_information` (fraction of what was planned) where
    it is held, `look_K_efficacy` and `look_K_futility` (stopped there for that), and the
    estimates of :func:`estimates_at`.

    Parameters
    ----------
    trial : Trial
        Its looks and stopping rule.
    generated : Generated
        The patients.
    looks : Looks or None
        What the looks show, where that is known from a rule scored before.
    """
    assert trial.analysis is not None  # the trial's own checks see to both
    assert trial.stopping is not None
    held = Held(trial, generated) if looks is None else looks
    (seen,) = held.statistics
    fraction, efficacy, stop = _judged(trial, seen)
    z, sided = seen.z, trial.analysis.sided
    row = np.arange(len(z))
    found = held.described(stop.look)
    found["reject"] = stop.reject.astype(float)
    found["estimate"] = seen.estimate[row, stop.look]
    found["undefined"] = seen.undefined[row, stop.look].astype(float)
    found |= estimates_at_stop(trial, seen, stop, fraction)
    found["n_enrolled"] = seen.n_enrolled[row, stop.look]
    fails = ~reaches(z[:, -1], efficacy[:, -1], sided=sided)
    found["flip_flop"] = (stop.reject & (stop.look < z.shape[1] - 1) & fails).astype(float)
    shown = np.where(seen.skipped, np.nan, fraction)
    for number, cutoff in enumerate(trial.looks):
        time = seen.look_time[:, number]
        found |= of_look(number, time, shown[:, number], stop)
        found |= estimates_at(number, seen, stop.look)
        found |= waited(number + 1, cutoff, np.where(stop.look >= number, time, np.nan))
    return found


def looks_claims(trial: Trial, seen: LookStatistics) -> dict[str, FloatArray]:
    """Return what trials with several looks claim, and where they stop, (n_replicates,) each.

    `reject`, `undefined`, `missed_cutoff`, `look_K_efficacy` and `look_K_futility` of
    :func:`hold_looks`.
    """
    _, _, stop = _judged(trial, seen)
    row = np.arange(len(stop.look))
    found = {
        "reject": stop.reject.astype(float),
        "undefined": seen.undefined[row, stop.look].astype(float),
        "missed_cutoff": np.isinf(seen.cutoff[row, stop.look]).astype(float),
    }
    for number in range(len(trial.looks)):
        found |= _stops(number, stop)
    return found


def _judged(trial: Trial, seen: LookStatistics) -> tuple[FloatArray, FloatArray, Crossing]:
    """Return the information fractions of the looks, their efficacy bounds, and who stops where."""
    assert trial.analysis is not None  # the trial's own checks see to both
    assert trial.stopping is not None
    fraction = seen.held_until / planned_information(trial, seen.information)[:, None]
    efficacy, futility = seen.bounds(trial.stopping, fraction)
    stop = crossing(seen.z, efficacy, futility, sided=trial.analysis.sided)
    return fraction, efficacy, stop


def planned_information(trial: Trial, information: FloatArray) -> FloatArray:
    """Return the information planned for the last look, shape (n_replicates,).

    All patients for an outcome at a visit, the number of events where the last look waits
    for one, if these are what the test counts; otherwise what the last look of each replicate
    really has, or one before where that is estimated to know more.
    """
    counted = trial.analysis.test.information_unit if trial.analysis else ""
    if counted == "patients" and trial.primary.due_time is not None:
        return np.full(len(information), float(trial.n_patients))
    if counted == "events" and (events := trial.cutoff.primary_events) is not None:
        return np.full(len(information), float(events))
    most = information.max(axis=1)
    return np.where(most > 0, most, 1.0)


def of_look(
    number: int, cutoff: FloatArray, fraction: FloatArray, stop: Crossing
) -> dict[str, FloatArray]:
    """Return what is recorded of one look, (n_replicates,) each."""
    held = {
        at_look("time", number + 1): np.where(np.isfinite(cutoff), cutoff, np.nan),
        at_look("information", number + 1): fraction,
    }
    return held | _stops(number, stop)


def _stops(number: int, stop: Crossing) -> dict[str, FloatArray]:
    """Return which trials stop at a look (from 0), with a claim and without."""
    here = stop.look == number
    return {
        at_look("efficacy", number + 1): (here & stop.reject).astype(float),
        at_look("futility", number + 1): (here & ~stop.reject).astype(float),
    }


def estimates_at(
    number: int, seen: LookStatistics, last: IntArray, *, prefix: str = "", arm: str = ""
) -> dict[str, FloatArray]:
    """Return the estimates of one look: of all trials that reach it, and of those that end there.

    One of several hypotheses ends where it is decided.

    Parameters
    ----------
    number : int
        The look, from 0.
    seen : LookStatistics
        What the looks show.
    last : (n_replicates,) integer array
        Position of the last look of the comparison, from 0.
    prefix, arm : str
        How quantities of the comparison are marked.

    Returns
    -------
    dict
        `look_K_estimate` and `look_K_estimate_stops`; NaN where a trial has none.
    """
    reached = (last >= number) & ~seen.skipped[:, number]
    estimate = np.where(reached, seen.estimate[:, number], np.nan)
    found = {
        "estimate": estimate,
        "estimate_stops": np.where(last == number, estimate, np.nan),
    }
    columns = (Quantity(name=n, arm=arm or None, look=number + 1).column for n in found)
    return {
        f"{prefix}{column}": values for column, values in zip(columns, found.values(), strict=True)
    }
