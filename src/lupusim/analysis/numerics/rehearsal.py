"""A forecast rehearses a run: long work that is done once and kept is timed there, not done."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import field

from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """What some work needs that is done once and kept."""

    seconds: float  # how long it would take
    bytes: float  # memory at work


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What was to be worked out while it lasted."""

    noted: dict[Hashable, Once] = field(default_factory=dict)
    """For each piece of work what it needs."""


_NOW: ContextVar[Rehearsal | None] = ContextVar("rehearsal", default=None)


def rehearsal() -> Rehearsal | None:
    """Return the rehearsal that goes on in this thread, or None: then all is worked out."""
    return _NOW.get()


@contextmanager
def rehearsing() -> Iterator[Rehearsal]:
    """Rehearse what this thread does while the context lasts.

    Examples
    --------
    >>> with rehearsing() as noted:
    ...     rehearsal().noted["a table"] = Once(seconds=30.0, bytes=1e6)
    >>> noted.noted["a table"].seconds, rehearsal() is None
    (30.0, True)
    """
    begun = Rehearsal()
    token = _NOW.set(begun)
    try:
        yield begun
    finally:
        _NOW.reset(token)
