"""One module for each page; each draws one visit, and keeps nothing for the next."""

__all__ = [
    "comparing",
    "design",
    "disease",
    "evidence",
    "opening",
    "questions",
    "reporting",
    "running",
    "sensitivity",
    "start",
]
