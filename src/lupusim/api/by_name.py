"""Functions of an object that also take the name of a packaged file, or a path."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


def by_name(
    load: Callable[[str | Path], T],
) -> Callable[[Callable[Concatenate[T, P], R]], Callable[Concatenate[T | str | Path, P], R]]:
    """Return a decorator: the first argument may be the object, or what `load` takes."""

    def opened(
        function: Callable[Concatenate[T, P], R],
    ) -> Callable[Concatenate[T | str | Path, P], R]:
        first = next(iter(function.__annotations__))

        @wraps(function)
        def call(*arguments: Any, **words: Any) -> R:
            if arguments and _is_named(arguments[0]):
                arguments = (load(arguments[0]), *arguments[1:])
            elif _is_named(words.get(first)):
                words[first] = load(words[first])
            return function(*arguments, **words)

        return call

    return opened


def _is_named(what: object) -> bool:
    return isinstance(what, str | Path)
