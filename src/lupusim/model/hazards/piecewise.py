"""Hazard that is constant between breaks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model.hazards.base import FAMILIES, Hazard


@FAMILIES.register("piecewise_exponential")
@dataclass(frozen=True, slots=True, kw_only=True)
class PiecewiseExponentialHazard(Hazard):
    """Hazard that is constant between breaks.

    Parameters
    ----------
    breaks : sequence of float
        Years at which the hazard changes, increasing, all above 0.
    rates : sequence of float
        Hazard per year before the first break, between breaks, and after the last: one
        more than there are breaks, each 0 or above. A last rate of 0 lets some never leave.

    Examples
    --------
    >>> hazard = PiecewiseExponentialHazard(breaks=(0.5, 1.0), rates=(2.0, 1.0, 0.5))
    >>> hazard.cumulative(np.array([0.5, 1.0, 3.0])).tolist()
    [1.0, 1.5, 2.5]
    """

    breaks: Sequence[float]
    rates: Sequence[float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "breaks", tuple(map(float, self.breaks)))
        object.__setattr__(self, "rates", tuple(map(float, self.rates)))
        edges = (0.0, *self.breaks)
        if not all(math.isfinite(b) and a < b for a, b in pairwise(edges)):
            raise ValueError(f"breaks={list(self.breaks)} must be increasing and above 0")
        if len(self.rates) != len(self.breaks) + 1:
            raise ValueError(
                f"rates={list(self.rates)} must have one entry more than breaks={list(self.breaks)}"
            )
        if not all(math.isfinite(rate) and rate >= 0 for rate in self.rates):
            raise ValueError(f"rates={list(self.rates)} must be finite numbers, 0 or above")

    @property
    def steps(self) -> tuple[float, ...]:
        """Its breaks."""
        return tuple(self.breaks)

    def _knots(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the start of each piece, its rate, and the cumulative hazard at its start."""
        edges = np.array((0.0, *self.breaks))
        rates = np.array(self.rates)
        return edges, rates, np.concatenate([[0.0], np.cumsum(np.diff(edges) * rates[:-1])])

    def hazard(self, time: FloatArray) -> FloatArray:
        """Return the hazard, per year; at a break the rate that follows it."""
        edges, rates, _ = self._knots()
        return np.asarray(rates[np.searchsorted(edges, time, side="right") - 1])

    def cumulative(self, time: FloatArray) -> FloatArray:
        """Return the cumulative hazard."""
        edges, rates, heights = self._knots()
        piece = np.searchsorted(edges, time, side="right") - 1
        with np.errstate(invalid="ignore"):
            grown = rates[piece] * (time - edges[piece])
        return np.asarray(heights[piece] + np.where(rates[piece] > 0, grown, 0.0))

    @classmethod
    def cumulative_of_many(
        cls, parameters: Mapping[str, FloatArray], time: FloatArray
    ) -> FloatArray:
        """Return the cumulative hazards of many, (n, n_times)."""
        rates = parameters["rates"]
        edges = np.pad(parameters["breaks"], ((0, 0), (1, 0)))
        grown = np.cumsum(np.diff(edges) * rates[:, :-1], axis=1)
        heights = np.pad(grown, ((0, 0), (1, 0)))
        piece = (edges[:, :, None] <= time).sum(axis=1) - 1
        begin, rate, height = (
            np.take_along_axis(one, piece, axis=1) for one in (edges, rates, heights)
        )
        return np.asarray(height + rate * (time - begin))

    def inverse_cumulative(self, cumulative: FloatArray) -> FloatArray:
        """Return the time at which the cumulative hazard reaches `cumulative`, or ``inf``."""
        edges, rates, heights = self._knots()
        piece = np.maximum(np.searchsorted(heights, cumulative, side="left") - 1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            waited = (cumulative - heights[piece]) / rates[piece]
        return np.asarray(edges[piece] + np.where(cumulative > heights[piece], waited, 0.0))

    def in_years(self, per_year: float) -> PiecewiseExponentialHazard:
        """Return the hazard whose parameters counted time in units of which a year has so many."""
        return PiecewiseExponentialHazard(
            breaks=[b / per_year for b in self.breaks], rates=[r * per_year for r in self.rates]
        )

    def mean(self) -> float:
        """Return the mean; ``inf`` where the last rate is 0."""
        edges, rates, heights = self._knots()
        if rates[-1] == 0:
            return math.inf
        survival = np.exp(-heights)
        widths = np.diff(edges)
        with np.errstate(divide="ignore", invalid="ignore"):
            areas = np.where(
                rates[:-1] > 0, -np.diff(survival) / rates[:-1], survival[:-1] * widths
            )
        return float(areas.sum() + survival[-1] / rates[-1])
