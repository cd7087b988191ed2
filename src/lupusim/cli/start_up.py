"""What a process that is ours does first: it takes of NumPy what it needs, and one thread."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

from lupusim.common.threads import ONE_THREAD

_SELDOM_USED = frozenset({"numpy.f2py", "numpy.testing"})
"""SciPy asks NumPy for all its names, of which these take a fifth of a second to load."""


_MANY = 300_000  # objects: three times as many as the modules of a command make


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


def collect_seldom() -> None:
    """Look for garbage among many new objects alone: a tenth of a start, and modules have none."""
    gc.set_threshold(_MANY, *gc.get_threshold()[1:])


def take_one_thread() -> None:
    """Let linear algebra take one thread, unless the environment says how many."""
    if not ONE_THREAD.keys() & os.environ.keys():
        os.environ.update(ONE_THREAD)
