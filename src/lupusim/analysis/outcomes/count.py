"""How often something happened, and over how long."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lupusim.analysis.outcomes.outcome import Outcome, mean_or_none
from lupusim.common.arrays import BoolArray, FloatArray, StateArray
from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CountOutcome(Outcome):
    """How often something happened to every patient, and for how long each was watched.

    Parameters
    ----------
    count : (n_replicates, n_patients) array
        Events seen, 0 or above.
    years : (n_replicates, n_patients) array
        Time at risk; 0 for those who are not in the analysis.
    arm : (n_replicates, n_patients) int8 array
        0 for the control, 1 for the experimental arm.
    times : (n_replicates, n_patients, n_events) array or None
        When they happened, in years since randomization and in any order; beyond `years`
        where nothing did, or was not seen.
    """

    count: FloatArray
    years: FloatArray
    arm: StateArray
    times: FloatArray | None = None

    @property
    def analyzed(self) -> BoolArray:
        """Who is in the analysis."""
        return self.years > 0

    @property
    def information(self) -> FloatArray:
        """Events in the analysis, shape (n_replicates,)."""
        return np.asarray(self.count.sum(axis=1), dtype=float)

    def columns(self) -> tuple[NDArray[Any], ...]:
        """Return count, years and arm."""
        return self.count, self.years, self.arm

    def restricted_to(self, member: BoolArray) -> Self:
        """Return the outcome of some of the patients; the others were never watched."""
        times = self.times
        if times is not None:
            times = np.where(member[:, :, None], times, np.inf)
        return replace(self, count=self.count * member, years=self.years * member, times=times)

    def table(self) -> dict[str, NDArray[np.generic]]:
        """Return what is known of each patient, by the names of a table's columns."""
        return {"count": self.count, "years": self.years, "in_analysis": self.analyzed}

    def shown(self, arm: int) -> dict[str, FloatArray]:
        """Return events, and events per year at risk, of an arm."""
        members = self.arm == arm
        events = (self.count * members).sum(axis=1)
        return {
            "events": events,
            "event_rate": mean_or_none(events, (self.years * members).sum(axis=1)),
        }
