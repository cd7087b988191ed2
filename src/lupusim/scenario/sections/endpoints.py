"""What a scenario's trial wants to know: its endpoints, as a file names them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

from lupusim.common.frozen import dataclass
from lupusim.endpoints import ENDPOINTS, Around, Responder
from lupusim.model import MultiStateModel
from lupusim.scenario.document.content import is_text
from lupusim.scenario.document.section import (
    Choice,
    Duration,
    Kind,
    ListOf,
    Number,
    Place,
    Section,
    Text,
)
from lupusim.scenario.outcomes import NOTHING_STATED, Statements
from lupusim.trial import Endpoint

_LIKE = "{primary: {kind: responder, states: [remission], at: 52 weeks}}"

T = TypeVar("T")


def read_endpoints(
    top: Section,
    model: MultiStateModel | None,
    visits: tuple[float, ...],
    stated: Statements = NOTHING_STATED,
) -> tuple[Endpoint, tuple[Endpoint, ...]]:
    """Return the primary endpoint and the others; stand-ins where they cannot be read.

    Where outcomes are stated and no endpoints are named, each outcome is one, in their order.
    """
    if stated and not top.has("endpoints"):
        primary, *others = stated.endpoints(top, Responder(name="", states=("",), at=1.0))
        return primary, tuple(others)
    section = top.section("endpoints", like=_LIKE)
    around = _Around(keys=Around(model=model, visits=visits), stated=stated)
    primary = _read_endpoint(section.section("primary"), around)
    secondary = tuple(_read_endpoint(s, around) for s in section.sections("secondary"))
    section.finish()
    names = Counter(endpoint.name for endpoint in (primary, *secondary))
    for name in (name for name, count in names.items() if count > 1):
        section.place.report(f"{name!r} names more than one endpoint", "Give each its 'name:'.")
    return primary, secondary


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What an endpoint's keys refer to, and the outcomes that the file states."""

    keys: Around
    stated: Statements


def _read_endpoint(section: Section, around: _Around, *, but: tuple[str, ...] = ()) -> Endpoint:
    called = str(section.content.get("name", section.place.key))
    stand_in = Responder(name=called, states=("",), at=1.0)
    if section.is_missing or not section.place.is_right:
        return stand_in
    if around.stated and section.has("outcome"):
        return around.stated.endpoint(section, stand_in)
    names = {name: name for name in ENDPOINTS if name not in but} if but else ENDPOINTS.names
    kind = section.read("kind", Choice(names))
    if not section.has_kind():
        return stand_in
    fields = SectionFields(section=section, around=around)
    return section.build(ENDPOINTS[kind].read(fields, around.keys)) or stand_in


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionFields:
    """The keys of one endpoint, in a section of the file."""

    section: Section
    around: _Around

    def has(self, name: str) -> bool:
        """Return whether a key is given."""
        return self.section.has(name)

    def is_said(self, name: str, word: str) -> bool:
        """Return whether a key is given, as this word."""
        return bool(self.section.content.get(name) == word)

    def states(self, name: str) -> tuple[str, ...]:
        """Return one state or a list of them."""
        if self.section.is_text(name):
            return (self.section.read(name, Text()),)
        return self.section.read(name, ListOf(Text(), at_least=1))

    def groups(self, name: str) -> tuple[tuple[str, ...], ...]:
        """Return a list of at least two states, or lists of states that rank alike."""
        return self.section.read(name, ListOf(_Group(), at_least=2))

    def duration(self, name: str, default: float | None = None) -> float:
        """Return a duration above 0 (years); without a default the key must be there."""
        if default is None:
            return self.section.read(name, Duration(above=0))
        return self.section.read(name, Duration(above=0), default)

    def duration_or_none(self, name: str) -> float | None:
        """Return a duration (years), 0 or above; None where the key is not given."""
        return self.section.read_or_none(name, Duration())

    def number(self, name: str, *, above: float) -> float:
        """Return a number above another; the key must be there."""
        return self.section.read(name, Number(above=above))

    def text(self, name: str, default: str) -> str:
        """Return a text."""
        return self.section.read(name, Text(), default)

    def choice(self, name: str, choices: Mapping[str, T], default: T) -> T:
        """Return what a word stands for."""
        found: T = self.section.read(name, Choice(choices), default)
        return found

    def endpoints(self, name: str) -> tuple[Endpoint, ...]:
        """Return a list of at least two endpoints that hold no others."""
        sections = self.section.sections(name, at_least=2)
        return tuple(_read_endpoint(one, self.around, but=("hierarchy",)) for one in sections)

    def report(self, name: str, fault: str, fix: str) -> None:
        """Report what is wrong with a key."""
        self.section.place.child(name).report(fault, fix)


@dataclass(frozen=True, slots=True)
class _Group(Kind[tuple[str, ...]]):
    """A state, or a list of states that rank alike."""

    def parse(self, value: object, place: Place) -> tuple[str, ...]:
        """Return the states."""
        return ListOf(Text(), at_least=1).parse([value] if is_text(value) else value, place)
