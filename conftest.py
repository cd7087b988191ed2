"""What holds for all tests: their names, and how little of the machine collecting them takes."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from _pytest.doctest import DoctestModule

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


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path) -> Generator[None, list[pytest.Collector], list[Any]]:
    """Import no module for its examples that has none, such as those compiled when imported."""
    found = yield
    if b">>> " in file_path.read_bytes():
        return found
    return [one for one in found if not isinstance(one, DoctestModule)]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a parameter whose own words hold a memory address after its argument."""
    return argname if " at 0x" in repr(val) else None
