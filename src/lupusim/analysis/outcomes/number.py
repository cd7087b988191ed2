"""A number for each patient, at one visit or at several."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lupusim.analysis.outcomes.outcome import Outcome, mean_or_none
from lupusim.common.arrays import BoolArray, FloatArray, IntArray, StateArray
from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberOutcome(Outcome):
    """A number for every patient in the analysis: years, a score, the rank of a state.

    Parameters
    ----------
    values : (n_replicates, n_patients) array
        Finite; of no meaning for those who are not included.
    included : (n_replicates, n_patients) boolean array
        Whether the patient is in the analysis.
    arm : (n_replicates, n_patients) int8 array
        0 for the control, 1 for the experimental arm.
    baseline : (n_replicates, n_patients) array or None
        The number before treatment, where there is one.
    trajectory : (n_replicates, n_patients, n_visits) array or None
        The number at every visit up to then, NaN where it was not seen; also of patients who
        are not included because the last one was not.
    """

    values: FloatArray
    included: BoolArray
    arm: StateArray
    baseline: FloatArray | None = None
    trajectory: FloatArray | None = None

    @property
    def analyzed(self) -> BoolArray:
        """Who is in the analysis."""
        return self.included

    def columns(self) -> tuple[NDArray[Any], ...]:
        """Return values and arm."""
        return self.values, self.arm

    def restricted_to(self, member: BoolArray) -> Self:
        """Return the outcome of some of the patients; of the others no visit was seen."""
        seen = self.trajectory
        if seen is not None:
            seen = np.where(member[:, :, None], seen, np.nan)
        return replace(self, included=self.included & member, trajectory=seen)

    def table(self) -> dict[str, NDArray[np.generic]]:
        """Return what is known of each patient, by the names of a table's columns."""
        started = {} if self.baseline is None else {"baseline": self.baseline}
        return {**started, "value": self.values, "in_analysis": self.included}

    def against(self, patients: IntArray, others: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return of each of some patients of one trial the shares of others below, and above."""
        own, theirs = self.values[0, patients, None], self.values[0, others]
        return (own > theirs).mean(axis=1), (own < theirs).mean(axis=1)

    def shown(self, arm: int) -> dict[str, FloatArray]:
        """Return the mean of an arm; NaN where nobody is in the analysis."""
        members = self.included & (self.arm == arm)
        total = np.where(members, self.values, 0.0).sum(axis=1)
        return {"mean": mean_or_none(total, members.sum(axis=1))}
