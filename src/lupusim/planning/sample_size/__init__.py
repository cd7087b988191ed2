"""The smallest trial that reaches a power: search, interval, fresh confirmation."""

__all__ = [
    "events",
    "exact",
    "frontier",
    "growth",
    "options",
    "prefixes",
    "probit_line",
    "results",
    "search",
]
