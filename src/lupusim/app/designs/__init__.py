"""A design as it is typed: its file, its form, its problems, its words."""
