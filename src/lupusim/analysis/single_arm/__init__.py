"""Trials of one arm: exact tests, Simon's designs, one-sample log-rank."""
