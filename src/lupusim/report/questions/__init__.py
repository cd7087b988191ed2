"""Sample size, assurance, sensitivity and thresholds in tables, figures and words."""

__all__ = [
    "answer_figures",
    "answers",
    "figures",
    "thresholds",
]
