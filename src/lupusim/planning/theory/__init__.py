"""Closed forms beside a simulation: power, expected events, group-sequential theory."""

__all__ = [
    "assumptions",
    "by_tables",
    "drawn_tables",
    "expected_bounds",
    "expected_events",
    "expected_times",
    "extremes",
    "formula_power",
    "group_sequential",
    "logrank_law",
    "power",
    "single_arm",
    "sums",
    "survival",
]
