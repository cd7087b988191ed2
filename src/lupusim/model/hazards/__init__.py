"""The eight hazard families; names and parameters are those of R's flexsurv."""

from __future__ import annotations

from lupusim.model.hazards.base import Hazard
from lupusim.model.hazards.elementary import (
    ExponentialHazard,
    GompertzHazard,
    LoglogisticHazard,
    WeibullHazard,
)
from lupusim.model.hazards.gamma import GammaHazard, GeneralizedGammaHazard, LognormalHazard
from lupusim.model.hazards.piecewise import PiecewiseExponentialHazard

FAMILIES: dict[str, type[Hazard]] = {
    "exponential": ExponentialHazard,
    "weibull": WeibullHazard,
    "gompertz": GompertzHazard,
    "gamma": GammaHazard,
    "lognormal": LognormalHazard,
    "loglogistic": LoglogisticHazard,
    "generalized_gamma": GeneralizedGammaHazard,
    "piecewise_exponential": PiecewiseExponentialHazard,
}

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
