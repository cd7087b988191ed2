"""The shape of the source: modules that one can read in one go, names that can be imported."""

from __future__ import annotations

from pathlib import Path

import pytest

import lupusim

SOURCE = Path(lupusim.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))
MOST_LINES = 400


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_a_module_has_at_most_400_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_every_module_says_what_it_is_for():
    silent = [
        p.name for p in MODULES if not p.read_text(encoding="utf-8").lstrip("r").startswith('"""')
    ]
    assert silent == []


def test_nothing_is_left_to_do():
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    found = [p.name for p in MODULES if any(w in p.read_text(encoding="utf-8") for w in words)]
    assert found == []


@pytest.mark.parametrize("name", lupusim.__all__)
def test_every_public_name_can_be_imported(name):
    assert callable(getattr(lupusim, name))
    assert name in dir(lupusim)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'runn'"):
        lupusim.runn  # noqa: B018  # the look-up is the test
