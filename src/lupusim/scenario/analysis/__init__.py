"""The analysis of a scenario file: tests, looks and their bounds, multiplicity."""
