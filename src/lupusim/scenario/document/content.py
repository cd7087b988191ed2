"""What a value of a file is: keys, a list, words, a number. Said here once.

YAML's true and false are no numbers, and a text is no list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard


def is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Return whether a value is keys with values."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Return whether a value is a list."""
    return isinstance(value, list | tuple)


def is_text(value: object) -> TypeGuard[str]:
    """Return whether a value is words."""
    return isinstance(value, str)


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a number, whole or not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def match(pattern: re.Pattern[str], value: object) -> re.Match[str] | None:
    """Return the match of a whole value that is words of a form; None for all else."""
    return pattern.fullmatch(value) if is_text(value) else None


def at(content: object, *keys: str) -> Any:
    """Return what stands below some keys, one below the other; None where nothing does.

    Examples
    --------
    >>> at({"supply": {"lots": {"doses": 20}}}, "supply", "lots", "doses")
    20
    >>> at({"supply": "none"}, "supply", "lots") is None
    True
    """
    for key in keys:
        content = content.get(key) if is_mapping(content) else None
    return content


def items(content: object) -> Iterator[tuple[str | int, Any]]:
    """Yield the key and the value of all that stands directly in a mapping or a list."""
    if is_mapping(content):
        yield from ((str(key), value) for key, value in content.items())
    elif is_list(content):
        yield from enumerate(content)


def text_keys(content: Mapping[Any, Any]) -> dict[str, Any]:
    """Return keys with values whose keys are texts, at every depth, as a file's are.

    Python's own mappings may have numbers there, such as information fractions.

    Examples
    --------
    >>> text_keys({"spending": {0.5: 0.005, 1: 0.025}})
    {'spending': {'0.5': 0.005, '1': 0.025}}
    """
    return {
        str(key) if is_number(key) else key: _text_keys(value) for key, value in content.items()
    }


def _text_keys(content: object) -> Any:
    if is_mapping(content):
        return text_keys(content)
    return [*map(_text_keys, content)] if is_list(content) else content


def is_nested(content: object) -> bool:
    """Return whether a value holds others."""
    return is_mapping(content) or is_list(content)


def leaves(content: object) -> Iterator[Any]:
    """Yield every value that holds no other, in the order of the file."""
    if not is_nested(content):
        yield content
    for _, value in items(content):
        yield from leaves(value)


def changed(content: Any, change: Callable[[Any], Any]) -> Any:
    """Return a copy of nested content with every value changed that holds no other.

    Examples
    --------
    >>> changed({"a": [1, 2], "b": "x"}, str)
    {'a': ['1', '2'], 'b': 'x'}
    """
    if is_mapping(content):
        return {name: changed(value, change) for name, value in content.items()}
    if is_list(content):
        return [changed(value, change) for value in content]
    return change(content)
