"""The supply of a scenario file: how lots are made, what is in stock, who draws on it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lupusim.scenario.document.section import Choice, Duration, Integer, MappingOf, Number, Section
from lupusim.trial import Arm
from lupusim.trial.treatment.supply import Manufacture, Supply, WhileEmpty


def read_supply(top: Section, arms: Sequence[Arm]) -> Supply | None:
    """Return where the cells come from; None where a dose is always there.

    Parameters
    ----------
    top : Section
        The scenario.
    arms : sequence of Arm
        By default every arm with infusions draws on the supply, a dose for each.
    """
    if not top.has("supply"):
        return None
    section = top.section("supply")
    lots = _read_lots(section.section("lots"))
    at_start = section.read("at_start", Integer(at_least=0, at_most=10_000), 0)
    patience = section.read("patience", Duration(), 0.0)
    draws = {arm.name: 1 for arm in arms if arm.infusions is not None}
    draws = section.read("arms", MappingOf(Integer(at_least=1)), draws)
    ways = Choice({one.value: one for one in WhileEmpty})
    while_empty = section.read("while_empty", ways, WhileEmpty.WAIT)
    section.finish()
    if lots is None:
        return None
    return section.build(
        lambda: Supply(
            lots=lots,
            at_start=at_start,
            patience=patience,
            draws=draws,
            while_empty=while_empty,
        )
    )


def _read_lots(section: Section) -> Manufacture | None:
    doses = section.read("doses", Integer(at_least=1))
    lead_time = section.read("lead_time", Duration(), 0.0)
    every = section.read_or_none("every", Duration(above=0))
    number = section.read_or_none("number", Integer(at_least=1))
    if every is None:
        section.refuse("number", "it needs 'every'", "Add 'every:', or remove it.")
        number = None
    fails = section.read("fails", Number(at_least=0, at_most=1), 0.0)
    shelf_life = section.read("shelf_life", Duration(above=0), math.inf)
    return section.build(
        lambda: Manufacture(
            doses=doses,
            lead_time=lead_time,
            every=every,
            number=number,
            fails=fails,
            shelf_life=shelf_life,
        )
    )
