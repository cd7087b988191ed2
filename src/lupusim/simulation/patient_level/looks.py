"""What one group-sequential trial would report: at every look, and once it has stopped."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lupusim.analysis.benefit_direction import benefit_sign
from lupusim.analysis.group_sequential import Bounds, after_stopping, repeated_p_value
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.simulation.generation.generation import Generated
from lupusim.simulation.looks.evidence import Evidence, gather
from lupusim.simulation.looks.group_sequential import planned_information
from lupusim.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class LookReported:
    """What a look shows; NaN where it shows nothing.

    Parameters
    ----------
    look : int
        Counted from 1.
    information : float
        Fraction of what was planned for the last look.
    z, efficacy_bound, futility_bound : float
        Statistic, large in favor of the experimental arm, and its bounds; infinite for none.
    estimate, standard_error : float
        On the test's own scale.
    repeated_lower, repeated_upper : float
        Interval that may be quoted at any look, stopped or not; infinite where the look has no
        bound.
    repeated_p_value : float
        Smallest alpha at which the look would have rejected, of as many sides as the test.
    stagewise_p_value : float
        One-sided, of the look at which the trial stops, by the stage-wise ordering.
    median_unbiased, stagewise_lower, stagewise_upper : float
        Estimate and interval by the same ordering, on the test's own scale.

    References
    ----------
    Jennison and Turnbull (2000), *Group Sequential Methods*, chapters 8 and 9.
    """

    look: int
    information: float
    z: float
    efficacy_bound: float
    futility_bound: float
    estimate: float
    standard_error: float
    repeated_lower: float
    repeated_upper: float
    repeated_p_value: float
    stagewise_p_value: float = np.nan
    median_unbiased: float = np.nan
    stagewise_lower: float = np.nan
    stagewise_upper: float = np.nan


def looks_reported(trial: Trial, generated: Generated, last: int) -> tuple[LookReported, ...]:
    """Return what the looks of one trial show, up to the one at which it stops.

    Bounds are those at the information that the looks really had.

    Parameters
    ----------
    trial : Trial
        Nothing is returned but for group-sequential bounds on one hypothesis.
    generated : Generated
        The patients of one replicate.
    last : int
        Look at which the trial stops, counted from 1.
    """
    rule, alone = trial.stopping, trial.family is None and trial.adaptation is None
    if not isinstance(rule, GroupSequential) or not alone:
        return ()
    (seen,) = gather(trial, generated)
    fraction = seen.held_until[0] / planned_information(trial, seen.information)[0]
    known = rule.held(fraction)
    held = np.flatnonzero(~np.isnan(known) & (np.arange(known.size) < last))
    if held.size == 0:
        return ()
    plan = rule.plan(known[~np.isnan(known)])
    found = [_at(plan, place, seen, look) for place, look in enumerate(held.tolist())]
    if held[-1] == last - 1 and np.isfinite(found[-1].z):
        assert trial.analysis is not None  # bounds stand beside one: the trial's own checks
        sign = benefit_sign(trial.analysis.test, trial.primary.better)
        found[-1] = _stopped(plan, found[-1], place=held.size - 1, sign=sign)
    return tuple(found)


def _at(plan: Bounds, place: int, seen: Evidence, look: int) -> LookReported:
    z, bound = float(seen.z[0, look]), float(plan.efficacy[place])
    estimate, error = float(seen.estimate[0, look]), float(seen.standard_error[0, look])
    p_value = float(repeated_p_value(plan, z, look=place + 1)) if np.isfinite(z) else np.nan
    return LookReported(
        look=look + 1,
        information=float(plan.information[place]),
        z=z,
        efficacy_bound=bound,
        futility_bound=float(plan.futility[place]),
        estimate=estimate,
        standard_error=error,
        repeated_lower=estimate - bound * error,
        repeated_upper=estimate + bound * error,
        repeated_p_value=p_value,
    )


def _stopped(plan: Bounds, found: LookReported, *, place: int, sign: int) -> LookReported:
    after = after_stopping(plan, place + 1, found.z)
    root = float(np.sqrt(plan.information[place]))
    ends = [float(effect) * root - found.z for effect in (after.estimate, after.lower, after.upper)]
    middle, *limits = (found.estimate + sign * one * found.standard_error for one in ends)
    return replace(
        found,
        stagewise_p_value=float(after.p_value),
        median_unbiased=middle,
        stagewise_lower=min(limits),
        stagewise_upper=max(limits),
    )
