"""Looks of a trial: when, on which data, with which statistic, what they decide."""
