"""What each number of a scenario does to the power: one at a time, or Sobol."""

__all__ = [
    "one_at_a_time",
    "sobol",
]
