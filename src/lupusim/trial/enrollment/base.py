"""What every way of enrolling patients can say, and the registry of those that files know."""

from __future__ import annotations

from typing import ClassVar, Protocol, TypeAlias

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.registry import Registry
from lupusim.trial.enrollment.arrival_pattern import ArrivalPattern

Accrual: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""Calendar times (years) at which the rate of enrollment changes, and patients a year."""


class ArrivalProcess(Protocol):
    """Arrivals that go on for good, by the number of them that is expected."""

    @property
    def arrivals(self) -> ArrivalPattern:
        """How they scatter about that number."""
        ...

    def expected(self, time: FloatArray) -> FloatArray:
        """Return how many are expected by calendar times (years), same shape."""
        ...

    def time_when(self, expected: FloatArray) -> FloatArray:
        """Return the calendar times (years) by which so many are expected, same shape."""
        ...


class Enrollment(Protocol):
    """A way in which patients come in.

    It tells of patients randomized, one after the other; where candidates are screened before,
    of the candidates, eligible or not (:mod:`lupusim.trial.enrollment.randomization`).
    """

    @property
    def screened_per_patient(self) -> float:
        """Patients screened for each one randomized, on average, where no rule says whom."""
        ...

    @property
    def has_fixed_period(self) -> bool:
        """Whether it lasts as long for any number of patients."""
        ...

    def times(self, n_replicates: int, n_patients: int, *, rng: np.random.Generator) -> FloatArray:
        """Return calendar times (years) of randomization, increasing along each row.

        Shape (n_replicates, n_patients).
        """
        ...

    def process(self, n_patients: int, *, share: float) -> ArrivalProcess:
        """Return arrivals that go on for good, of candidates of whom a share is eligible.

        Where no rate is stated it is the one by which `n_patients` are eligible in time.
        """
        ...

    def continued(self, n_patients: int) -> Enrollment:
        """Return the enrollment that takes in more patients than `n_patients` at this pace."""
        ...

    def of_first(self, times: FloatArray, n_patients: int) -> FloatArray:
        """Return times of a trial of the first `n_patients` of a larger one, same shape."""
        ...

    def accrual(self, n_patients: int) -> Accrual | None:
        """Return breaks and rates of the enrollment to be expected; None where it ramps up."""
        ...


ENROLLMENTS: Registry[type[Enrollment]] = Registry(
    "enrollment", group="lupusim.enrollments", needs=("times", "expected", "process")
)
"""Kinds of enrollment by their name in files. A kind is a frozen dataclass; one that is not
read by a reader of its own is read field by field, in the range that its metadata
declares (:mod:`lupusim.common.ranges`)."""


def last_times(
    enrollment: Enrollment, n_replicates: int, n_patients: int, *, rng: np.random.Generator
) -> FloatArray:
    """Return the calendar time (years) of each replicate's last randomization, (n_replicates,).

    SPEED: a kind that finds it without all the others says so by a method of this name, which
    returns the last column of its `times` to the bit.
    """
    own = getattr(enrollment, "last_times", None)
    if own is None:
        return enrollment.times(n_replicates, n_patients, rng=rng)[:, -1]
    last: FloatArray = own(n_replicates, n_patients, rng=rng)
    return last


class AtARate:
    """What is the same for all whose rate does not depend on how many will come."""

    has_fixed_period: ClassVar[bool] = False  # it lasts until all have come

    __slots__ = ()

    def times(
        self: ArrivalProcess, n_replicates: int, n_patients: int, *, rng: np.random.Generator
    ) -> FloatArray:
        """Return calendar times (years), shape (n_replicates, n_patients), sorted by row."""
        numbers = self.arrivals.numbers(n_replicates, n_patients, rng=rng, after=None)
        return self.time_when(numbers)

    def process(self: _AtARate, n_patients: int, *, share: float) -> ArrivalProcess:
        """Return itself."""
        return self

    def continued(self: _AtARate, n_patients: int) -> Enrollment:
        """Return itself."""
        return self

    def of_first(self, times: FloatArray, n_patients: int) -> FloatArray:
        """Return the times as they are: nobody knows how many will come."""
        return times

    def accrual(self, n_patients: int) -> Accrual | None:
        """Return None: no formula knows the rate."""
        return None


class _AtARate(ArrivalProcess, Enrollment, Protocol):
    """Both in one."""
