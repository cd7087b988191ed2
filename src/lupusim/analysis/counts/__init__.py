"""Counts of recurrent events: rate ratios, negative binomial, Andersen-Gill."""
