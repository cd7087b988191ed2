"""Patients who leave before their follow-up is over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lupusim.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropout:
    """Leaving the trial at a constant hazard, which may depend on the present state.

    Parameters
    ----------
    per_year : float
        Hazard per year, 0 or above: 0.18 means that 16.5 % have left after one year.
    by_state : mapping of str to float
        What multiplies it in a state; 1 where nothing is said. In a state that cannot be
        left (death) it makes no difference: nothing more would be seen.
    """

    per_year: float = 0.0
    by_state: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in {"per_year": self.per_year, **self.by_state}.items():
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name}={value!r} must be a finite number, 0 or above")

    def rates(self, states: Sequence[str]) -> FloatArray:
        """Return the hazard per year in each state, shape (n_states,)."""
        return self.per_year * np.array([self.by_state.get(state, 1.0) for state in states])
