"""One file for each key of a scenario: population, arms, enrollment, endpoints."""

__all__ = [
    "adaptation",
    "arm_periods",
    "arms",
    "by_field",
    "costs",
    "effects",
    "endpoints",
    "enrollment",
    "population",
    "recruitment",
    "rewards",
    "screening",
    "supply",
    "two_stage",
    "visits",
]
