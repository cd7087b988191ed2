"""Exact probabilities: matrix exponentials, Kolmogorov's and the Markov renewal equations."""

from __future__ import annotations

from lupusim.engines.exact.chain import (
    FirstPassage,
    first_passage,
    life_expectancy,
    next_states,
    sojourn_times,
    time_in_state,
    transition_probabilities,
    visits,
)
from lupusim.engines.exact.cycles import in_cycles
from lupusim.engines.exact.generator import Generator, closest_generator
from lupusim.engines.exact.queries import ever, ever_after, occupancy
from lupusim.engines.exact.solution import CALIBRATION_STEPS, Solution, solve

__all__ = [
    "CALIBRATION_STEPS",
    "FirstPassage",
    "Generator",
    "Solution",
    "closest_generator",
    "ever",
    "ever_after",
    "first_passage",
    "in_cycles",
    "life_expectancy",
    "next_states",
    "occupancy",
    "sojourn_times",
    "solve",
    "time_in_state",
    "transition_probabilities",
    "visits",
]
