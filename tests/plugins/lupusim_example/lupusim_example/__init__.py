"""A hazard family, an endpoint, a test and an adaptation that lupusim does not have."""
