"""Calibration: the parameters of a multi-state model from published counts."""

__all__ = [
    "checking",
    "estimation",
    "fit",
    "patients",
    "posterior",
    "prediction",
    "targets",
]
