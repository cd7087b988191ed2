"""Enrollment at rates that change at given dates."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.trial.enrollment.arrival_pattern import RANDOM, ArrivalPattern
from lupusim.trial.enrollment.base import ENROLLMENTS, Accrual, AtARate


@ENROLLMENTS.register("piecewise")
@dataclass(frozen=True, slots=True, kw_only=True)
class PiecewiseEnrollment(AtARate):
    """A Poisson process whose rate changes at given calendar times.

    Parameters
    ----------
    breaks : tuple of float
        Calendar times (years) at which the rate changes, increasing, above 0.
    rates_per_year : tuple of float
        Patients per year before the first break, between breaks, and after the last; one
        more than there are breaks; the last above 0, so that enrollment can finish.
    screened_per_patient : float
        Patients screened for each one randomized.
    arrivals : ArrivalPattern
        At random, or evenly.

    Examples
    --------
    >>> PiecewiseEnrollment(breaks=(0.5,), rates_per_year=(20.0, 60.0)).rates_per_year
    (20.0, 60.0)
    """

    breaks: tuple[float, ...]
    rates_per_year: tuple[float, ...]
    screened_per_patient: float = 1.0
    arrivals: ArrivalPattern = RANDOM

    def __post_init__(self) -> None:
        if not all(a < b for a, b in pairwise((0.0, *self.breaks))):
            raise ValueError(f"breaks={self.breaks} must be increasing and above 0")
        if len(self.rates_per_year) != len(self.breaks) + 1:
            raise ValueError(
                f"rates_per_year={self.rates_per_year} must have one entry more than {self.breaks}"
            )
        if not all(math.isfinite(rate) and rate >= 0 for rate in self.rates_per_year):
            raise ValueError(f"rates_per_year={self.rates_per_year} must be 0 or above")
        if self.rates_per_year[-1] == 0:
            raise ValueError("the last enrollment rate is 0: enrollment could never finish")

    def expected(self, time: FloatArray) -> FloatArray:
        """Return how many are expected by calendar times (years), same shape."""
        edges, rates, expected = self._pieces()
        piece = np.maximum(np.searchsorted(edges, time, side="right") - 1, 0)
        since = np.maximum(time - edges[piece], 0.0)
        return np.asarray(expected[piece] + rates[piece] * since)

    def time_when(self, expected: FloatArray) -> FloatArray:
        """Return the calendar times (years) by which so many are expected, same shape."""
        edges, rates, before = self._pieces()
        piece = np.maximum(np.searchsorted(before, expected) - 1, 0)
        return np.asarray(edges[piece] + (expected - before[piece]) / rates[piece])

    def accrual(self, n_patients: int) -> Accrual | None:
        """Return the rates until all have come."""
        edges, rates, before = self._pieces()
        used = int(np.count_nonzero(before < n_patients))
        end = edges[used - 1] + (n_patients - before[used - 1]) / rates[used - 1]
        return (*edges[:used].tolist(), float(end)), self.rates_per_year[:used]

    def _pieces(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return starts of the pieces, their rates, and how many are expected before each."""
        edges, rates = np.array((0.0, *self.breaks)), np.array(self.rates_per_year)
        return edges, rates, np.concatenate([[0.0], np.cumsum(np.diff(edges) * rates[:-1])])
