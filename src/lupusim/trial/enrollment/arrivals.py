"""When patients are randomized: calendar times from the opening of the first site."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from lupusim.arrays import FloatArray, blocks


class Enrollment(Protocol):
    """A way in which patients come in."""

    def times(self, n_replicates: int, n_patients: int, *, rng: np.random.Generator) -> FloatArray:
        """Return calendar times (years) of randomization, increasing along each row.

        Shape (n_replicates, n_patients).
        """
        ...

    @property
    def screened_per_patient(self) -> float:
        """Patients screened for each one randomized, on average."""
        ...


def arrivals(n_replicates: int, n_patients: int, rng: np.random.Generator) -> FloatArray:
    """Return a unit-rate Poisson process for each replicate."""
    return np.cumsum(rng.standard_exponential((n_replicates, n_patients)), axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class UniformEnrollment:
    """All patients come in at uniformly distributed times within a fixed period.

    Parameters
    ----------
    duration : float
        Length of the period, years, above 0.
    screened_per_patient : float
        Patients screened for each one randomized.
    """

    duration: float
    screened_per_patient: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.duration) and self.duration > 0):
            raise ValueError(f"duration={self.duration!r} must be above 0")

    def times(self, n_replicates: int, n_patients: int, *, rng: np.random.Generator) -> FloatArray:
        """Return calendar times (years), shape (n_replicates, n_patients), sorted by row."""
        times = np.empty((n_replicates, n_patients))
        # SPEED: drawn and sorted while it is in cache (benchmarks/cases.py)
        for block in blocks(n_replicates, n_patients):
            rng.random(out=times[block])
            times[block].sort(axis=1)
            times[block] *= self.duration
        return times


@dataclass(frozen=True, slots=True, kw_only=True)
class PoissonEnrollment:
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
    """

    sites: int
    per_site_per_year: float
    ramp_up: float = 0.0
    screened_per_patient: float = 1.0

    def __post_init__(self) -> None:
        if self.sites < 1:
            raise ValueError(f"sites={self.sites!r} must be at least 1")
        if not (math.isfinite(self.per_site_per_year) and self.per_site_per_year > 0):
            raise ValueError(f"per_site_per_year={self.per_site_per_year!r} must be above 0")
        if not (math.isfinite(self.ramp_up) and self.ramp_up >= 0):
            raise ValueError(f"ramp_up={self.ramp_up!r} must be 0 or above")

    def times(self, n_replicates: int, n_patients: int, *, rng: np.random.Generator) -> FloatArray:
        """Return calendar times (years), shape (n_replicates, n_patients), sorted by row."""
        full_rate = self.sites * self.per_site_per_year
        time_at_full_rate = arrivals(n_replicates, n_patients, rng) / full_rate
        if self.ramp_up == 0:
            return time_at_full_rate
        # During the ramp-up the expected number is rate * t^2 / (2 * ramp_up).
        ramping = np.sqrt(2 * self.ramp_up * time_at_full_rate)
        return np.where(ramping < self.ramp_up, ramping, time_at_full_rate + self.ramp_up / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class PiecewiseEnrollment:
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
    """

    breaks: tuple[float, ...]
    rates_per_year: tuple[float, ...]
    screened_per_patient: float = 1.0

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

    def times(self, n_replicates: int, n_patients: int, *, rng: np.random.Generator) -> FloatArray:
        """Return calendar times (years), shape (n_replicates, n_patients), sorted by row."""
        wanted = arrivals(n_replicates, n_patients, rng)
        edges, rates = np.array((0.0, *self.breaks)), np.array(self.rates_per_year)
        expected = np.concatenate([[0.0], np.cumsum(np.diff(edges) * rates[:-1])])
        piece = np.searchsorted(expected, wanted, side="right") - 1
        return np.asarray(edges[piece] + (wanted - expected[piece]) / rates[piece])
