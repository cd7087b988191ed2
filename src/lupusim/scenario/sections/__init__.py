"""One file for each key of a scenario: population, arms, enrollment, endpoints."""
