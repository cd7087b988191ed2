"""The design points of a scenario: every combination of what its file varies."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from lupusim.common.spelling import nearest
from lupusim.scenario.document.content import is_list, is_mapping, is_nested, is_number, items
from lupusim.scenario.document.section import Free, ListOf, MappingOf, Place, Section
from lupusim.scenario.document.yaml_reader import describe

_MOST_POINTS = 1000
_FIXED = {"vary", "schema", "simulation", "title", "question", "estimand", "source"}


def read_variation(top: Section, written: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the values of every design point by path; one empty point where nothing varies.

    Parameters
    ----------
    top : Section
        The file as it is read.
    written : mapping, optional
        The file as it was written, which is what paths lead through; default: as it is read.
    """
    content = top.place.document.content if written is None else written
    grid = top.read("vary", MappingOf(ListOf(Free(), at_least=1)), {})
    place = top.place.child("vary")
    for path, values in grid.items():
        _check_path(place.child(path), path, values, content)
    n_points = 1
    for values in grid.values():
        n_points *= len(values)
    if n_points > _MOST_POINTS:
        counts = " and ".join(f"{len(values):,} values of {path}" for path, values in grid.items())
        fault = f"{counts} make {n_points:,} designs, at most {_MOST_POINTS:,} are simulated"
        place.report(fault, "Give fewer values, such as both ends and some between.")
    if not place.is_sound:
        return [{}]
    return [dict(zip(grid, point, strict=True)) for point in product(*grid.values())]


def _check_path(
    place: Place, path: str, values: tuple[Any, ...], content: Mapping[str, Any]
) -> None:
    if any(value is None for value in values):
        place.report("a value to try is empty", "Give values such as the file has there.")
    for k, value in enumerate(values):
        if value is not None and any(_same(value, before) for before in values[:k]):
            fault = f"{describe(value)} is there twice: one design would be simulated two times"
            place.report(fault, "Remove it once.")
            break
    holder, step = _walk(content, path)
    root, there = path.partition(".")[0], _get(holder, step)
    if root in _FIXED or there is None:
        fault = "there is no such value in the file to vary"
        place.report(fault, nearest(path, scalar_paths(content)))
    elif is_nested(there) and not all(isinstance(v, type(there)) for v in values):
        kind = "mapping" if is_mapping(there) else "list"
        fix = nearest(path, scalar_paths(content))
        place.report(f"the file has a {kind} there, and a value to try is none", fix)


def _same(one: Any, other: Any) -> bool:
    """Return whether two values to try are equal; true is not 1."""
    return is_number(one) == is_number(other) and bool(one == other)


def steps_of(content: Any, path: str) -> list[str]:
    """Return the steps of a path, one name or place after the other; names may hold dots.

    Examples
    --------
    >>> steps_of({"arms": [{"name": "dose 1.5"}]}, "arms.dose 1.5.name")
    ['arms', 'dose 1.5', 'name']
    """
    parts = path.split(".")
    return _steps(content, parts) or parts


def place_of(content: Any, path: str) -> tuple[str | int, ...]:
    """Return where a path leads: keys, and in lists positions in the place of names.

    Examples
    --------
    >>> place_of({"arms": [{"name": "control"}]}, "arms.control.name")
    ('arms', 0, 'name')
    """
    place: list[str | int] = []
    for step in steps_of(content, path):
        index = _index(content, step) if is_list(content) else None
        place.append(step if index is None else index)
        content = _get(content, step)
    return tuple(place)


def _walk(content: Any, path: str) -> tuple[Any, str]:
    """Return what holds the value at a path, and the last step to it; names may hold dots."""
    *steps, last = steps_of(content, path)
    for step in steps:
        content = _get(content, step)
    return content, last


def _steps(content: Any, parts: list[str]) -> list[str]:
    """Return the steps, of one part or several, that lead to something; none where none do."""
    for n in range(1, len(parts) + 1):
        step = ".".join(parts[:n])
        if (there := _get(content, step)) is None:
            continue
        if n == len(parts):
            return [step]
        if further := _steps(there, parts[n:]):
            return [step, *further]
    return []


def _get(holder: Any, step: str) -> Any:
    """Return what stands at a key, at a place in a list, or under a name in a list."""
    if is_mapping(holder):
        return holder.get(step)
    index = _index(holder, step) if is_list(holder) else None
    return None if index is None else holder[index]


def _index(holder: Sequence[Any], step: str) -> int | None:
    names = [_name(item) for item in holder]
    if step in names:
        return names.index(step)
    return int(step) if step.isdecimal() and len(step) < 6 and int(step) < len(holder) else None


def _name(item: Any) -> str | None:
    """Return what a path calls an item of a list: its name, or the way that it is of."""
    if not is_mapping(item):
        return None
    way = f"{item['from']} -> {item['to']}" if {"from", "to"} <= set(item) else None
    return str(item["name"]) if "name" in item else way


def value_at(content: Any, path: str) -> Any:
    """Return what stands at a path; None for nothing."""
    holder, step = _walk(content, path)
    return _get(holder, step)


def path_exists(content: Any, path: str) -> bool:
    """Return whether a single number stands at a path."""
    return is_number(value_at(content, path))


def replaced(content: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a file's content with other values at some paths."""
    changed = copy.deepcopy(dict(content))
    for path, value in values.items():
        holder, step = _walk(changed, path)
        where = _index(holder, step) if is_list(holder) else step
        assert where is not None  # the path was checked when it was read
        holder[where] = value
    return changed


def scalar_paths(content: Any, prefix: str = "") -> Iterator[str]:
    """Yield the path of every single value, lists by the names of their items if they have any."""
    if not is_nested(content):
        yield prefix
        return
    for key, value in items(content):
        step = (is_list(content) and _name(value)) or str(key)
        if prefix or step not in _FIXED:
            yield from scalar_paths(value, f"{prefix}.{step}" if prefix else step)
