"""The patients of a block of trials: enrolled, treated, supplied, followed."""

__all__ = [
    "dropout",
    "generation",
    "patients",
    "supply",
    "treatment",
]
