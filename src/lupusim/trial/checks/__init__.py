"""What a trial may not state: contradictions between its parts, each with its repair."""

__all__ = [
    "arm_periods",
    "costs",
    "direction",
    "endpoints",
    "looks",
    "multiplicity",
    "population",
    "single_arm",
    "supply",
    "tests",
    "treatment",
    "trial",
]
