"""How the page looks: frame and theme, and its charts."""

__all__ = ["charts", "frame", "pictures", "theme"]
