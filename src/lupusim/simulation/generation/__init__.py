"""The patients of a block of trials: enrolled, treated, supplied, followed."""
