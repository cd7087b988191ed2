"""Single patients: exact times of their transitions, or their states at some times."""

__all__ = [
    "aalen_johansen",
    "contributions",
    "histories",
    "prevalence",
]
