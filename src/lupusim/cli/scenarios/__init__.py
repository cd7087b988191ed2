"""Commands on scenario files: a new one, and what one says in words."""
