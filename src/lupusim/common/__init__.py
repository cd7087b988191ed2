"""What every room uses: array types, dataclasses, ranges, registries, streams, compiled forms."""

__all__ = [
    "arrays",
    "compiled",
    "frozen",
    "lazy",
    "memory",
    "output",
    "ranges",
    "registry",
    "rng",
    "shown",
    "sobol",
    "spelling",
    "threads",
]
