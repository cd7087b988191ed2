"""Commands that ask how good a design is: runs, sizes, assurance, thresholds."""

__all__ = ["assurance", "assurance_options", "merge", "run", "size", "threshold"]
