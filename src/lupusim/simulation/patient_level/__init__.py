"""One trial patient by patient: its tables, and what each look decided."""

__all__ = [
    "adam",
    "course",
    "looks",
    "supply",
    "tables",
]
