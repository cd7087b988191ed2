"""Pictures of models: diagrams of states, courses of patients and cohorts."""

__all__ = [
    "courses",
    "diagram",
    "layout",
]
