"""What each number of a scenario does to the power: one at a time, or Sobol."""
