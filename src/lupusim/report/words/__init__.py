"""Scenarios, models and evidence in words that a colleague could check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lupusim.common.lazy import attributes

if TYPE_CHECKING:
    from lupusim.report.words.evidence import evidence_in_words
    from lupusim.report.words.models import model_in_words
    from lupusim.report.words.trials import scenario_in_words, what_it_means

__all__ = ["evidence_in_words", "model_in_words", "scenario_in_words", "what_it_means"]

# Imported when first used: who checks a scenario needs no evidence, and its calibration.
_HOMES = {
    "evidence_in_words": ".evidence",
    "model_in_words": ".models",
    "scenario_in_words": ".trials",
    "what_it_means": ".trials",
}
__getattr__ = attributes(__name__, _HOMES)
