"""Who is enrolled: strata, covariates, screening, drift over calendar time."""

__all__ = [
    "covariates",
    "drift",
    "population",
    "screening",
]
