"""What every room uses: array types, dataclasses, ranges, registries, streams, compiled forms."""
