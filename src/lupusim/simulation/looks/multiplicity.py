"""Trials with several hypotheses: many arms against one control, several endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lupusim.analysis.group_sequential.stopping import is_futile
from lupusim.common.arrays import BoolArray, FloatArray, IntArray, count_rows
from lupusim.common.frozen import dataclass
from lupusim.records import Observation
from lupusim.simulation.generation.generation import Generated
from lupusim.simulation.looks.concurrent_controls import sizes
from lupusim.simulation.looks.cutoffs import conduct, observed, waited
from lupusim.simulation.looks.group_sequential import estimates_at
from lupusim.simulation.looks.look_statistics import (
    Comparison,
    Looks,
    LookStatistics,
    comparisons,
    gather,
)
from lupusim.simulation.looks.null_hypothesis import fares_as_control
from lupusim.simulation.looks.true_effect import accuracy
from lupusim.simulation.quantities import at_look
from lupusim.trial import Trial
from lupusim.trial.enrollment.arm_periods import arms_change
from lupusim.trial.multiplicity import Ends, Family, GivesUp


def hold_family(
    trial: Trial, generated: Generated, looks: Looks | None = None
) -> dict[str, FloatArray]:
    """Return the quantities of every replicate of a trial with several hypotheses.

    `reject` is whether any hypothesis is rejected and `reject_all` whether each is; for each
    arm, and with the endpoint's name in front beyond the primary, `reject_ARM` and
    `estimate_ARM`; `picked_ARM` where it is the rejected arm with the largest statistic of the
    primary endpoint; `false_rejection` of any arm that truly fares as the control does. With
    interim looks also `n_enrolled` and the `look_K_...` of a sequential trial. An arm whose
    hypotheses are all rejected, given up or out of reach randomizes nobody any more.
    """
    assert trial.family is not None
    asked = comparisons(trial)
    seen = gather(trial, generated) if looks is None else looks.statistics
    ending = _ending(trial, trial.family, asked, seen)
    observation = _observation(generated, asked, seen[0], ending)
    outcomes = [measurement.outcome(observation) for measurement in generated.measurements]
    found = conduct(trial, observation, outcomes)
    found["reject"] = ending.rejected.any(axis=1).astype(float)
    found["reject_all"] = ending.rejected.all(axis=1).astype(float)
    found |= _by_hypothesis(asked, seen, ending) | _picked(asked, seen, ending)
    found |= _accuracy(trial, asked, (seen, ending)) | _false_rejections(trial, asked, ending)
    found["n_enrolled"] = count_rows(observation.enrolled).astype(float)
    found |= _sizes(trial, asked, (seen, ending), observation)
    if trial.interims:
        found |= _looks(trial, seen[0], ending) | _estimates_at_looks(asked, seen, ending)
    return found


def family_claims(trial: Trial, seen: tuple[LookStatistics, ...]) -> dict[str, FloatArray]:
    """Return what trials with several hypotheses claim, and where they stop, (n_replicates,) each.

    `reject`, `reject_all`, `reject_ARM`, `false_rejection`, `undefined`, `missed_cutoff`,
    `look_K_efficacy` and `look_K_futility` of :func:`hold_family`.
    """
    assert trial.family is not None
    asked = comparisons(trial)
    ending = _ending(trial, trial.family, asked, seen)
    row = np.arange(len(ending.stop))
    found = {
        "reject": ending.rejected.any(axis=1).astype(float),
        "reject_all": ending.rejected.all(axis=1).astype(float),
        "undefined": _undefined(seen, ending),
        "missed_cutoff": np.isinf(seen[0].cutoff[row, ending.stop - 1]).astype(float),
    }
    columns = zip(asked, ending.rejected.T, strict=True)
    found |= {one.quantity("reject"): rejected.astype(float) for one, rejected in columns}
    found |= _false_rejections(trial, asked, ending)
    for number in range(1, 1 + len(trial.looks) if trial.interims else 1):
        found |= _stops(number, ending)
    return found


def closings(
    trial: Trial, generated: Generated
) -> tuple[Observation, Mapping[str, tuple[IntArray, BoolArray]]]:
    """Return what is seen when each trial stops, and what became of each hypothesis.

    By its name: the look (from 1) at which it was closed, and whether it was rejected then.
    """
    assert trial.family is not None
    asked = comparisons(trial)
    seen = gather(trial, generated)
    ending = _ending(trial, trial.family, asked, seen)
    columns = zip(asked, ending.closed.T, ending.rejected.T, strict=True)
    closed = {f"{one.prefix}{one.arm_name}": (look, yes) for one, look, yes in columns}
    return _observation(generated, asked, seen[0], ending), closed


class HypothesisBounds(NamedTuple):
    """Of one hypothesis at every look, (n_replicates, n_looks) each: bounds are on z."""

    fraction: FloatArray
    efficacy: FloatArray
    futility: FloatArray


def bounds_of_hypotheses(
    trial: Trial, asked: tuple[Comparison, ...], seen: tuple[LookStatistics, ...]
) -> list[HypothesisBounds]:
    """Return the bounds of each hypothesis at the share of alpha it has at a look in the end."""
    assert trial.family is not None
    assert trial.analysis is not None
    ending = _ending(trial, trial.family, asked, seen)
    n_looks = ending.fraction.shape[2]
    efficacy = np.empty(ending.fraction.shape)
    for look in range(n_looks):
        gone = ending.rejected & (ending.closed <= look + 1)
        at = trial.family.procedure.bounds(gone, ending.fraction, alpha=trial.analysis.alpha)
        efficacy[:, :, look] = at[:, :, look]
    futility = _futility(trial, (asked, seen), ending.fraction)
    each = zip(*(np.moveaxis(a, 1, 0) for a in (ending.fraction, efficacy, futility)), strict=True)
    return [HypothesisBounds(*one) for one in each]


def bounds_by_what_is_shown(trial: Trial, fraction: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the efficacy bounds of hypotheses at first, and once all the others are rejected.

    Parameters
    ----------
    trial : Trial
        One with several hypotheses.
    fraction : (n_replicates, n_hypotheses, n_looks) array
        Information of the looks.

    Returns
    -------
    first, later : (n_replicates, n_hypotheses, n_looks) arrays
        On z; infinite for none, NaN where hypotheses are judged together.
    """
    assert trial.family is not None
    assert trial.analysis is not None
    procedure, alpha = trial.family.procedure, trial.analysis.alpha
    none = np.zeros(fraction.shape[:2], dtype=bool)
    first, later = (procedure.bounds(r, fraction, alpha=alpha) for r in (none, ~none))
    return first, later


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ending:
    """How trials end; looks are counted from 1."""

    rejected: BoolArray  # (n_replicates, n_hypotheses)
    closed: IntArray
    """Look at which each hypothesis is rejected, given up or out of reach, or else the last;
    (n_replicates, n_hypotheses)."""
    stop: IntArray  # look at which the trial stops; (n_replicates,)
    fraction: FloatArray  # information fraction; (n_replicates, n_hypotheses, n_looks)


def _ending(
    trial: Trial, family: Family, asked: tuple[Comparison, ...], seen: tuple[LookStatistics, ...]
) -> _Ending:
    assert trial.analysis is not None
    p_value = np.stack([one.decisive for one in seen], axis=1)
    p_value[np.stack([one.undefined for one in seen], axis=1)] = 1.0
    p_value[np.stack([one.skipped for one in seen], axis=1)] = 1.0
    pairs = zip(asked, seen, strict=True)
    fraction = np.stack([_fraction(trial, one, shown) for one, shown in pairs], axis=1)
    n_looks = p_value.shape[2]
    given_up = _given_up(trial, (asked, seen), fraction)
    p_value[np.arange(1, n_looks + 1) > given_up[:, :, None]] = 1.0
    look = family.procedure.rejections(p_value, fraction, alpha=trial.analysis.alpha)
    if np.any(given_up < n_looks):
        given_up = _out_of_reach(family, look, given_up)
    closed = np.where(look > 0, look, np.minimum(given_up, n_looks))
    stop = closed.max(axis=1)
    if family.ends is Ends.FIRST:
        first = np.where(look > 0, look, n_looks + 1).min(axis=1)
        stop = np.minimum(stop, first)
    closed = np.minimum(closed, stop[:, None])
    rejected = (look > 0) & (look <= stop[:, None])
    return _Ending(rejected=rejected, closed=closed, stop=stop, fraction=fraction)


def _fraction(trial: Trial, one: Comparison, shown: LookStatistics) -> FloatArray:
    """Return the information of the looks over what is planned for the comparison.

    Where arms join or leave, or the test counts neither patients nor events that are planned,
    the plan is taken to be what is known in the end.
    """
    counted = one.analysis.test.information_unit
    last = shown.held_until[:, -1:]
    of_last = shown.held_until / np.where(last > 0, last, 1.0)
    if arms_change(trial.arms):
        return of_last
    share = (trial.ratio[0] + trial.ratio[one.arm]) / sum(trial.ratio)
    if counted == "patients" and trial.endpoints[one.endpoint].due_time is not None:
        return shown.held_until / (trial.n_patients * share)
    events = trial.cutoff.primary_events
    if counted == "events" and events is not None and one.endpoint == 0:
        return shown.held_until / (events * share)
    return of_last


def _given_up(
    trial: Trial,
    shown: tuple[tuple[Comparison, ...], tuple[LookStatistics, ...]],
    fraction: FloatArray,
) -> IntArray:
    """Return the look at which each hypothesis is given up; one beyond the last for never."""
    n_looks = fraction.shape[2]
    z = np.stack([seen.z for seen in shown[1]], axis=1)
    futile = is_futile(z, _futility(trial, shown, fraction))
    futile[:, :, -1] = False
    return np.asarray(np.where(futile.any(axis=2), futile.argmax(axis=2) + 1, n_looks + 1))


def _futility(
    trial: Trial,
    shown: tuple[tuple[Comparison, ...], tuple[LookStatistics, ...]],
    fraction: FloatArray,
) -> FloatArray:
    """Return the futility bounds of each hypothesis; -inf where it is not judged by any."""
    assert trial.family is not None
    found = np.full(fraction.shape, -np.inf)
    if trial.stopping is None or not trial.stopping.gives_up:
        return found
    primary_only = trial.family.gives_up is GivesUp.PRIMARY
    for number, (one, seen) in enumerate(zip(*shown, strict=True)):
        if not (primary_only and one.endpoint):
            found[:, number] = seen.bounds(trial.stopping, fraction[:, number])[1]
    return found


def _out_of_reach(family: Family, look: IntArray, given_up: IntArray) -> IntArray:
    """Return the look at which each hypothesis is given up or can be reached no more."""
    ended = given_up.copy()
    for number in range(1, int(given_up.max())):
        rejected = (look > 0) & (look <= number)
        open_ = family.procedure.within_reach(rejected, given_up <= number)
        ended[~(rejected | open_) & (ended > number)] = number
    return ended


def _observation(
    generated: Generated, asked: tuple[Comparison, ...], shown: LookStatistics, ending: _Ending
) -> Observation:
    """Return what is seen when each trial stops, without those who were not randomized."""
    row = np.arange(len(ending.stop))
    cutoff = shown.cutoff[row, ending.stop - 1]
    observation = observed(generated, cutoff)
    arms = sorted({one.arm for one in asked})
    enrollment_time = observation.enrollment_time
    for arm in arms:
        own = [number for number, one in enumerate(asked) if one.arm == arm]
        closed = ending.closed[:, own].max(axis=1)
        early = closed < ending.stop
        if early.any():
            until = np.where(early, shown.cutoff[row, closed - 1], np.inf)
            never = (observation.arm == arm) & (enrollment_time > until[:, None])
            enrollment_time = np.where(never, np.inf, enrollment_time)
    return replace(observation, enrollment_time=enrollment_time)


def _by_hypothesis(
    asked: tuple[Comparison, ...], seen: tuple[LookStatistics, ...], ending: _Ending
) -> dict[str, FloatArray]:
    row = np.arange(len(ending.stop))
    found = {}
    for number, (one, shown) in enumerate(zip(asked, seen, strict=True)):
        found[one.quantity("reject")] = ending.rejected[:, number].astype(float)
        found[one.quantity("estimate")] = shown.estimate[row, ending.closed[:, number] - 1]
    found["undefined"] = _undefined(seen, ending)
    return found


def _undefined(seen: tuple[LookStatistics, ...], ending: _Ending) -> FloatArray:
    row = np.arange(len(ending.stop))
    at_stop = [one.undefined[row, ending.stop - 1] for one in seen]
    return np.asarray(np.any(at_stop, axis=0), dtype=float)


def _stops(number: int, ending: _Ending) -> dict[str, FloatArray]:
    """Return which trials stop at a look (from 1), with a claim and without."""
    here, any_rejected = ending.stop == number, ending.rejected.any(axis=1)
    return {
        at_look("efficacy", number): (here & any_rejected).astype(float),
        at_look("futility", number): (here & ~any_rejected).astype(float),
    }


def _accuracy(
    trial: Trial, asked: tuple[Comparison, ...], shown: tuple[tuple[LookStatistics, ...], _Ending]
) -> dict[str, FloatArray]:
    """Return how near the truth the primary endpoint's estimates are, where that is asked."""
    found: dict[str, FloatArray] = {}
    for number, (one, seen) in enumerate(zip(asked, shown[0], strict=True)):
        if one.endpoint == 0:
            near = accuracy(trial, seen.verdict_at(shown[1].closed[:, number] - 1), arm=one.arm)
            found |= {one.quantity(name): values for name, values in near.items()}
    return found


def _sizes(
    trial: Trial,
    asked: tuple[Comparison, ...],
    shown: tuple[tuple[LookStatistics, ...], _Ending],
    observation: Observation,
) -> dict[str, FloatArray]:
    """Return the patients of each arm and its controls, where arms join or leave."""
    row, (seen, ending) = np.arange(len(observation.cutoff)), shown
    ends = [
        seen[number].cutoff[row, ending.closed[:, number] - 1]
        for number, one in enumerate(asked)
        if one.endpoint == 0
    ]
    return sizes(trial, asked[0].analysis, observation, ends=ends)


def _picked(
    asked: tuple[Comparison, ...], seen: tuple[LookStatistics, ...], ending: _Ending
) -> dict[str, FloatArray]:
    own = [number for number, one in enumerate(asked) if one.endpoint == 0]
    if len(own) == 1:
        return {}
    row = np.arange(len(ending.stop))
    p_value = np.stack([seen[k].p_value[row, ending.closed[:, k] - 1] for k in own], axis=1)
    rejected = ending.rejected[:, own]
    best = np.where(rejected, p_value, 2.0).argmin(axis=1)
    return {
        asked[k].quantity("picked"): ((best == place) & rejected[:, place]).astype(float)
        for place, k in enumerate(own)
    }


def _false_rejections(
    trial: Trial, asked: tuple[Comparison, ...], ending: _Ending
) -> dict[str, FloatArray]:
    without = [
        number
        for number, one in enumerate(asked)
        if fares_as_control(trial, one.arm)
        and not one.analysis.test.alike_is_enough(trial.endpoints[one.endpoint].better)
    ]
    if not without:
        return {}
    return {"false_rejection": ending.rejected[:, without].any(axis=1).astype(float)}


def _estimates_at_looks(
    asked: tuple[Comparison, ...], seen: tuple[LookStatistics, ...], ending: _Ending
) -> dict[str, FloatArray]:
    found: dict[str, FloatArray] = {}
    for hypothesis, (one, shown) in enumerate(zip(asked, seen, strict=True)):
        last = ending.closed[:, hypothesis] - 1
        for look in range(shown.estimate.shape[1]):
            found |= estimates_at(look, shown, last, prefix=one.prefix, arm=one.arm_name)
    return found


def _looks(trial: Trial, shown: LookStatistics, ending: _Ending) -> dict[str, FloatArray]:
    found: dict[str, FloatArray] = {}
    for number, look in enumerate(trial.looks, start=1):
        cutoff = shown.look_time[:, number - 1]
        found |= waited(number, look, np.where(ending.stop >= number, cutoff, np.nan))
        found[at_look("time", number)] = cutoff
        held = ~shown.skipped[:, number - 1]
        found[at_look("information", number)] = np.where(
            held, ending.fraction[:, 0, number - 1], np.nan
        )
        found |= _stops(number, ending)
    return found
