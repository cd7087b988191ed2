"""How visits go: when, whether, and how rightly states are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import BELOW_ONE, DURATION, check_ranges

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitConduct:
    """How visits really go.

    Parameters
    ----------
    window : float
        Years by which a visit may be early or late; uniform, but never before randomization
        or after the end of follow-up. At most half the time between two visits.
    missed : float
        Probability that a visit is missed, the same for every visit and independent.
    misread : mapping of str to mapping of str to float
        For a true state, with which probability each state is seen at a visit; what is
        missing to 1 is the true state itself. States not named are always read rightly.
    """

    window: float = field(default=0.0, metadata=DURATION)
    missed: float = field(default=0.0, metadata=BELOW_ONE)
    misread: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_ranges(self)
        for state, seen in self.misread.items():
            if min(seen.values(), default=0) < 0 or sum(seen.values()) > 1 + _ROUNDING:
                raise ValueError(
                    f"misread of {state!r} must be probabilities that sum to at most 1: {seen}"
                )

    @property
    def is_perfect(self) -> bool:
        """Whether every visit takes place when it is due and tells the true state."""
        return not (self.window or self.missed or self.misread)

    def confusion(self, states: Sequence[str]) -> FloatArray:
        """Return the probability of each seen state (columns) by true state (rows)."""
        matrix = np.eye(len(states))
        for name, seen in self.misread.items():
            row = matrix[states.index(name)]
            for other, probability in seen.items():
                if other != name:
                    row[states.index(other)] = probability
                    row[states.index(name)] -= probability
        return np.clip(matrix, 0.0, 1.0)
