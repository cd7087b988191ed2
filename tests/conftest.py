"""What holds for all tests: their names, and how much of the machine collecting them takes."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator

import pytest

os.environ.setdefault("LUPUSIM_BACKEND", "numpy")  # what compiled forms are tested against


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no waste among the tests: they stay, and there are thousands."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a parameter whose own words hold a memory address after its argument."""
    return argname if " at 0x" in repr(val) else None
