"""What studies published: counts, times, curves, with denominators and overlaps."""

__all__ = [
    "counts",
    "curves",
    "margins",
    "questions",
    "reconstruction",
    "replication",
    "studies",
    "times",
]
