"""Maximum likelihood: search, profiles, what the numbers do not identify."""
