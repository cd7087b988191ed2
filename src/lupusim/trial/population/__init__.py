"""Who is enrolled: strata, covariates, screening, drift over calendar time."""
