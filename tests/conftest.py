"""Names of parametrized tests that are the same in every process."""

from __future__ import annotations


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a parameter whose own words hold a memory address after its argument."""
    return argname if " at 0x" in repr(val) else None
