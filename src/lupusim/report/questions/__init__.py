"""Sample size, assurance, sensitivity and thresholds in tables, figures and words."""

__all__ = [
    "answers",
    "assured",
    "figures",
    "thresholds",
]
