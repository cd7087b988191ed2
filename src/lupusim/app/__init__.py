"""The page in the browser: plan a trial without a command line, on the user's own machine.

It is a front to the same files and commands: whatever a page shows, a command reproduces. The
web framework is imported here and nowhere else.
"""

__all__ = [
    "charts",
    "checking",
    "counts",
    "drafts",
    "fields",
    "folder",
    "frame",
    "guard",
    "jobs",
    "launch",
    "pages",
    "past_runs",
    "results",
    "server",
    "site",
    "texts",
    "theme",
    "words",
]
