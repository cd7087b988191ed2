"""Single patients: exact times of their transitions, or their states at some times."""
