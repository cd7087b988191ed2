"""Looks of a trial: when, on which data, with which statistic, what they decide."""

__all__ = [
    "claims",
    "concurrent_controls",
    "counted",
    "cutoffs",
    "estimates",
    "group_sequential",
    "look_statistics",
    "multiplicity",
    "null_hypothesis",
    "relabeled",
    "shared",
    "true_effect",
]
