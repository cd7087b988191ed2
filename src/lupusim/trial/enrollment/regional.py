"""Enrollment by regions that open, grow, pause and close at times of their own."""

from __future__ import annotations

import math
from dataclasses import field
from itertools import pairwise

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import COUNT, DURATION, POSITIVE, check_ranges, within
from lupusim.trial.durations import format_duration
from lupusim.trial.enrollment.arrival_pattern import RANDOM, ArrivalPattern
from lupusim.trial.enrollment.base import ENROLLMENTS, AtARate


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Sites that open one after another and randomize at a constant rate each.

    Parameters
    ----------
    sites : int
        Sites in the end, at least 1; the number of open ones is taken to grow linearly.
    per_site_per_year : float
        Patients randomized by an open site per year, above 0.
    opens : float
        Calendar time (years) at which its first site opens, 0 or above.
    ramp_up : float
        Years from then to the opening of its last site, 0 or above.
    closes : float
        Calendar time (years) at which all its sites close; ``inf`` for never.

    Examples
    --------
    >>> Region(sites=5, per_site_per_year=6.0, opens=0.5).opens
    0.5
    """

    sites: int = field(metadata=COUNT)
    per_site_per_year: float = field(metadata=POSITIVE)
    opens: float = field(default=0.0, metadata=DURATION)
    ramp_up: float = field(default=0.0, metadata=DURATION)
    closes: float = field(default=math.inf, metadata=within(duration=True, above=0, finite=False))

    def __post_init__(self) -> None:
        check_ranges(self)
        if not self.closes > self.opens:
            closes, opens = format_duration(self.closes), format_duration(self.opens)
            raise ValueError(f"closes={closes!r} must be after opens={opens!r}")

    @property
    def knots(self) -> tuple[float, ...]:
        """Calendar times (years) at which the rate bends or jumps."""
        return (self.opens, self.opens + self.ramp_up, self.closes)

    def rate(self, time: FloatArray) -> FloatArray:
        """Return patients per year at calendar times (years), same shape as `time`."""
        if self.ramp_up > 0:
            open_sites = np.clip((time - self.opens) / self.ramp_up, 0.0, 1.0)
        else:
            open_sites = (time >= self.opens).astype(float)
        full = self.sites * self.per_site_per_year
        return np.asarray(full * open_sites * (time < self.closes))


@ENROLLMENTS.register("regions")
@dataclass(frozen=True, slots=True, kw_only=True)
class RegionalEnrollment(AtARate):
    """A Poisson process whose rate is the sum over regions, and 0 in a pause of the trial.

    Parameters
    ----------
    regions : tuple of Region
        At least one, one of which never closes, so that enrollment can finish.
    pauses : tuple of (float, float)
        Calendar times (years) at which enrollment of the whole trial halts and goes on, in
        order, not overlapping.
    screened_per_patient : float
        Patients screened for each one randomized.
    arrivals : ArrivalPattern
        At random, or evenly.

    Examples
    --------
    >>> region = Region(sites=5, per_site_per_year=6.0)
    >>> len(RegionalEnrollment(regions=(region, region)).regions)
    2
    """

    regions: tuple[Region, ...]
    pauses: tuple[tuple[float, float], ...] = ()
    screened_per_patient: float = 1.0
    arrivals: ArrivalPattern = RANDOM

    def __post_init__(self) -> None:
        if not any(math.isinf(region.closes) for region in self.regions):
            raise ValueError(
                "every region closes: enrollment might never finish. Leave 'closes' out of one"
            )
        times = [time for pause in self.pauses for time in pause]
        ordered = all(a < b for a, b in self.pauses) and all(a <= b for a, b in pairwise(times))
        if not (ordered and all(math.isfinite(t) and t >= 0 for t in times)):
            raise ValueError(
                "the pauses overlap or end before they begin. Write them in order of time"
            )

    def expected(self, time: FloatArray) -> FloatArray:
        """Return how many are expected by calendar times (years), same shape."""
        edges, rate, slope = self._pieces()
        piece = np.maximum(np.searchsorted(edges, time, side="right") - 1, 0)
        since = np.maximum(time - edges[piece], 0.0)
        return np.asarray(
            self._before(edges, rate, slope)[piece]
            + since * (rate[piece] + slope[piece] * since / 2)
        )

    def time_when(self, expected: FloatArray) -> FloatArray:
        """Return the calendar times (years) by which so many are expected, same shape.

        Between knots the rate is linear, so that the expected number is a quadratic function
        of time, which is inverted.
        """
        edges, rate, slope = self._pieces()
        before = self._before(edges, rate, slope)
        piece = np.maximum(np.searchsorted(before, expected) - 1, 0)
        left = np.maximum(expected - before[piece], np.finfo(float).tiny)  # 0 might give 0 / 0
        a, b = slope[piece], rate[piece]
        # The root of a t^2 / 2 + b t = left that keeps its digits where a is small.
        return np.asarray(edges[piece] + 2 * left / (b + np.sqrt(b**2 + 2 * a * left)))

    @staticmethod
    def _before(edges: FloatArray, rate: FloatArray, slope: FloatArray) -> FloatArray:
        """Return how many are expected before each piece, (n_pieces,)."""
        width = np.diff(edges)
        grown = rate[:-1] * width + slope[:-1] * width**2 / 2
        return np.concatenate([[0.0], np.cumsum(grown)])

    def _pieces(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return starts of the pieces, the rate there and its slope, (n_pieces,) each."""
        knots = {0.0, *(t for r in self.regions for t in r.knots if math.isfinite(t))}
        knots.update(time for pause in self.pauses for time in pause)
        edges = np.array(sorted(knots))
        ends = np.append(edges[1:], edges[-1] + 1.0)
        middle, quarter = (edges + ends) / 2, (3 * edges + ends) / 4
        at_middle, at_quarter = self._rate(middle), self._rate(quarter)
        slope = (at_middle - at_quarter) / (middle - quarter)
        return edges, np.maximum(at_middle - slope * (middle - edges), 0.0), slope

    def _rate(self, time: FloatArray) -> FloatArray:
        """Return patients per year inside pieces (not at knots)."""
        rate: FloatArray = np.zeros(time.shape)
        for region in self.regions:
            rate += region.rate(time)
        for begin, end in self.pauses:
            rate[(time >= begin) & (time < end)] = 0.0
        return rate
