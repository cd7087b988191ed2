"""Times to an event: log-rank tests, Kaplan-Meier, Cox, restricted means."""
