"""What ``lupusim`` offers at its top: its functions, which also take names and paths."""
