"""Pictures of designs, runs and trials: one style, one function each, the same bytes each time."""
