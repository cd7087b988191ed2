"""The disease: states, hazards, transitions, latent classes, treatment effects."""

from __future__ import annotations

from lupusim.model.clocks import CLOCKS, Clock
from lupusim.model.effects import Effect, PiecewiseEffect, PiecewiseRatio, TreatmentEffect
from lupusim.model.hazards import FAMILIES, Hazard
from lupusim.model.multistate import Edge, LatentClass, MultiStateModel, Start
from lupusim.model.transitions import Transition

__all__ = [
    "CLOCKS",
    "FAMILIES",
    "Clock",
    "Edge",
    "Effect",
    "Hazard",
    "LatentClass",
    "MultiStateModel",
    "PiecewiseEffect",
    "PiecewiseRatio",
    "Start",
    "Transition",
    "TreatmentEffect",
]
