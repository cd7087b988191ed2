"""Names of a package whose modules are imported when one of them is first asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module

__all__ = ["attributes"]


def attributes(
    package: str,
    homes: Mapping[str, str],
    *,
    made: Callable[[str, object], object] = lambda _name, found: found,
) -> Callable[[str], object]:
    """Return the ``__getattr__`` of a package: it finds each name in the module that has it.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    homes : mapping
        The module of each name; one that starts with a dot is the package's own.
    made : callable
        Takes a name and what the module has by it, and returns what the package shows.
    """

    def found(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = made(name, getattr(import_module(homes[name], package), name))
        setattr(sys.modules[package], name, value)
        return value

    return found
