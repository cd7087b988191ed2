"""How results show themselves: in at most five lines, and in a notebook as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from html import escape
from textwrap import wrap
from typing import Any

import numpy as np

_WIDTH, _LINES, _FEW, _LONGEST = 88, 5, 6, 200


class Shown:
    """A result that shows itself in at most five lines, and in a notebook as a table.

    Dataclasses of results inherit it, with ``repr=False``.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={words}" for name, words in _told(self))
        lines = wrap(f"{type(self).__name__}({said})", _WIDTH)
        if len(lines) > _LINES:
            lines = [*lines[: _LINES - 1], f"{lines[_LINES - 1][: _WIDTH - 4]} ..."]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        cells = (f"<tr><th>{escape(n)}</th><td>{escape(w)}</td></tr>" for n, w in _told(self))
        return f"<table>{''.join(cells)}</table>"


def _told(result: Any) -> Iterator[tuple[str, str]]:
    """Yield the fields of a result, and each in short."""
    for one in fields(result):
        yield one.name, _in_short(getattr(result, one.name))


def _in_short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        if value.ndim == 0 or (value.ndim == 1 and value.size <= _FEW):
            several = f"[{', '.join(map(_in_short, value))}]" if value.ndim else ""
            return several or _in_short(value[()])
        return f"array of shape {value.shape}"
    if isinstance(value, float):
        return f"{value:.6g}"
    words = " ".join(str(value).split())
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 4]} ..."
