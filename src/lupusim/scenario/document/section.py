"""Walk through a file's content, collect every problem with its line, raise once.

A :class:`Section` reads the keys of one mapping by their kinds and reports what it has not
been asked for. After a problem reading goes on with stand-ins, so that the next problem is
found too; objects are made from sound sections only (:meth:`Section.build`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, TypeVar, cast

from lupusim.common.frozen import dataclass
from lupusim.common.spelling import near, nearest
from lupusim.errors import fault_and_fix
from lupusim.scenario.document.content import is_list, is_mapping, is_text
from lupusim.scenario.document.kinds import (
    ByEdge,
    Choice,
    Duration,
    Edge,
    Flag,
    Free,
    Integer,
    Kind,
    ListOf,
    MappingOf,
    Number,
    Rate,
    Text,
    as_mapping,
)
from lupusim.scenario.document.place import Place
from lupusim.scenario.document.yaml_reader import Document

__all__ = [
    "ByEdge",
    "Choice",
    "Duration",
    "Edge",
    "Flag",
    "Free",
    "Integer",
    "Kind",
    "ListOf",
    "MappingOf",
    "Number",
    "Place",
    "Rate",
    "Section",
    "Text",
    "made",
]

MISSING = "the key is missing"

T = TypeVar("T")


class _Required:
    """Stands for 'there is no default'."""


_REQUIRED = _Required()


@dataclass(slots=True)
class Section:
    """The keys of one mapping; `common` keys may stand in it and in all below it."""

    place: Place
    content: Mapping[str, Any]
    common: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)

    @classmethod
    def top(cls, document: Document, common: tuple[str, ...] = ()) -> Section:
        """Return the top of a document; its own problems are known from the start."""
        return cls(Place(document, "", list(document.problems)), document.content, common)

    def has(self, name: str) -> bool:
        """Return whether a key is given; asking makes it a known one."""
        if name not in self.asked:
            self.asked.append(name)
        return name in self.content

    def is_text(self, name: str) -> bool:
        """Return whether a key is given as words."""
        return is_text(self.content.get(name))

    def is_mapping(self, name: str) -> bool:
        """Return whether a key is given as keys with values."""
        return is_mapping(self.content.get(name))

    def is_list(self, name: str) -> bool:
        """Return whether a key is given as a list."""
        return is_list(self.content.get(name))

    def read(self, name: str, kind: Kind[T], default: T | _Required = _REQUIRED) -> T:
        """Return a key's value, or the default; without a default the key must be there."""
        if self.has(name):
            return kind.parse(self.content[name], self.place.child(name))
        if not isinstance(default, _Required):
            return default
        self._report_missing(name, _how_to_add(name, kind))
        return kind.parse(None, Place(self.place.document, self.place.key, []))

    def _report_missing(self, name: str, fix: str) -> None:
        """Report a missing key, unless the whole mapping is missing or no mapping."""
        if self.place.is_right and not self.is_missing:
            self.place.child(name).report(MISSING, fix)

    @property
    def is_missing(self) -> bool:
        """Whether the mapping that this one would stand in is known to be missing."""
        missing = [p.key for p in self.place.problems if p.fault == MISSING]
        return any(self.place.key.startswith(f"{key}.") for key in missing)

    def read_or_none(self, name: str, kind: Kind[T]) -> T | None:
        """Return a key's value, or None where it is not given."""
        return self.read(name, kind) if self.has(name) else None

    def section(self, name: str, *, like: str = "") -> Section:
        """Return the mapping at a key; an empty one, reported, where there is none.

        `like` is an example of the mapping, for those who left it out.
        """
        place = self.place.child(name)
        if not self.has(name):
            shown = f"such as '{name}: {like}'" if like else "with keys below it"
            self._report_missing(name, f"Add '{name}:' {shown}.")
            return Section(place, {}, self.common)
        return Section(place, as_mapping(self.content[name], place), self.common)

    def section_or_empty(self, name: str) -> Section:
        """Return the mapping at a key, or an empty one where the key is not given."""
        if self.has(name):
            return self.section(name)
        return Section(self.place.child(name), {}, self.common)

    def sections(self, name: str, *, at_least: int = 0, like: str = "") -> list[Section]:
        """Return the mappings of the list at a key, which need not be there if 0 may be.

        `like` is an example of the list, for those who left it out.
        """
        if not self.has(name) and (at_least == 0 or like):
            if at_least > 0:
                self._report_missing(name, f"Add '{name}:' such as '{name}: {like}'.")
            return []
        items = self.read(name, ListOf(Free(), at_least))
        places = [self.place.child(name).child(k) for k in range(len(items))]
        return [
            Section(place, as_mapping(item, place), self.common)
            for place, item in zip(places, items, strict=True)
        ]

    def refuse(self, name: str, fault: str, fix: str) -> None:
        """Report a key if it is given, because nothing is done with it."""
        if self.has(name):
            self.place.child(name).report(fault, fix)

    def unknown(self) -> list[str]:
        """Return the keys that nobody has asked for so far."""
        return [name for name in self.content if name not in (*self.asked, *self.common)]

    def finish(self) -> None:
        """Report every key that nobody asked for; a missing key that was misspelled, once."""
        for name in self.unknown():
            for meant in near(name, self.asked):
                self._forget_missing(meant)
            self.place.child(name).report("no such key here", nearest(name, self.asked))

    def has_kind(self) -> bool:
        """Return whether a ``kind`` was read here that is one; where it is misspelled, say so."""
        if not self.has("kind"):
            for name in (n for n in self.unknown() if near(n, ["kind"]) and len(n) > len("in")):
                self._forget_missing("kind")
                self.place.child(name).report("no such key here", nearest(name, ["kind"]))
                return False
        return self.place.child("kind").is_right

    def _forget_missing(self, name: str) -> None:
        key = self.place.child(name).key
        problems = self.place.problems
        problems[:] = [p for p in problems if p.key != key or p.fault != MISSING]

    def build(self, make: Callable[[], T]) -> T | None:
        """Finish, and make an object if all is sound; what it refuses is a problem here."""
        self.finish()
        return self.build_unfinished(make)

    def build_unfinished(self, make: Callable[[], T]) -> T | None:
        """Do so for a section that is not read to its end yet."""
        if not self.place.is_sound:
            return None
        try:
            return make()
        except ValueError as error:
            self.place.report(*fault_and_fix(error))
            return None

    def raise_problems(self) -> None:
        """Raise everything that was found in the document, in the order of its lines."""
        document = self.place.document
        spoiled = {problem.key for problem in document.problems}
        problems = [p for p in self.place.problems if p.key not in spoiled]
        found = dict.fromkeys([*document.problems, *problems])
        if found:
            ordered = sorted(found, key=lambda p: (p.line or 0, p.column or 0))
            raise document.error_class(document.file, ordered)


def _how_to_add(name: str, kind: Kind[Any]) -> str:
    return f"Add '{name}:'. {kind.fix}".rstrip()


def made(value: T | None) -> T:
    """Return what :meth:`Section.build` made, once no problem was found."""
    return cast("T", value)
