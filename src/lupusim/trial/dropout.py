"""Patients who leave before their follow-up is over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model.hazards.base import Hazard


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropout:
    """Leaving the trial, at a hazard that may depend on study time, arm and present state.

    Parameters
    ----------
    per_year : float
        Constant hazard per year, 0 or above: 0.18 means that 16.5 % have left after one year.
    hazard : Hazard or None
        Instead of the constant: a hazard that runs on study time.
    by_state : mapping of str to float
        What multiplies it in a state; 1 where nothing is said. In a state that cannot be
        left (death) it makes no difference: nothing more would be seen.
    by_arm : mapping of str to float
        What multiplies it in an arm; 1 where nothing is said.

    Examples
    --------
    >>> Dropout(per_year=0.1).per_year
    0.1
    """

    per_year: float = 0.0
    hazard: Hazard | None = None
    by_state: Mapping[str, float] = field(default_factory=dict)
    by_arm: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.hazard is not None and self.per_year != 0:
            raise ValueError("per_year and hazard are both given. Keep one of the two")
        for name, value in {"per_year": self.per_year, **self.by_state, **self.by_arm}.items():
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name}={value!r} must be a finite number, 0 or above")

    @property
    def is_never(self) -> bool:
        """Whether nobody leaves."""
        return self.per_year == 0 and self.hazard is None

    @property
    def is_alike(self) -> bool:
        """Whether everybody leaves at the same hazard, whatever arm and state."""
        return not (self.by_state or self.by_arm)

    def cumulative(self, time: FloatArray) -> FloatArray:
        """Return the cumulative hazard, before multipliers, at study times (years)."""
        if self.hazard is None:
            return np.asarray(self.per_year * time)
        return self.hazard.cumulative(time)

    def inverse_cumulative(self, cumulative: FloatArray) -> FloatArray:
        """Return the study time (years) at which it is reached; ``inf`` for never."""
        if self.hazard is None:
            with np.errstate(over="ignore"):  # hazards of 1e-300: never, as infinity says
                return np.asarray(cumulative / self.per_year)
        return self.hazard.inverse_cumulative(cumulative)

    def in_states(self, states: Sequence[str]) -> FloatArray:
        """Return the multiplier of each state, shape (n_states,)."""
        return np.array([self.by_state.get(state, 1.0) for state in states])

    def in_arms(self, arms: Sequence[str]) -> FloatArray:
        """Return the multiplier of each arm, shape (n_arms,)."""
        return np.array([self.by_arm.get(arm, 1.0) for arm in arms])
