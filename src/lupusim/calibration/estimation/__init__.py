"""Maximum likelihood: search, profiles, what the numbers do not identify."""

__all__ = [
    "climbing",
    "cohorts",
    "comparison",
    "contradictions",
    "identifiability",
    "joint_counts",
    "likelihood",
    "margin_sums",
    "parameters",
    "profiles",
    "search",
    "shapes",
    "study_effects",
    "tables",
    "tails",
    "walkers",
]
