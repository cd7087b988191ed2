"""The operating characteristics of a run in a table and in words."""
