"""Trials whose further patients depend on an interim look, which several tests share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lupusim.endpoints import Responder
from lupusim.model import TreatmentEffect
from lupusim.simulation.adaptation import Enrichment, Gate, SelectArms
from lupusim.trial import (
    AfterLastPatient,
    AfterPatients,
    AtEvents,
    CovariateEffect,
    Population,
    Trial,
    UniformEnrollment,
)
from trials import analysis, exponential_arm, survival_trial
from trials_adaptive import AT, adaptive_trial

MARKER = Population(factors={"marker": {"high": 0.4, "low": 0.6}})


def selection_trial(rule: SelectArms, *rates: float, **changes: object) -> Trial:
    """400 patients, a decision when 200 have come, arms with these response rates."""
    values = {
        "n_looks": 1,
        "n_patients": 400,
        "interims": (AfterPatients(patients=200),),
        "cutoff": AfterLastPatient(follow_up=AT),
        "analysis": analysis("pooled_z"),
    }
    trial = adaptive_trial(rule, *rates, **{**values, **changes})
    shared = trial.arms[0].model  # as in a scenario file, where all arms name it
    return replace(trial, arms=tuple(replace(arm, model=shared) for arm in trial.arms))


def marked(high: float, low: float) -> Population:
    """Patients of whom the treated respond at these rates, by their marker; others at 0.3."""
    effects = tuple(
        CovariateEffect(
            covariate="marker",
            level=level,
            arm="dose 1",
            on=(("ill", "well"),),
            hazard_ratio=float(np.log1p(-rate) / np.log1p(-0.3)),
        )
        for level, rate in (("high", high), ("low", low))
    )
    return replace(MARKER, effects=effects)


def enrichment_trial(rule: Enrichment, *rates: float, **changes: object) -> Trial:
    """300 patients, a decision when 150 have come, randomized within levels of a marker."""
    values = {
        "n_patients": 300,
        "interims": (AfterPatients(patients=150),),
        "population": MARKER,
        "stratify_by": ("marker",),
    }
    return selection_trial(rule, *(rates or (0.3,)), **{**values, **changes})


def gate_trial(rule: Gate | None, rate: float = 0.45, **changes: object) -> Trial:
    """300 patients, a gate when 100 have been followed for half the time of the primary."""
    values = {
        "n_patients": 300,
        "interims": (AfterPatients(patients=100, follow_up=AT / 2),),
        "secondary": (Responder(name="early", states=("well",), at=AT / 2),),
        "visits": (AT / 2, AT),
        "adaptation": rule,
    }
    return selection_trial(None, rate, **{**values, **changes})


def events_selection(rule: SelectArms, *ratios: float, **changes: object) -> Trial:
    """Arms with these hazard ratios of death, a decision at 40 events."""
    arms = [exponential_arm("control", 0.8)]
    for number, ratio in enumerate(ratios or (1.0, 1.0), 1):
        effect = TreatmentEffect(on=(("alive", "death"),), hazard_ratio=ratio)
        effects = (effect,) if ratio != 1.0 else ()
        arm = exponential_arm(f"dose {number}", 0.8, effects=effects)
        arms.append(replace(arm, model=arms[0].model))
    values = {
        "arms": tuple(arms),
        "n_patients": 240,
        "enrollment": UniformEnrollment(duration=2.0),
        "interims": (AtEvents(events=40),),
        "cutoff": AtEvents(events=120),
        "follow_up": np.inf,
        "adaptation": rule,
    }
    return survival_trial(**{**values, **changes})
