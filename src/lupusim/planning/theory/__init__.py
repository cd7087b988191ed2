"""Closed forms beside a simulation: power, expected events, group-sequential theory."""
