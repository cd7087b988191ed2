"""Scenarios, models and evidence in words that a colleague could check."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lupusim.report.words.evidence import evidence_in_words
    from lupusim.report.words.models import model_in_words
    from lupusim.report.words.trials import scenario_in_words, what_it_means

__all__ = ["evidence_in_words", "model_in_words", "scenario_in_words", "what_it_means"]

# Imported when first used: who checks a scenario needs no evidence, and its calibration.
_HOMES = {
    "evidence_in_words": "evidence",
    "model_in_words": "models",
    "scenario_in_words": "trials",
    "what_it_means": "trials",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
