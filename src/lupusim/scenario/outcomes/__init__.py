"""Trials stated by their outcomes: shares, medians, scores, counts, ordered categories."""

from __future__ import annotations

from lupusim.scenario.outcomes.stated import NOTHING_STATED, Statements, read_outcomes

__all__ = ["NOTHING_STATED", "Statements", "read_outcomes"]
