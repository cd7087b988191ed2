"""Measurements: t test, analysis of covariance, mixed models for repeated measures."""
