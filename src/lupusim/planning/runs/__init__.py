"""Operating characteristics of a scenario's design points, from replicates."""
