"""One block of simulated trials: generation, looks, adaptation, patient level."""

__all__ = [
    "adaptation",
    "block",
    "costs",
    "fingerprint",
    "generation",
    "looks",
    "patient_level",
    "quantiles",
    "relabeling",
    "scoring",
    "tally",
    "totals",
]
