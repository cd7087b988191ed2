"""The shape of the source: modules that one can read in one go, names that can be imported."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import lupusim
from lupusim.analysis.group_sequential.spending import SPENDINGS
from lupusim.analysis.registry import TESTS
from lupusim.endpoints import ENDPOINTS
from lupusim.model import CLOCKS, FAMILIES
from lupusim.simulation.adaptation import ADAPTATIONS
from lupusim.trial.allocation import ALLOCATIONS
from lupusim.trial.enrollment import ENROLLMENTS
from lupusim.trial.looks import TIMINGS

SOURCE = Path(lupusim.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))
PACKAGES = sorted(path.parent for path in SOURCE.rglob("__init__.py"))
MOST_LINES = 400
MOST_ENTRIES = 16
MOST_TYPE_CHECKS = 120  # an object is asked what it can, not what it is
REGISTRIES = {
    "adaptations": ADAPTATIONS.values(),
    "allocations": ALLOCATIONS.values(),
    "clocks": {type(clock) for clock in CLOCKS.values()},
    "endpoints": ENDPOINTS.values(),
    "enrollments": ENROLLMENTS.values(),
    "hazards": FAMILIES.values(),
    "looks": TIMINGS.values(),
    "spending functions": SPENDINGS.values(),
    "tests": {type(test) for test in TESTS.values()},
}


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


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_a_folder_has_no_more_entries_than_one_can_take_in(folder):
    entries = [p.name for p in folder.iterdir() if not p.name.startswith("__")]
    modules = [name for name in entries if "." not in name or name.endswith(".py")]
    assert len(modules) <= MOST_ENTRIES + 2 * (folder == SOURCE), modules


def test_neither_pages_nor_tests_stand_in_folders_that_one_cannot_take_in():
    """Data (scenarios, models, evidence, examples) are known by name and stand side by side."""
    top = Path(__file__).parents[2]
    folders = [top / "docs", *(p.parent for p in (top / "tests").rglob("test_*.py"))]
    sizes = {
        folder.relative_to(top).as_posix(): sum(
            not p.name.startswith("__") for p in folder.iterdir()
        )
        for folder in (*folders, top / "docs/guides", top / "docs/reference", top / "scripts")
    }
    assert {name: n for name, n in sizes.items() if n > MOST_ENTRIES + 2} == {}


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_a_package_says_in_a_sentence_what_it_is(folder):
    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    assert said
    assert len(said.split()) >= 4
    assert said.splitlines()[0].endswith(".")


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_what_a_package_names_as_its_parts_is_there(folder):
    text = (folder / "__init__.py").read_text(encoding="utf-8")
    named = set(re.findall(r"(?<!`)`([a-z_]+)`(?!`)", ast.get_docstring(ast.parse(text))))
    assert named <= {path.name.removesuffix(".py") for path in folder.iterdir()} | {"__init__.pyi"}


@pytest.mark.parametrize("kind", REGISTRIES)
def test_nobody_asks_of_which_kind_a_registered_thing_is_but_its_own_package(kind):
    """What others must know of it is a method or a declared field."""
    homes = {one.__module__.rsplit(".", 1)[0] for one in REGISTRIES[kind]}
    names = "|".join(sorted(one.__name__ for one in REGISTRIES[kind]))
    asks = re.compile(rf"isinstance\((?:[^()]|\([^()]*\))*\b(?:{names})\b")
    guilty = []
    for path in MODULES:
        package = ".".join(("lupusim", *path.relative_to(SOURCE).parent.parts))
        if package not in homes and asks.search(path.read_text(encoding="utf-8")):
            guilty.append(path.relative_to(SOURCE).as_posix())
    assert guilty == []


def test_types_are_asked_seldom():
    """What a value of a file is, is said in scenario/document/content.py."""
    asked = sum(path.read_text(encoding="utf-8").count("isinstance(") for path in MODULES)
    assert asked <= MOST_TYPE_CHECKS
