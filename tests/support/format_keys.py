"""What the reader asks of a scenario file: which keys, where, and what values they may have."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from lupusim.errors import ScenarioError
from lupusim.scenario import scenario_from_mapping
from lupusim.scenario.document import kinds
from lupusim.scenario.document.section import Section

_NUMBERS = (0, 0.1, 0.5, 1, 12)
_WHOLE = (1, 3, 20)
_DURATIONS = ("0 weeks", "4 weeks", "30 weeks")
Path = tuple[str | int, ...]


@dataclass
class Asked:
    """What was asked while files were read.

    Parameters
    ----------
    names : set of str
        Keys that were looked for, whether they stood there or not.
    kinds : dict
        By path, what the values of single keys may be.
    """

    names: set[str] = field(default_factory=set)
    kinds: dict[Path, Any] = field(default_factory=dict)


@contextmanager
def listening() -> Iterator[Asked]:
    """Note what the sections of scenario files are asked for, until the context ends."""
    asked, has, read = Asked(), Section.has, Section.read

    def hears(section: Section) -> bool:
        return section.place.document.error_class is ScenarioError

    def noted_has(section: Section, name: str) -> bool:
        if hears(section):
            asked.names.add(name)
        return has(section, name)

    def noted_read(section: Section, name: str, kind: Any, *default: Any) -> Any:
        if hears(section):
            asked.kinds[path_of(section.place.child(name).key)] = kind
        return read(section, name, kind, *default)

    Section.has, Section.read = noted_has, noted_read  # type: ignore[assignment,method-assign]
    try:
        yield asked
    finally:
        Section.has, Section.read = has, read  # type: ignore[method-assign]


def asked_of(content: Mapping[str, Any]) -> Asked:
    """Return what is asked of one scenario."""
    with listening() as asked, suppress(ScenarioError):
        scenario_from_mapping(content)
    return asked


def path_of(key: str) -> Path:
    """Return a key such as ``arms.1.name`` as the way to its value."""
    return tuple(int(step) if step.isdigit() else step for step in key.split("."))


def values_of(kind: Any) -> list[Any]:
    """Return some values that a key of this kind may have; none where only words say which."""
    found: list[Any] = []
    if isinstance(kind, kinds.Choice):
        found = list(kind.options)
    elif isinstance(kind, kinds.Flag):
        found = [True, False]
    elif isinstance(kind, kinds.Rate):
        found = [0, 0.4]
    elif isinstance(kind, kinds.Duration):
        found = list(_DURATIONS[kind.above >= 0 :])
    elif isinstance(kind, kinds.Integer):
        found = [n for n in _WHOLE if kind.at_least <= n <= kind.at_most]
    elif isinstance(kind, kinds.Number):
        found = [n for n in _NUMBERS if kind.at_least <= n <= kind.at_most]
        found = [n for n in found if kind.above < n < kind.below]
    return found


def can_hold(content: Any, path: Path) -> bool:
    """Return whether the way to a value leads through mappings, lists, or nothing yet."""
    for step in path[:-1]:
        if isinstance(content, dict) and step not in content:
            return True
        if not isinstance(content, dict | list):
            return False
        content = content[step]
    return isinstance(content, dict | list)


def with_value(content: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """Return a document that has a value at a path."""
    found = copy.deepcopy(dict(content))
    holder: Any = found
    for step, after in pairwise(path):
        if isinstance(holder, dict) and step not in holder:
            holder[step] = [] if isinstance(after, int) else {}
        holder = holder[step]
    holder[path[-1]] = value
    return found
