"""A hazard family: Lomax, whose hazard falls as 1 / (scale + time)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.model import Hazard
from lupusim.model.hazards.base import check_positive


@dataclass(frozen=True, slots=True, kw_only=True)
class LomaxHazard(Hazard):
    r"""Lomax (Pareto II) hazard :math:`h(t) = shape / (scale + t)`, per year.

    Parameters
    ----------
    shape : float
        Above 0; the mean exists above 1.
    scale : float
        Years, above 0.
    """

    shape: float
    scale: float

    def __post_init__(self) -> None:
        check_positive(shape=self.shape, scale=self.scale)

    def hazard(self, time: FloatArray) -> FloatArray:
        """Return the hazard, per year."""
        return np.asarray(self.shape / (self.scale + time))

    def cumulative(self, time: FloatArray) -> FloatArray:
        """Return the cumulative hazard."""
        return np.asarray(self.shape * np.log1p(time / self.scale))

    def inverse_cumulative(self, cumulative: FloatArray) -> FloatArray:
        """Return the time at which the cumulative hazard reaches `cumulative`."""
        return np.asarray(self.scale * np.expm1(cumulative / self.shape))

    def in_years(self, per_year: float) -> LomaxHazard:
        """Return the hazard whose parameters counted time in units of which a year has so many."""
        return LomaxHazard(shape=self.shape, scale=self.scale / per_year)

    def mean(self) -> float:
        """Return the mean time to the event."""
        return self.scale / (self.shape - 1) if self.shape > 1 else math.inf
