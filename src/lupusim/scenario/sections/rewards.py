"""Costs and utilities of a decision file."""

from __future__ import annotations

import math
from typing import Any

from lupusim.model.rewards import Rewards
from lupusim.scenario.document.section import ByEdge, Duration, MappingOf, Number, Section


def read_costs(section: Section) -> tuple[Rewards, ...]:
    """Return the costs of the list at a section's key ``costs``."""
    if section.is_mapping("costs"):
        fix = "Write a list: lines that begin with '-'."
        section.place.child("costs").report("the costs are a mapping", fix)
        section.has("costs")
        return ()
    found = [read_rewards(below) for below in section.sections("costs")]
    return tuple(rewards for rewards in found if rewards is not None)


_BY_STATE, _BY_EDGE = MappingOf(Number()), ByEdge(Number())


def read_rewards(section: Section) -> Rewards | None:
    """Return what a mapping says; None where it is wrong."""
    values: dict[str, Any] = {
        "per_year": section.read("per_year", _BY_STATE, {}),
        "per_transition": section.read("per_transition", _BY_EDGE, {}),
        "per_entry": section.read("per_entry", _BY_STATE, {}),
        "at_start": section.read("at_start", Number(), 0.0),
        "begins": section.read("begins", Duration(), 0.0),
        "lasts": section.read("lasts", Duration(above=0), math.inf),
    }
    return section.build(lambda: Rewards(**values))


def in_place(common: Rewards, own: Rewards) -> Rewards:
    """Return the first with what the second names in place of it."""
    return Rewards(
        per_year={**common.per_year, **own.per_year},
        per_transition={**common.per_transition, **own.per_transition},
        per_entry={**common.per_entry, **own.per_entry},
        at_start=own.at_start or common.at_start,
        begins=own.begins or common.begins,
        lasts=min(own.lasts, common.lasts),
    )
