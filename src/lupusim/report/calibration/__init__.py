"""A calibration in tables, figures, words and a page."""
