"""Commands that ask how good a design is: runs, sizes, assurance, thresholds."""
