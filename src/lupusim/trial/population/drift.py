"""Prognosis that drifts over the calendar while a trial enrolls."""

from __future__ import annotations

import math

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model import Edge


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A hazard ratio that goes with the date of randomization, on all arms alike."""

    on: tuple[Edge, ...]  # transitions whose hazard drifts
    hazard_ratio_per_year: float
    """Of patients randomized a year later; above 0. It is 1 for who comes when the first site
    opens, and log-linear in between."""

    def __post_init__(self) -> None:
        ratio = self.hazard_ratio_per_year
        if not (math.isfinite(ratio) and ratio > 0):
            raise ValueError(f"hazard_ratio_per_year={ratio!r} must be above 0")

    def log_ratio(self, enrollment_time: FloatArray) -> FloatArray:
        """Return the log hazard ratios of patients by their calendar times (years)."""
        return math.log(self.hazard_ratio_per_year) * enrollment_time
