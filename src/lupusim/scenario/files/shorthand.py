"""Sections that a file may write in a few words, spelled out before they are read.

``allocation: 1:2``, ``enrollment: 10 per month``, ``dropout: 15 % a year``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from lupusim.errors import fault_and_fix
from lupusim.scenario.document.amounts import parse_rate, parse_ratio
from lupusim.scenario.document.content import is_list, is_mapping, is_nested
from lupusim.scenario.document.yaml_reader import Document
from lupusim.scenario.files.variation import value_at
from lupusim.trial.durations import MONTHS_PER_YEAR


def spelled_out(document: Document) -> Document:
    """Return a document whose sections in a few words are spelled out.

    What cannot be read is a problem of the document, with its line.
    """
    content = copy.deepcopy(document.content)
    problems = list(document.problems)
    for key, spell in _SPELLED.items():
        if content.get(key) is not None and not is_nested(content[key]):
            try:
                spell(content)
            except ValueError as error:
                problems.append(document.problem(key, *fault_and_fix(error)))
                content.pop(key)
    return replace(document, content=content, problems=tuple(problems))


def reaching(document: Document, paths: Iterable[str]) -> Document:
    """Return the document in which a number stands at each path, as far as one can be told.

    Spelled out where it is in a few words; without dropout a rate of 0 stands there.
    """
    asked = list(paths)
    if all(value_at(document.content, path) is not None for path in asked):
        return document
    document = spelled_out(document)
    if "dropout.per_year" in asked and document.content.get("dropout") is None:
        return replace(document, content={**document.content, "dropout": {"per_year": 0.0}})
    return document


def _allocation(content: dict[str, Any]) -> None:
    """Give every arm its part of a ratio such as ``1:2``, in the order of the file."""
    ratio = parse_ratio(content["allocation"])
    arms = content.get("arms")
    if not is_list(arms) or not all(map(is_mapping, arms)):
        content.pop("allocation")  # the arms' own problem is told
        return
    if len(arms) != len(ratio):
        fix = f"Write one number for each of the {len(arms)} arms"
        raise ValueError(f"{content['allocation']!r} is for {len(ratio)} arms. {fix}")
    if any("allocation" in arm for arm in arms):
        raise ValueError("an arm has an allocation of its own. Keep one of the two")
    for arm, part in zip(arms, ratio, strict=True):
        arm["allocation"] = part
    content.pop("allocation")


def _enrollment(content: dict[str, Any]) -> None:
    """Read ``10 per month``, and ``10 per month, evenly`` for arrivals without chance."""
    rate = parse_rate(content["enrollment"], like="10 per month")
    content["enrollment"] = {
        "kind": "poisson",
        "sites": 1,
        "per_site_per_month": rate / MONTHS_PER_YEAR,
    }


def _dropout(content: dict[str, Any]) -> None:
    """Read ``15 % a year`` or ``10 % in 24 weeks`` (who leave by then), a rate, or ``none``."""
    stated = content["dropout"]
    content["dropout"] = {"per_year": 0.0 if stated == "none" else parse_rate(stated)}


_SPELLED: Mapping[str, Callable[[dict[str, Any]], None]] = {
    "allocation": _allocation,
    "enrollment": _enrollment,
    "dropout": _dropout,
}
