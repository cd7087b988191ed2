"""Kinds without a reader of their own: the keys of a file are the fields of a dataclass."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any, TypeVar, cast

from lupusim.common.ranges import Range
from lupusim.scenario.document.section import (
    Duration,
    Flag,
    Integer,
    Kind,
    ListOf,
    Number,
    Section,
    Text,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
_KINDS: dict[str, Kind[Any]] = {"bool": Flag(), "str": Text()}


def read_fields(section: Section, kind: type, *, known: Container[str] = ()) -> dict[str, Any]:
    """Return the values that a section gives the fields of a dataclass.

    Fields with a default may be left out. What each may be, its metadata says
    (:mod:`lupusim.common.ranges`): a number in a range, or a duration; else its type: a number, a
    whole number, a flag, a text, or a list of these.

    Parameters
    ----------
    section : Section
        Of the file.
    kind : type
        The dataclass.
    known : container of str
        Fields that are read elsewhere.
    """
    return {
        field.name: section.read(field.name, kind_of(field))
        if field.default is MISSING
        else section.read(field.name, kind_of(field), field.default)
        for field in fields(cast("type[DataclassInstance]", kind))
        if field.name not in known
    }


def build_by_fields(section: Section, kind: type[T]) -> T | None:
    """Return an object whose fields are the keys of a section; None after reporting why not."""
    values = read_fields(section, kind)
    return section.build(lambda: kind(**values))


def declared(kind: type, name: str) -> Kind[Any]:
    """Return what a field of a dataclass may be in a file."""
    every = fields(cast("type[DataclassInstance]", kind))
    return kind_of(next(field for field in every if field.name == name))


def kind_of(field: Field[Any]) -> Kind[Any]:
    """Return how a field is written in a file."""
    written = str(field.type).removeprefix("<class '").removesuffix("'>").removesuffix(" | None")
    several = written.startswith("tuple[")
    item = written.removeprefix("tuple[").split(",")[0].rstrip("]") if several else written
    one = _KINDS.get(item) or _number(item, field.metadata)
    return ListOf(one) if several else one


def _number(written: str, metadata: Mapping[str, Any]) -> Kind[Any]:
    """Return a kind of number, in the range that a field declares."""
    limits: Range = metadata.get("range", Range())
    if metadata.get("duration"):
        return Duration(above=limits.above, or_years=bool(metadata.get("or_years")))
    if written == "int":
        return Integer(at_least=limits.at_least, at_most=limits.at_most)
    return Number(
        at_least=limits.at_least, above=limits.above, at_most=limits.at_most, below=limits.below
    )
