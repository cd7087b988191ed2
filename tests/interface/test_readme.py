"""The README's examples run as they are printed."""

from __future__ import annotations

import doctest
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_readme_examples_print_what_the_readme_shows() -> None:
    flags = doctest.NORMALIZE_WHITESPACE
    result = doctest.testfile(str(README), module_relative=False, optionflags=flags)
    assert result.attempted >= 7
    assert result.failed == 0
