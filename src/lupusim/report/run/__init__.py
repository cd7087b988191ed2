"""The operating characteristics of a run in a table and in words."""

__all__ = [
    "arm_periods",
    "differences",
    "layout",
    "looks",
    "quantiles",
    "single_arm",
    "supply",
    "table",
    "tries",
    "wins",
]
