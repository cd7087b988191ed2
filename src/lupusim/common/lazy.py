"""Names of a package whose modules are imported when one of them is first asked for."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

__all__ = ["declared"]

_IMPORT = re.compile(r"^from (\S+) import \(?\s*(\w+) as \2\b", flags=re.MULTILINE)


def declared(package: str, file: str) -> tuple[Callable[[str], object], list[str]]:
    """Return the ``__getattr__`` and the ``__all__`` of a package.

    A name is declared once, in the file of types beside the package's ``__init__.py``, which type
    checkers read as well: ``from home import name as name``.

    Parameters
    ----------
    package, file : str
        Its ``__name__`` and ``__file__``.
    """
    stub = Path(file).with_suffix(".pyi").read_text(encoding="utf-8")
    homes = {name: home for home, name in _IMPORT.findall(stub)}

    def found(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return found, sorted(homes)
