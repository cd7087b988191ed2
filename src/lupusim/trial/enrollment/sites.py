"""Enrollment by sites that open one after another."""

from __future__ import annotations

from dataclasses import field

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import COUNT, DURATION, POSITIVE, check_ranges
from lupusim.trial.enrollment.arrival_pattern import RANDOM, ArrivalPattern
from lupusim.trial.enrollment.base import ENROLLMENTS, Accrual, AtARate


@ENROLLMENTS.register("poisson")
@dataclass(frozen=True, slots=True, kw_only=True)
class PoissonEnrollment(AtARate):
    """Sites randomize independently at a constant rate each; they open one after another.

    The number of open sites is taken to grow linearly over the ramp-up.

    Parameters
    ----------
    sites : int
        Sites in the end, at least 1.
    per_site_per_year : float
        Patients randomized by an open site per year, above 0.
    ramp_up : float
        Years from the opening of the first site to the opening of the last, 0 or above.
    screened_per_patient : float
        Patients screened for each one randomized.
    arrivals : ArrivalPattern
        At random, or evenly.

    Examples
    --------
    >>> PoissonEnrollment(sites=10, per_site_per_year=6.0).sites
    10
    """

    sites: int = field(metadata=COUNT)
    per_site_per_year: float = field(metadata=POSITIVE)
    ramp_up: float = field(default=0.0, metadata=DURATION)
    screened_per_patient: float = 1.0
    arrivals: ArrivalPattern = RANDOM

    def __post_init__(self) -> None:
        check_ranges(self)

    def expected(self, time: FloatArray) -> FloatArray:
        """Return how many are expected by calendar times (years), same shape."""
        full_rate = self.sites * self.per_site_per_year
        at_full_rate = np.maximum(time - self.ramp_up / 2, 0.0)
        if self.ramp_up == 0:
            return np.asarray(full_rate * at_full_rate)
        ramping = np.clip(time, 0.0, None) ** 2 / (2 * self.ramp_up)
        return np.asarray(full_rate * np.where(time < self.ramp_up, ramping, at_full_rate))

    def time_when(self, expected: FloatArray) -> FloatArray:
        """Return the calendar times (years) by which so many are expected, same shape."""
        full_rate = self.sites * self.per_site_per_year
        time_at_full_rate = expected / full_rate
        if self.ramp_up == 0:
            return time_at_full_rate
        # During the ramp-up the expected number is rate * t^2 / (2 * ramp_up).
        ramping = np.sqrt(2 * self.ramp_up * time_at_full_rate)
        return np.where(ramping < self.ramp_up, ramping, time_at_full_rate + self.ramp_up / 2)

    def accrual(self, n_patients: int) -> Accrual | None:
        """Return one constant rate; None where sites open one after another."""
        rate = self.sites * self.per_site_per_year
        return None if self.ramp_up else ((0.0, n_patients / rate), (rate,))
