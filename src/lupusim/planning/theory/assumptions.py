"""What a design must be for a formula to hold, and what the exact engine says of its arms."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np

from lupusim.errors import NoExactSolutionError
from lupusim.model import MultiStateModel
from lupusim.model.hazards.base import constant_rate
from lupusim.trial import Analysis, Arm, Trial
from lupusim.trial.endpoints import ResponseAtVisit

_TOLERANCE = 1e-6
_KEPT = 16  # trials whose theory is remembered


Known = TypeVar("Known")
Unknown = TypeVar("Unknown")
More = ParamSpec("More")


def without_failing(
    unknown: Unknown,
) -> Callable[
    [Callable[Concatenate[Trial, More], Known]], Callable[Concatenate[Trial, More], Known | Unknown]
]:
    """Decorate what is known of a trial without simulation: where it fails, nothing is known.

    Theory stands beside a simulation that is finished, and extreme numbers (a hazard that
    overflows) must not take that away. What was last found of some trials is kept, since the
    table, its sentence and the columns for programs all ask.

    Parameters
    ----------
    unknown : object
        The answer then.
    """

    def decorate(
        known: Callable[Concatenate[Trial, More], Known],
    ) -> Callable[Concatenate[Trial, More], Known | Unknown]:
        def find(trial: Trial, /, *more: More.args, **named: More.kwargs) -> Known | Unknown:
            try:
                with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                    return known(trial, *more, **named)
            except (ArithmeticError, ValueError, NoExactSolutionError):
                return unknown

        kept: deque[tuple[Trial, object, Known | Unknown]] = deque(maxlen=_KEPT)

        @wraps(known)
        def of_trial(trial: Trial, /, *more: More.args, **named: More.kwargs) -> Known | Unknown:
            for seen, asked, found in tuple(kept):
                if seen is trial and asked == (more, named):
                    return found
            found = find(trial, *more, **named)
            kept.append((trial, (more, named), found))
            return found

        return of_trial

    return decorate


def is_plain(trial: Trial, analysis: Analysis) -> bool:
    """Return whether nothing makes patients differ that no formula knows."""
    return not why_not_plain(trial, analysis)


def why_not_plain(trial: Trial, analysis: Analysis, *, mixed: bool = False) -> str:
    """Return what makes patients differ that no formula knows; empty if nothing does.

    Where they may be `mixed`, covariates and frailties that act on hazards are no reason.
    """
    population = trial.population
    by_model = any(arm.model.covariates for arm in trial.arms)
    acting = population.effects or population.frailties or by_model
    # what a screening finds makes nobody differ by itself: effects and covariates would
    reasons = {
        "hazards differ by covariates or frailties": acting and not mixed,
        "prognosis drifts": population.drift,
        "outcomes are correlated": population.correlated is not None,
        "patients of an arm are not treated alike": not all(map(_is_straight, trial.arms)),
        "visits are missed, late or misread": not trial.visit_conduct.is_perfect,
        "there are intercurrent events": trial.intercurrent_events,
        "treatment hangs on supply": trial.supply is not None,
        "the test is adjusted or stratified": analysis.stratify_by or analysis.adjust_for,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _is_straight(arm: Arm) -> bool:
    """Return whether all patients of an arm follow one law from the start."""
    alike = arm.infusions is None or arm.infusions.same_for_all
    return arm.switch is None and alike


def response_chance(trial: Trial, law: MultiStateModel, primary: ResponseAtVisit) -> float:
    """Return the probability that a patient is a responder, and still there to be seen.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not reach its tolerance.
    """
    from lupusim.engines.exact import solve

    (shares,) = solve(law, [primary.at], tolerance=_TOLERANCE).probabilities
    inside = np.isin(law.states, primary.states)
    present = math.exp(-trial.dropout.cumulative(np.array(primary.at)))
    return min(1.0, max(0.0, float(shares[inside].sum()) * present))


def constant_hazard_ratio(trial: Trial) -> float | None:
    """Return the constant hazard ratio of the only transition; None where there is none, or 0.

    An endpoint that is seen at visits alone has none either.
    """
    control, experimental = trial.arms
    timed = trial.primary.time_of_event
    if timed is not None and (timed.visits or timed.origin):
        return None
    if control.effects or control.model != experimental.model or len(experimental.effects) != 1:
        return None
    given = experimental.infusions
    from_start = given is None or given.at[0] == 0
    if len(control.model.transitions) > 1 or control.model.classes or not from_start:
        return None
    return experimental.effects[0].constant_ratio or None


def constant_hazard(trial: Trial) -> float | None:
    """Return the control's hazard of its only transition; None where it is not constant."""
    return constant_rate(trial.arms[0].model.transitions[0].hazard)
