"""Counts of recurrent events: rate ratios, negative binomial, Andersen-Gill."""

__all__ = [
    "andersen_gill",
    "negative_binomial",
    "rate_ratio",
]
