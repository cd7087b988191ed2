"""Power averaged over what is not known: priors, distribution, value of information."""

__all__ = [
    "assurance",
    "beliefs",
    "effect_priors",
    "power_by_strength",
    "power_distribution",
    "results",
    "value_of_information",
]
