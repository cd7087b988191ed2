"""Names that a package declares once: in its file of types."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

import lupusim

SOURCE = Path(lupusim.__file__).parent
LAZY = sorted(path.parent for path in SOURCE.rglob("__init__.pyi"))


def imported(stub):
    """Return what a checker of types finds: names and their modules, both as they are shown."""
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    froms = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {one.asname: (node.module, one.name) for node in froms for one in node.names}


@pytest.mark.parametrize("folder", LAZY, ids=lambda p: p.relative_to(SOURCE.parent).as_posix())
def test_a_package_shows_what_its_file_of_types_declares(folder):
    package = import_module(".".join(folder.relative_to(SOURCE.parent).parts))
    told = imported(folder / "__init__.pyi")
    assert package.__all__ == sorted(told)
    for name, (home, own) in told.items():
        assert getattr(package, name) is getattr(import_module(home), own)
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'x_'"):
        package.x_  # noqa: B018  # the look-up is the test


def test_six_packages_declare_their_names_so():
    assert len(LAZY) == 6
