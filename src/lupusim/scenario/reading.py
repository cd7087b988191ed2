"""Walk through a file's content, collect every problem with its line, raise once.

A *kind* says what a value may be (a number in a range, a duration, one of some names) and
turns it into an object. A :class:`Section` reads the keys of one mapping by their kinds and
reports what it has not been asked for. After a problem reading goes on with a stand-in of
the right type, so that the next problem is found too; objects are made from sound sections
only (:meth:`Section.build`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, Protocol, TypeVar, cast

from lupusim.errors import Problem
from lupusim.model.checks import nearest
from lupusim.scenario.durations import parse_duration
from lupusim.scenario.yaml_file import Document, child_key, describe

MISSING = "the key is missing"

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Place:
    """One key of a document; what is found wrong there is reported through it."""

    document: Document
    key: str
    problems: list[Problem]

    def report(self, fault: str, fix: str) -> None:
        """Note a problem of this key."""
        self.problems.append(self.document.problem(self.key, fault, fix))

    def child(self, name: str | int) -> Place:
        """Return the place of a key or an item below this one."""
        return Place(self.document, child_key(self.key, name), self.problems)

    @property
    def is_right(self) -> bool:
        """Whether no problem is known of this very key."""
        return not any(p.key == self.key for p in self.problems)

    @property
    def is_sound(self) -> bool:
        """Whether no problem is known here or below."""
        below = f"{self.key}." if self.key else ""
        return not any(p.key == self.key or p.key.startswith(below) for p in self.problems)


class Kind(Protocol[T_co]):
    """What a value may be."""

    def parse(self, value: object, place: Place) -> T_co:
        """Return the object, or report a problem and return a stand-in of its type."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A finite number in a range (`above` is exclusive)."""

    at_least: float = -math.inf
    above: float = -math.inf
    at_most: float = math.inf
    below: float = math.inf

    def parse(self, value: object, place: Place) -> float:
        """Return the number."""
        if not isinstance(value, Real) or isinstance(value, bool):
            place.report(f"{describe(value)} is not a number", self.fix)
            return math.nan
        return _in_range(self, _as_float(value), place)

    @property
    def fix(self) -> str:
        """What to write instead."""
        return f"Give a number{_range_words(self)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer:
    """A whole number in a range."""

    at_least: float = -math.inf
    at_most: float = math.inf

    @property
    def fix(self) -> str:
        """What to write instead."""
        return f"Give a whole number{_range_words(self)}."

    def parse(self, value: object, place: Place) -> int:
        """Return the whole number."""
        if not isinstance(value, Integral) or isinstance(value, bool):
            place.report(f"{describe(value)} is not a whole number", self.fix)
            return 1
        number = int(value)
        if not self.at_least <= number <= self.at_most:
            place.report(f"{describe(number)} is out of range", self.fix)
        return number


def _as_float(value: Real) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _range_words(kind: Any) -> str:
    words = (
        ("at_least", "{:g} or above"),
        ("above", "above {:g}"),
        ("at_most", "at most {:g}"),
        ("below", "below {:g}"),
    )
    limits = [(getattr(kind, name, math.inf), form) for name, form in words]
    return "".join(f", {form.format(limit)}" for limit, form in limits if math.isfinite(limit))


def _in_range(kind: Any, number: float, place: Place) -> float:
    inside = (
        math.isfinite(number)
        and kind.at_least <= number <= kind.at_most
        and getattr(kind, "above", -math.inf) < number < getattr(kind, "below", math.inf)
    )
    if not inside:
        place.report(f"{describe(number)} is out of range", kind.fix)
    return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """A duration with a unit, such as ``52 weeks``; becomes years."""

    above: float = -math.inf

    def parse(self, value: object, place: Place) -> float:
        """Return years."""
        try:
            years = parse_duration(value)
        except ValueError as error:
            fault, _, fix = str(error).partition(". ")
            place.report(fault, f"{fix}.")
            return math.nan
        if years <= self.above:
            place.report(f"{value!r} is too short", "Give more than 0, such as '4 weeks'.")
        return years


@dataclass(frozen=True, slots=True)
class Text:
    """Words; never empty."""

    def parse(self, value: object, place: Place) -> str:
        """Return the text without spaces around it."""
        if not isinstance(value, str) or not value.strip():
            place.report(f"{describe(value)} is not text", "Write words, in quotes if need be.")
            return ""
        return value.strip()


@dataclass(frozen=True, slots=True)
class Flag:
    """``true`` or ``false``."""

    def parse(self, value: object, place: Place) -> bool:
        """Return the truth value."""
        if not isinstance(value, bool):
            place.report(f"{describe(value)} is neither true nor false", "Write true or false.")
        return value is True


class Choice:
    """One of some names, each standing for an object of its own."""

    __slots__ = ("options",)

    def __init__(self, options: Mapping[str, T]) -> None:
        self.options: Mapping[str, Any] = options

    def parse(self, value: object, place: Place) -> Any:
        """Return what the name stands for."""
        if isinstance(value, str) and value in self.options:
            return self.options[value]
        help_ = nearest(value, self.options) if isinstance(value, str) else _all(self.options)
        place.report(f"{describe(value)} is not one of the choices", help_)
        return next(iter(self.options.values()))


def _all(names: Mapping[str, Any]) -> str:
    return f"Valid: {', '.join(names)}."


@dataclass(frozen=True, slots=True)
class Edge:
    """A transition written ``from_state -> to_state``; spaces around the arrow as you like."""

    def parse(self, value: object, place: Place) -> tuple[str, str]:
        """Return the two states."""
        ends = [end.strip() for end in value.split("->")] if isinstance(value, str) else []
        if len(ends) != 2 or not all(ends):
            fix = "Write it as 'from_state -> to_state'."
            place.report(f"{describe(value)} is not a transition", fix)
            return "", ""
        return ends[0], ends[1]


@dataclass(frozen=True, slots=True)
class ListOf(Kind[tuple[T, ...]]):
    """A list of one kind, of at least so many items."""

    kind: Kind[T]
    at_least: int = 0

    def parse(self, value: object, place: Place) -> tuple[T, ...]:
        """Return the items."""
        if not isinstance(value, list | tuple):
            place.report(f"{describe(value)} is not a list", "Write [one, two] or lines with '-'.")
            return ()
        if len(value) < self.at_least:
            place.report(f"the list has {len(value)} items", f"Give at least {self.at_least}.")
        return tuple(self.kind.parse(item, place.child(k)) for k, item in enumerate(value))


@dataclass(frozen=True, slots=True)
class MappingOf(Kind[dict[str, T]]):
    """Names of the file's own, each with a value of one kind."""

    kind: Kind[T]

    def parse(self, value: object, place: Place) -> dict[str, T]:
        """Return the values by name."""
        return {
            name: self.kind.parse(item, place.child(name))
            for name, item in _as_mapping(value, place).items()
        }


@dataclass(frozen=True, slots=True)
class ByEdge(Kind[dict[tuple[str, str], T]]):
    """Transitions, each with a value of one kind."""

    kind: Kind[T]

    def parse(self, value: object, place: Place) -> dict[tuple[str, str], T]:
        """Return the values by transition."""
        read = [
            (Edge().parse(name, place.child(name)), self.kind.parse(item, place.child(name)))
            for name, item in _as_mapping(value, place).items()
        ]
        return {edge: found for edge, found in read if all(edge)}


@dataclass(frozen=True, slots=True)
class Free:
    """Anything; kept as it is."""

    def parse(self, value: object, place: Place) -> Any:  # noqa: ARG002 - part of the protocol
        """Return the value as it stands."""
        return value


def _as_mapping(value: object, place: Place) -> Mapping[str, Any]:
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return value
    place.report(f"{describe(value)} is not a mapping", "Write {key: value} or lines 'key: value'.")
    return {}


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
        if self.place.is_right:
            self.place.child(name).report(MISSING, fix)

    def read_or_none(self, name: str, kind: Kind[T]) -> T | None:
        """Return a key's value, or None where it is not given."""
        return self.read(name, kind) if self.has(name) else None

    def section(self, name: str) -> Section:
        """Return the mapping at a key; an empty one, reported, where there is none."""
        place = self.place.child(name)
        if not self.has(name):
            self._report_missing(name, f"Add '{name}:' with keys below it.")
            return Section(place, {}, self.common)
        return Section(place, _as_mapping(self.content[name], place), self.common)

    def section_or_empty(self, name: str) -> Section:
        """Return the mapping at a key, or an empty one where the key is not given."""
        if self.has(name):
            return self.section(name)
        return Section(self.place.child(name), {}, self.common)

    def sections(self, name: str, *, at_least: int = 0) -> list[Section]:
        """Return the mappings of the list at a key, which need not be there if 0 may be."""
        if not self.has(name) and at_least == 0:
            return []
        items = self.read(name, ListOf(Free(), at_least))
        places = [self.place.child(name).child(k) for k in range(len(items))]
        return [
            Section(place, _as_mapping(item, place), self.common)
            for place, item in zip(places, items, strict=True)
        ]

    def refuse(self, name: str, fault: str, fix: str) -> None:
        """Report a key if it is given, because nothing is done with it."""
        if self.has(name):
            self.place.child(name).report(fault, fix)

    def finish(self) -> None:
        """Report every key that nobody asked for; a missing key that was misspelled, once."""
        for name in self.content:
            if name not in self.asked and name not in self.common:
                for meant in get_close_matches(name, self.asked, n=1):
                    self._forget_missing(meant)
                self.place.child(name).report("no such key here", nearest(name, self.asked))

    def _forget_missing(self, name: str) -> None:
        key = self.place.child(name).key
        problems = self.place.problems
        problems[:] = [p for p in problems if p.key != key or p.fault != MISSING]

    def build(self, make: Callable[[], T]) -> T | None:
        """Finish, and make an object if all is sound; what it refuses is a problem here."""
        self.finish()
        if not self.place.is_sound:
            return None
        try:
            return make()
        except ValueError as error:
            fault, _, fix = str(error).rstrip(".").partition(". ")
            self.place.report(fault, f"{fix or 'Change it'}.")
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
    fix = getattr(kind, "fix", None)
    return f"Add '{name}:'. {fix}" if fix else f"Add '{name}:'."


def made(value: T | None) -> T:
    """Return what :meth:`Section.build` made, once no problem was found."""
    return cast("T", value)
