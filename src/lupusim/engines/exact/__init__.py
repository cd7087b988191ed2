"""Exact probabilities: matrix exponentials, Kolmogorov's and the Markov renewal equations."""

from __future__ import annotations

from lupusim.engines.exact.queries import ever, ever_after, occupancy, time_in_state
from lupusim.engines.exact.solution import CALIBRATION_STEPS, Solution, solve

__all__ = [
    "CALIBRATION_STEPS",
    "Solution",
    "ever",
    "ever_after",
    "occupancy",
    "solve",
    "time_in_state",
]
