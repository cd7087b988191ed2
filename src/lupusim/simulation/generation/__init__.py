"""The patients of a block of trials: enrolled, treated, supplied, followed."""

__all__ = [
    "at_visits",
    "dropout",
    "generation",
    "patients",
    "supply",
    "treatment",
]
