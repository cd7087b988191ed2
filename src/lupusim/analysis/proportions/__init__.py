"""Shares of responders: two-by-two tables, stratified, exact and Bayesian tests."""
