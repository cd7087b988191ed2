"""Responses: yes or no."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lupusim.analysis.outcomes.outcome import Outcome, mean_or_none
from lupusim.common.arrays import BoolArray, FloatArray, StateArray, count_rows
from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryOutcome(Outcome):
    """Response yes or no of every patient in the analysis.

    Parameters
    ----------
    response : (n_replicates, n_patients) boolean array
        Whether the patient responded.
    included : (n_replicates, n_patients) boolean array
        Whether the patient is in the analysis.
    arm : (n_replicates, n_patients) int8 array
        0 for the control, 1 for the experimental arm.
    """

    response: BoolArray
    included: BoolArray
    arm: StateArray

    @property
    def analyzed(self) -> BoolArray:
        """Who is in the analysis."""
        return self.included

    def counts(self, arm: int) -> tuple[FloatArray, FloatArray]:
        """Return responders and patients of an arm, shape (n_replicates,) each."""
        members = self.included & (self.arm == arm)
        return count_rows(self.response & members), count_rows(members)

    def columns(self) -> tuple[NDArray[Any], ...]:
        """Return response and arm."""
        return self.response, self.arm

    def restricted_to(self, member: BoolArray) -> Self:
        """Return the outcome of some of the patients."""
        return replace(self, response=self.response & member, included=self.included & member)

    def table(self) -> dict[str, NDArray[np.generic]]:
        """Return what is known of each patient, by the names of a table's columns."""
        return {"response": self.response, "in_analysis": self.included}

    def shown(self, arm: int) -> dict[str, FloatArray]:
        """Return the share of responders of an arm; NaN where nobody is in the analysis."""
        return {"response": mean_or_none(*self.counts(arm))}
