"""What is computed for the page: processes, runs that a folder holds, rows of results."""

__all__ = ["jobs", "launch", "past_runs", "results"]
