"""Commands on kept runs: their report, their comparison, what is sent to others."""

__all__ = ["bundle", "compare", "report"]
