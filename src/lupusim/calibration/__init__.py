"""Calibration: the parameters of a multi-state model from published counts."""
