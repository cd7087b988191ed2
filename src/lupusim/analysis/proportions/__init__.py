"""Shares of responders: two-by-two tables, stratified, exact and Bayesian tests."""

__all__ = [
    "beta_binomial",
    "cochran_mantel_haenszel",
    "exact_tests",
    "fisher_exact",
    "fourfold_tests",
    "logistic_regression",
    "posterior_rates",
    "posterior_tests",
    "proportion",
    "risk_difference",
    "risk_ratio",
    "score_interval",
    "two_by_two",
    "unconditional_exact",
]
