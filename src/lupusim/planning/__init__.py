"""The planner's questions: power, sample size, assurance, sensitivity, thresholds."""

__all__ = [
    "assurance",
    "execution",
    "runs",
    "sample_size",
    "sensitivity",
    "theory",
    "thresholds",
]
