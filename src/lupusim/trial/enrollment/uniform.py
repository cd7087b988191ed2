"""Enrollment within a period of fixed length."""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import LONGER_THAN_0, check_ranges
from lupusim.trial.enrollment.arrival_pattern import RANDOM, ArrivalPattern
from lupusim.trial.enrollment.base import ENROLLMENTS, Accrual, ArrivalProcess, Enrollment
from lupusim.trial.enrollment.piecewise import PiecewiseEnrollment


@ENROLLMENTS.register("uniform")
@dataclass(frozen=True, slots=True, kw_only=True)
class UniformEnrollment:
    """All patients come in at uniformly distributed times within a fixed period, or evenly.

    Where candidates are screened before, they come at the pace at which as many patients as
    planned are expected to be eligible within the period, until the trial is full.

    Parameters
    ----------
    duration : float
        Length of the period, years, above 0.
    screened_per_patient : float
        Patients screened for each one randomized.
    arrivals : ArrivalPattern
        At random, or evenly.

    Examples
    --------
    >>> UniformEnrollment(duration=1.5).duration
    1.5
    """

    has_fixed_period: ClassVar[bool] = True  # it lasts as long for any number of patients

    duration: float = field(metadata=LONGER_THAN_0)
    screened_per_patient: float = 1.0
    arrivals: ArrivalPattern = RANDOM

    def __post_init__(self) -> None:
        check_ranges(self)

    def times(self, n_replicates: int, n_patients: int, *, rng: np.random.Generator) -> FloatArray:
        """Return calendar times (years), shape (n_replicates, n_patients), sorted by row."""
        times = self.arrivals.within(n_replicates, n_patients, rng=rng)
        times *= self.duration
        return times

    def last_times(
        self, n_replicates: int, n_patients: int, *, rng: np.random.Generator
    ) -> FloatArray:
        """Return the last time of each row of `times`, shape (n_replicates,); nothing is sorted."""
        last = self.arrivals.last_within(n_replicates, n_patients, rng=rng)
        last *= self.duration
        return last

    def process(self, n_patients: int, *, share: float) -> ArrivalProcess:
        """Return arrivals at the rate by which `n_patients` are eligible in the period."""
        rate = n_patients / (share * self.duration)
        return PiecewiseEnrollment(breaks=(), rates_per_year=(rate,), arrivals=self.arrivals)

    def continued(self, n_patients: int) -> Enrollment:
        """Return the enrollment of period after period, of `n_patients` each."""
        return RepeatedPeriods(planned=self, n_patients=n_patients)

    def of_first(self, times: FloatArray, n_patients: int) -> FloatArray:
        """Return the times stretched so that the first `n_patients` fill the period."""
        if n_patients == times.shape[1]:
            return times
        return self.duration * self.arrivals.shortened(times, n_patients)

    def accrual(self, n_patients: int) -> Accrual | None:
        """Return one constant rate."""
        return (0.0, self.duration), (n_patients / self.duration,)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedPeriods:
    """Enrollment that goes on at its pace for longer than was planned."""

    has_fixed_period: ClassVar[bool] = False  # it lasts until all have come

    planned: UniformEnrollment
    n_patients: int

    @property
    def screened_per_patient(self) -> float:
        """Patients screened for each one randomized, on average."""
        return self.planned.screened_per_patient

    def times(self, n_replicates: int, n_patients: int, *, rng: np.random.Generator) -> FloatArray:
        """Return calendar times (years), shape (n_replicates, n_patients), sorted by row."""
        n_periods = -(-n_patients // self.n_patients)
        periods = [
            self.planned.duration * k + self.planned.times(n_replicates, self.n_patients, rng=rng)
            for k in range(n_periods)
        ]
        return np.concatenate(periods, axis=1)[:, :n_patients]

    def process(self, n_patients: int, *, share: float) -> ArrivalProcess:
        """Return arrivals at the pace that was planned."""
        return self.planned.process(self.n_patients, share=share)

    def continued(self, n_patients: int) -> Enrollment:
        """Return itself."""
        return self

    def of_first(self, times: FloatArray, n_patients: int) -> FloatArray:
        """Return the times as they are."""
        return times

    def accrual(self, n_patients: int) -> Accrual | None:
        """Return None: it serves no formula."""
        return None
