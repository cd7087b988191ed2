"""Change one number of a YAML text and leave the rest of it as its author wrote it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lupusim.errors import ScenarioError
from lupusim.scenario.document.content import is_list, is_text
from lupusim.scenario.document.yaml_reader import Document, child_key, parse_document
from lupusim.scenario.document.yaml_writer import block, flow

Path = tuple[str | int, ...]

_VALUE = re.compile(
    r"(?P<colon>\s*:\s*)"
    r"(?P<value>\[[^\]\n]*\]|\{[^{}\n]*\}|\"[^\"\n]*\"|'[^'\n]*'|[^,\[\]{}\n#]*[^,\[\]{}\n#\s])"
)


def parsed(text: str, name: str = "design.yaml") -> Document:
    """Return a text as a document; raises ScenarioError if it is no YAML."""
    return parse_document(text, name, ScenarioError)


def value_at(content: Any, path: Path) -> Any:
    """Return what stands at a path, or None.

    Examples
    --------
    >>> value_at({"arms": [{"name": "control"}]}, ("arms", 0, "name"))
    'control'
    """
    for step in path:
        try:
            content = content[step]
        except (KeyError, IndexError, TypeError):
            return None
    return content


def with_value(text: str, path: Path, value: object) -> str:
    """Return a text with one value replaced, added at its top, or (None) removed.

    Comments and layout stay, where the old value stands on one line; else the whole text is laid
    out anew.

    Parameters
    ----------
    text : str
        A YAML file.
    path : tuple of str or int
        Keys, and positions in lists.
    value : object
        Made of dict, list, str, int, float and bool; None removes the key.

    Examples
    --------
    >>> with_value("sample_size: 120  # in all", ("sample_size",), 200)
    'sample_size: 200  # in all'
    """
    document = parsed(text)
    wanted = _content_with(document.content, path, value)
    if wanted == document.content:
        return text
    for changed in _attempts(document, path, value):
        try:
            if parsed(changed).content == wanted:
                return changed
        except ScenarioError:
            continue
    return block(wanted)


def _attempts(document: Document, path: Path, value: object) -> list[str]:
    text = document.text
    lines = text.splitlines(keepends=True)
    place = document.positions.get(_dotted(path))
    if place is None:
        joined = text if text.endswith("\n") else f"{text}\n"
        return [f"{joined}{block({str(path[0]): value})}"] if len(path) == 1 else []
    row, column = place[0] - 1, place[1] - 1
    above, below = "".join(lines[:row]), "".join(lines[_end_of(lines, row, column) :])
    if value is None:
        return [f"{above}{below}"]
    name = str(path[-1])
    rest = lines[row][column:]
    whole = [f"{above}{lines[row][:column]}{flow(name)}: {flow(value)}\n{below}"]
    for key in (name, flow(name), f"'{name}'"):
        found = _VALUE.match(rest, len(key)) if rest.startswith(key) else None
        if found:
            before, after = f"{lines[row][:column]}{key}{found['colon']}", rest[found.end() :]
            below = "".join(lines[row + 1 :])
            ways = _ways_to_write(value)
            return [*(f"{above}{before}{way}{after}{below}" for way in ways), *whole]
    return whole


def _end_of(lines: Sequence[str], row: int, column: int) -> int:
    """Return the line after the value whose key stands at a row and column: it is indented more."""
    end = row + 1
    for number, line in enumerate(lines[row + 1 :], start=row + 2):
        if line.startswith(" " * (column + 1)) and line.strip():
            end = number
        elif line.strip():
            break
    return end


def _ways_to_write(value: object) -> list[str]:
    """Return a value without quotation marks, where that may do, and as it is always right."""
    return [value, flow(value)] if is_text(value) else [flow(value)]


def _dotted(path: Sequence[str | int]) -> str:
    key = ""
    for step in path:
        key = child_key(key, step)
    return key


def _content_with(content: Any, path: Path, value: object) -> Any:
    """Return a copy of the content in which one value is another."""
    first, *rest = path
    copy: Any = list(content) if is_list(content) else dict(content or {})
    if rest:
        below = value_at(content, (first,))
        copy[first] = _content_with(below, tuple(rest), value)
    elif value is None:
        copy.pop(first, None)
    else:
        copy[first] = value
    return copy
