"""Trials that adapt, which several tests share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lupusim.endpoints import Responder
from lupusim.model import MultiStateModel, TreatmentEffect
from lupusim.simulation.adaptation import BayesianResponse
from lupusim.trial import AfterPatients, Trial, UniformEnrollment
from trials import Arm, survival_trial, way

AT = 0.25


def response_arm(name: str, rate: float) -> Arm:
    """An arm in which a share `rate` responds by the visit."""
    hazard = -np.log1p(-0.3) / AT
    model = MultiStateModel(
        name="response", states=("ill", "well"), transitions=(way("ill", "well", hazard),)
    )
    arm = Arm(name=name, model=model)
    if rate == 0.3:
        return arm
    ratio = np.log1p(-rate) / np.log1p(-0.3)
    return replace(arm, effects=(TreatmentEffect(on=(("ill", "well"),), hazard_ratio=ratio),))


def adaptive_trial(
    rule: BayesianResponse | None,
    *rates: float,
    n_looks: int = 18,
    n_patients: int = 300,
    **changes: object,
) -> Trial:
    """Arms with these response rates (control 0.3), looks after equal numbers of patients."""
    arms = [response_arm("control", 0.3)]
    arms += [response_arm(f"dose {k}", rate) for k, rate in enumerate(rates, 1)]
    every = n_patients // n_looks
    looks = [AfterPatients(patients=every * k, follow_up=AT) for k in range(1, n_looks)]
    values = {
        "arms": tuple(arms),
        "n_patients": n_patients,
        "enrollment": UniformEnrollment(duration=2.0),
        "primary": Responder(name="response", states=("well",), at=AT),
        "visits": (AT,),
        "follow_up": AT,
        "interims": tuple(looks),
        "cutoff": AfterPatients(patients=n_patients, follow_up=AT),
        "analysis": None,
        "adaptation": rule,
    }
    return survival_trial(**{**values, **changes})
