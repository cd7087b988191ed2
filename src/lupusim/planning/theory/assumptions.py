"""What a design must be for a formula to hold, and what the exact engine says of its arms."""

from __future__ import annotations

import math

import numpy as np

from lupusim.engines.exact import occupancy
from lupusim.model import MultiStateModel, TreatmentEffect
from lupusim.model.hazards import ExponentialHazard
from lupusim.trial import Analysis, Arm, Responder, Trial

_TOLERANCE = 1e-6


def is_plain(trial: Trial, analysis: Analysis) -> bool:
    """Return whether nothing makes patients differ that no formula knows."""
    population = trial.population
    alike = not (population.effects or population.frailties or population.screening)
    alike = alike and not population.drift
    straight = all(_is_straight(arm) for arm in trial.arms)
    watched = trial.visit_conduct.is_perfect and not trial.intercurrent_events
    adjusted = analysis.stratify_by or analysis.adjust_for
    return bool(alike and straight and watched and trial.supply is None and not adjusted)


def _is_straight(arm: Arm) -> bool:
    """Return whether all patients of an arm follow one law from the start."""
    given = arm.infusions
    varied = given is not None and any(
        getattr(given, name, None) for name in ("again_on", "lots", "missed")
    )
    return arm.switch is None and not varied and not arm.model.covariates


def response_chance(trial: Trial, law: MultiStateModel, primary: Responder) -> float:
    """Return the probability that a patient is a responder, and still there to be seen.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not reach its tolerance.
    """
    row = occupancy(law, [primary.at], tolerance=_TOLERANCE).iloc[0]
    present = math.exp(-trial.dropout.cumulative(np.array(primary.at)))
    return min(1.0, max(0.0, float(row[list(primary.states)].sum()) * present))


def constant_hazard_ratio(trial: Trial) -> float | None:
    """Return the constant hazard ratio of the only transition; None where there is none."""
    control, experimental = trial.arms
    if control.effects or control.model != experimental.model or len(experimental.effects) != 1:
        return None
    effect = experimental.effects[0]
    if len(control.model.transitions) > 1 or not isinstance(effect, TreatmentEffect):
        return None
    given = experimental.infusions
    from_start = effect.onset == 0 and (given is None or given.at[0] == 0)
    for_good = math.isinf(effect.lasts) and not control.model.classes
    return effect.hazard_ratio if from_start and for_good else None


def constant_hazard(trial: Trial) -> float | None:
    """Return the control's hazard of its only transition; None where it is not constant."""
    hazard = trial.arms[0].model.transitions[0].hazard
    return hazard.rate if isinstance(hazard, ExponentialHazard) else None
