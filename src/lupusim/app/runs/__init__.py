"""What is computed for the page: processes, runs that a folder holds, rows of results."""
