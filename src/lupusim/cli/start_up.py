"""What other packages import of NumPy and hardly use is loaded when somebody does use it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

_SELDOM_USED = frozenset({"numpy.f2py", "numpy.testing"})
"""SciPy asks NumPy for all its names, of which these take a fifth of a second to load."""


class _Later:
    """Finds modules that are loaded when something in them is asked for."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module of these is; None for all others."""
        if name not in _SELDOM_USED:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def load_later() -> None:
    """Let the modules that are seldom used be loaded late, in a process that is ours."""
    if _Later not in sys.meta_path:
        sys.meta_path.insert(0, _Later)
