"""What states and moves are worth: costs, utilities."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.spelling import nearest
from lupusim.model.multistate import Edge


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewards:
    """What is paid or gained on the way, from one study time to another.

    Parameters
    ----------
    per_year : mapping of str to float
        For a year in each state; 0 where nothing is said.
    per_transition : mapping of (from_state, to_state) to float
        Once at each such move.
    per_entry : mapping of str to float
        Once at each move into a state, wherever from.
    at_start : float
        Once for everybody, at `begins`, whatever has become of them.
    begins, lasts : float
        Study time (years) from which it is due, and for how many years.

    Examples
    --------
    >>> drug = Rewards(per_year={"sick": 12_000.0}, lasts=2.0)
    >>> drug.ends
    2.0
    """

    per_year: Mapping[str, float] = field(default_factory=dict)
    per_transition: Mapping[Edge, float] = field(default_factory=dict)
    per_entry: Mapping[str, float] = field(default_factory=dict)
    at_start: float = 0.0
    begins: float = 0.0
    lasts: float = math.inf

    def __post_init__(self) -> None:
        every = (*self.per_year.values(), *self.per_transition.values(), *self.per_entry.values())
        if not all(math.isfinite(value) for value in (*every, self.at_start)):
            raise ValueError("every cost or utility must be a finite number")
        if not (math.isfinite(self.begins) and self.begins >= 0 and self.lasts > 0):
            raise ValueError(
                f"begins={self.begins!r} must be 0 or above, lasts={self.lasts!r} above 0"
            )

    @property
    def ends(self) -> float:
        """Study time (years) at which it is due no longer; ``inf`` for never."""
        return self.begins + self.lasts

    def of_states(self, states: Sequence[str]) -> FloatArray:
        """Return the worth of a year in each state (n_states,)."""
        return np.array([self.per_year.get(state, 0.0) for state in states])

    def of_move(self, from_state: str, to_state: str) -> float:
        """Return the worth of one move."""
        return self.per_transition.get((from_state, to_state), 0.0) + self.per_entry.get(
            to_state, 0.0
        )

    def of_moves(self, states: Sequence[str]) -> FloatArray:
        """Return the worth of each move (n_states, n_states); 0 for staying."""
        worth = np.array([[self.of_move(a, b) for b in states] for a in states])
        np.fill_diagonal(worth, 0.0)
        return worth

    def faults(self, states: Sequence[str], edges: Sequence[Edge]) -> Iterator[str]:
        """Yield what names a state or a transition that a model lacks."""
        for state in (*self.per_year, *self.per_entry):
            if state not in states:
                yield f"{state!r} is not a state of the model. {nearest(state, states)}"
        labels = [f"{a} -> {b}" for a, b in edges]
        for begin, end in self.per_transition:
            if (begin, end) not in edges:
                label = f"{begin} -> {end}"
                yield f"the model has no transition {label}. {nearest(label, labels)}"


def discounted_years(begin: FloatArray, end: FloatArray, rate: float) -> FloatArray:
    """Return the discounted length of each span of study time.

    Parameters
    ----------
    begin, end : arrays of one shape
        Study times, years; 0 is returned where a span ends before it begins.
    rate : float
        Continuous rate per year: a moment at `t` counts ``exp(-rate * t)``.
    """
    length = np.maximum(end - begin, 0.0)
    if rate == 0:
        return np.asarray(length)
    return np.asarray(np.exp(-rate * begin) * -np.expm1(-rate * length) / rate)
