"""Ranks and ordered states: Wilcoxon, proportional odds, win statistics."""

__all__ = [
    "proportional_odds",
    "wilcoxon",
    "win_ratio",
]
