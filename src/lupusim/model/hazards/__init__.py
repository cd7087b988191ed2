"""The eight hazard families; names and parameters are those of R's flexsurv.

A family is one class that registers itself in :data:`FAMILIES`.
"""

from __future__ import annotations

from lupusim.model.hazards.base import FAMILIES, Hazard
from lupusim.model.hazards.elementary import (
    ExponentialHazard,
    GompertzHazard,
    LoglogisticHazard,
    WeibullHazard,
)
from lupusim.model.hazards.gamma import GammaHazard, GeneralizedGammaHazard, LognormalHazard
from lupusim.model.hazards.piecewise import PiecewiseExponentialHazard

__all__ = [
    "FAMILIES",
    "ExponentialHazard",
    "GammaHazard",
    "GeneralizedGammaHazard",
    "GompertzHazard",
    "Hazard",
    "LoglogisticHazard",
    "LognormalHazard",
    "PiecewiseExponentialHazard",
    "WeibullHazard",
]
