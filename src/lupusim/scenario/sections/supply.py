"""The supply of a scenario file: how lots are made, what is in stock, who draws on it."""

from __future__ import annotations

from collections.abc import Sequence

from lupusim.scenario.document.section import Choice, Integer, MappingOf, Section
from lupusim.scenario.sections.by_field import read_fields
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
    stock = read_fields(section, Supply, known=("lots", "draws", "while_empty"))
    draws = {arm.name: 1 for arm in arms if arm.infusions is not None}
    draws = section.read("arms", MappingOf(Integer(at_least=1)), draws)
    ways = Choice({one.value: one for one in WhileEmpty})
    while_empty = section.read("while_empty", ways, WhileEmpty.WAIT)
    section.finish()
    if lots is None:
        return None
    return section.build(lambda: Supply(lots=lots, draws=draws, while_empty=while_empty, **stock))


def _read_lots(section: Section) -> Manufacture | None:
    if not section.has("every"):
        section.refuse("number", "it needs 'every'", "Add 'every:', or remove it.")
    values = read_fields(section, Manufacture)
    return section.build(lambda: Manufacture(**values))
