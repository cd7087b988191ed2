"""The page in the browser: plan a trial without a command line, on the user's own machine.

It is a front to the same files and commands: whatever a page shows, a command reproduces. The
web framework is imported here and nowhere else.
"""
