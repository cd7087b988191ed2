"""Operating characteristics of a scenario's design points, from replicates."""

__all__ = [
    "direction_check",
    "grouping",
    "how_known",
    "precision",
    "replicates",
    "results",
    "run",
    "series",
]
