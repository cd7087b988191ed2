"""Commands on kept runs: their report, their comparison, what is sent to others."""
