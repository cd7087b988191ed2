"""Whether a fit can be trusted: predictive checks, sampler checks, elasticities."""

__all__ = [
    "elasticities",
    "next_counts",
    "outlook",
    "posterior_checks",
    "predictive",
    "remarks",
    "sampler_check",
    "simulation_based",
]
