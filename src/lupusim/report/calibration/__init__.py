"""A calibration in tables, figures, words and a page."""

__all__ = [
    "answers",
    "figures",
    "page",
    "tables",
]
