"""Looks of a trial: when, on which data, with which statistic, what they decide."""

__all__ = [
    "concurrent_controls",
    "cutoffs",
    "estimates",
    "evidence",
    "group_sequential",
    "multiplicity",
    "null_hypothesis",
    "shared",
    "true_effect",
]
