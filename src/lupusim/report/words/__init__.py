"""Scenarios, models and evidence in words that a colleague could check."""

from __future__ import annotations

from lupusim.report.words.evidence import evidence_in_words
from lupusim.report.words.models import model_in_words
from lupusim.report.words.trials import scenario_in_words, what_it_means

__all__ = ["evidence_in_words", "model_in_words", "scenario_in_words", "what_it_means"]
