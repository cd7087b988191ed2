"""Measurements: t test, analysis of covariance, mixed models for repeated measures."""

__all__ = [
    "ancova",
    "mmrm",
    "mmrm_fit",
    "mmrm_likelihood",
    "two_means",
]
