"""Sample size, assurance, sensitivity and thresholds in tables, figures and words."""
