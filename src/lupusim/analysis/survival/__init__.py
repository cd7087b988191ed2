"""Times to an event: log-rank tests, Kaplan-Meier, Cox, restricted means."""

__all__ = [
    "cox",
    "cox_beside",
    "cox_regression",
    "exit_sums",
    "kaplan_meier",
    "logrank",
    "logrank_looks",
    "logrank_test",
    "one_sample_logrank",
    "ordering",
    "rank_sums",
    "rank_weights",
    "rmst",
    "sorting",
    "weighted_logrank",
]
