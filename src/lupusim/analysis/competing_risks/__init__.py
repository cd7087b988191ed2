"""Times to an event that another may prevent: incidence, Gray, Fine and Gray."""
