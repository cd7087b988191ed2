"""What studies published: counts, times, curves, with denominators and overlaps."""
