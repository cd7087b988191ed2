"""Posterior draws by adaptive importance sampling, with their diagnostics."""

__all__ = [
    "draws",
    "emcee_sampler",
    "imis",
    "importance_sampling",
    "mixing",
    "model_posterior",
    "pareto",
    "proposals",
    "sampler_comparison",
    "weighting",
]
