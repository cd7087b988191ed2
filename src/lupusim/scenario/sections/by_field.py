"""Kinds without a reader of their own: the keys of a file are the fields of a dataclass."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any, cast

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

_KINDS: dict[str, Kind[Any]] = {"int": Integer(), "bool": Flag(), "str": Text()}


def read_fields(section: Section, kind: type, *, known: Container[str] = ()) -> dict[str, Any]:
    """Return the values that a section gives the fields of a dataclass.

    Fields with a default may be left out. Durations are those whose metadata has
    ``{"duration": True}``; all else is a number, a whole number, a flag or a text by its type,
    or a list of numbers.

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


def kind_of(field: Field[Any]) -> Kind[Any]:
    """Return how a field is written in a file."""
    one: Kind[Any] = Duration() if field.metadata.get("duration") else Number()
    if "tuple" in str(field.type):
        return ListOf(one)
    return _KINDS.get(str(getattr(field.type, "__name__", field.type)), one)
