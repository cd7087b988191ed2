"""The analysis of a scenario file: tests, looks and their bounds, multiplicity."""

__all__ = [
    "analysis",
    "bounds",
    "looks",
    "multiplicity",
    "probability_bounds",
    "reference",
    "special_tests",
]
