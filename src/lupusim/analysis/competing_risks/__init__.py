"""Times to an event that another may prevent: incidence, Gray, Fine and Gray."""

__all__ = [
    "cause_counts",
    "cumulative_incidence",
    "fine_gray",
    "gray",
]
