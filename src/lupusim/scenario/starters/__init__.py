"""Scenarios to start from: a commented file for each kind of trial, with one's own numbers."""

from lupusim.scenario.starters.answers import problems_of
from lupusim.scenario.starters.kinds import STARTERS, Ask, Starter
from lupusim.scenario.starters.text import by_name, look_times, questions, ratios_of, starter_text

__all__ = [
    "STARTERS",
    "Ask",
    "Starter",
    "by_name",
    "look_times",
    "problems_of",
    "questions",
    "ratios_of",
    "starter_text",
]
