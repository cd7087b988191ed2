"""A hazard family, a clock, an endpoint, a test and an adaptation that lupusim does not have."""
