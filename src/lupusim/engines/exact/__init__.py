"""Exact probabilities: matrix exponentials, Kolmogorov's and the Markov renewal equations."""

from __future__ import annotations

from lupusim.engines.exact.solution import CALIBRATION_STEPS, Solution, solve

__all__ = ["CALIBRATION_STEPS", "Solution", "solve"]
