"""Write plain objects as YAML that our own reader gives back unchanged."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lupusim.scenario.document.content import is_list, is_mapping, is_text

_PLAIN = re.compile(r"[A-Za-z][\w./-]*( [\w./-]+)*", re.ASCII)
_WORDS = {"true", "false", "null", "yes", "no", "on", "off"}


def flow(value: object) -> str:
    """Return a value on one line: ``{from: a, to: b}``, ``[1, 2]``, ``"a -> b"``.

    Examples
    --------
    >>> flow({"ways": ["a -> b"], "ratio": 0.5})
    '{ways: ["a -> b"], ratio: 0.5}'
    """
    if is_mapping(value):
        return "{" + ", ".join(f"{flow(str(k))}: {flow(v)}" for k, v in value.items()) + "}"
    if is_list(value):
        return "[" + ", ".join(map(flow, value)) + "]"
    if is_text(value):
        return _quoted(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def block(content: Mapping[str, Any]) -> str:
    """Return a mapping line by line; lists of mappings get a line for each item."""
    lines: list[str] = []
    for key, value in content.items():
        if is_list(value) and any(map(is_mapping, value)):
            lines += [f"{_quoted(key)}:", *(f"  - {flow(item)}" for item in value)]
        elif is_mapping(value) and value:
            below = block(value).splitlines()
            lines += [f"{_quoted(key)}:", *(f"  {line}" for line in below)]
        else:
            lines.append(f"{_quoted(key)}: {flow(value)}")
    return "\n".join(lines) + "\n"
