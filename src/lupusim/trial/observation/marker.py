"""A score that is measured at visits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from itertools import pairwise

import numpy as np

from lupusim.common.frozen import dataclass
from lupusim.common.ranges import SHARE, check_ranges

_ROUNDING = 1e-9

Points = tuple[tuple[float, float], ...]
"""Study times (years), rising, and a value at each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    r"""A score, such as SLEDAI, whose mean and spread depend on the state at a visit.

    .. math:: Y_{iv} = \mu_s + \sigma_s (\sqrt{\rho}\, a_i + \sqrt{1 - \rho}\, e_{iv})

    with independent standard normal :math:`a_i` of the patient and :math:`e_{iv}` of the visit.
    Where a course is stated, its mean change at the study time of the visit is added, and
    :math:`\sigma_s` is multiplied by the spread there; both run linearly between the times that
    are stated, from no change and a factor of 1 at randomization, and stay after the last.

    Parameters
    ----------
    name : str
        What to call it.
    mean, sd : mapping of str to float
        In each state in which a patient can be seen; sd 0 or above.
    correlation : float
        :math:`\rho`, of two values of a patient in the same state; 0 to 1.
    lowest : float
        Lower values are set to it.
    baseline : str
        A number of the patients that is the value at randomization, such as the sledai of
        their screening; later values are correlated with it. Empty: drawn like the others.
    course : mapping of str to tuple of (float, float)
        By arm: study times (years) and the mean change up to each.
    spread : tuple of (float, float)
        Study times (years) and the factor of the standard deviation at each.
    baseline_correlation : float or None
        Of a later value with the one at randomization; None for `correlation`. Its square is at
        most `correlation`.
    """

    name: str
    mean: Mapping[str, float]
    sd: Mapping[str, float]
    correlation: float = field(metadata=SHARE)
    lowest: float = -math.inf
    baseline: str = ""
    course: Mapping[str, Points] = field(default_factory=dict)
    spread: Points = ()
    baseline_correlation: float | None = None

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.mean.keys() != self.sd.keys():
            raise ValueError("mean and sd must name the same states")
        if self.with_baseline**2 > self.correlation + _ROUNDING:
            raise ValueError(
                f"baseline_correlation={self.with_baseline!r} is too large: its square must be at "
                f"most the correlation of two later values, {self.correlation!r}"
            )
        for points in (*self.course.values(), self.spread):
            _check_points(points)
        if any(factor < 0 for _, factor in self.spread):
            raise ValueError(f"spread={self.spread!r} must hold factors of 0 or above")
        for state, sd in self.sd.items():
            if not (math.isfinite(sd) and sd >= 0):
                raise ValueError(f"sd of {state!r}={sd!r} must be 0 or above")

    @property
    def with_baseline(self) -> float:
        """The correlation of a later value with the one at randomization, in the same state."""
        stated = self.baseline_correlation
        return self.correlation if stated is None else stated

    def change(self, arm: str, time: float) -> float:
        """Return the stated mean change of an arm at a study time (years)."""
        return _between(self.course.get(arm, ()), time, at_start=0.0)

    def widening(self, time: float) -> float:
        """Return what multiplies the standard deviation at a study time (years)."""
        return _between(self.spread, time, at_start=1.0)

    def alike(self, arms: Sequence[str]) -> Marker:
        """Return the marker of a trial in which all arms take the course of the first."""
        course = self.course.get(arms[0], ())
        return replace(self, course=dict.fromkeys(arms, course)) if self.course else self


def _check_points(points: Points) -> None:
    times = [time for time, _ in points]
    rising = all(a < b for a, b in pairwise(times))
    if not (rising and all(time > 0 for time in times) and np.isfinite(points).all()):
        raise ValueError(f"{points} must be finite numbers at rising times above 0")


def _between(points: Points, time: float, *, at_start: float) -> float:
    """Return the value at a time on straight lines between points, constant after the last."""
    times, values = zip((0.0, at_start), *points, strict=True)
    return float(np.interp(time, times, values))
