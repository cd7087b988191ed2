"""What every room uses: array types, dataclasses, ranges, registries, random streams, files."""

__all__ = [
    "arrays",
    "frozen",
    "lazy",
    "output",
    "ranges",
    "registry",
    "rng",
    "shown",
]
