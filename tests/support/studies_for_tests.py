"""A small model and studies of it, for the tests of calibration."""

from __future__ import annotations

import math

from lupusim.calibration.estimation.parameters import (
    FreeModel,
    FreeParameter,
    NormalPrior,
    Transform,
)
from lupusim.calibration.targets.counts import Measure
from lupusim.calibration.targets.studies import Study, Target
from lupusim.model import Clock, Hazard, MultiStateModel, Transition
from lupusim.model.hazards import ExponentialHazard


def study(*measures: Measure, n_patients: int = 200, cohort: str = "separate patients") -> Study:
    targets = tuple(Target(name=f"target {k}", measure=m) for k, m in enumerate(measures))
    return Study(
        name="a study",
        citation="none",
        n_patients=n_patients,
        targets=targets,
        cohort=cohort,
    )


def chain_model(
    *hazards: Hazard, states: tuple[str, ...] = ("well", "ill", "death")
) -> MultiStateModel:
    """Each state leads to the next."""
    steps = zip(states, states[1:], hazards, strict=False)
    transitions = tuple(
        Transition(from_state=a, to_state=b, hazard=hazard, clock=Clock.RESET)
        for a, b, hazard in steps
    )
    return MultiStateModel(name="chain", states=states, transitions=transitions)


def free_rates(model: MultiStateModel, *, middle: float = 0.1, sd: float = 1.0) -> FreeModel:
    """Every constant hazard is free, with the same prior."""
    parameters = tuple(
        FreeParameter(
            name=t.label,
            places={f"{t.label}.rate": 1.0},
            transform=Transform.LOG,
            prior=NormalPrior(mean=math.log(middle), sd=sd),
        )
        for t in model.transitions
        if isinstance(t.hazard, ExponentialHazard)
    )
    return FreeModel(model=model, parameters=parameters)
