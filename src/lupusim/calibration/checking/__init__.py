"""Whether a fit can be trusted: predictive checks, sampler checks, elasticities."""
