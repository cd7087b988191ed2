"""The planner's questions: power, sample size, assurance, sensitivity, thresholds."""
