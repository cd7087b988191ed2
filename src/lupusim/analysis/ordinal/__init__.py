"""Ranks and ordered states: Wilcoxon, proportional odds, win statistics."""
