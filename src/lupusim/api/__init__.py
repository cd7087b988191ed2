"""What `lupusim` offers at its top: its functions, which also take names and paths."""

__all__ = ["averages", "by_name", "models", "scenarios"]
