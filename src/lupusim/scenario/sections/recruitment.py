"""How a scenario's patients are randomized, and who leaves early."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lupusim.scenario.document.section import (
    Choice,
    Integer,
    ListOf,
    MappingOf,
    Number,
    Rate,
    Section,
    Text,
)
from lupusim.scenario.files.model import read_hazard
from lupusim.scenario.sections.by_field import declared, read_fields
from lupusim.trial import (
    Allocation,
    Dropout,
    Minimization,
    PermutedBlocks,
    Population,
    SimpleRandomization,
    Urn,
)
from lupusim.trial.allocation import ALLOCATIONS


def read_allocation(
    top: Section, population: Population
) -> tuple[Allocation | None, tuple[str, ...]]:
    """Return how patients are randomized (None for the default) and the factors stratified by."""
    section = top.section_or_empty("allocation")
    kind = section.read("method", Choice(ALLOCATIONS.names), "permuted_block")
    read = _ALLOCATIONS.get(kind) or partial(_by_field, ALLOCATIONS[kind])
    stratify_by: tuple[str, ...] = ()
    if read is _simple:
        fault = "simple randomization has none"
        section.refuse("stratify_by", fault, "Remove it, or the method.")
    else:
        stratify_by = section.read("stratify_by", ListOf(Text()), ())
    n_levels = tuple(len(population.level_names.get(name, ("",))) for name in stratify_by)
    make = read(section, n_levels)
    section.finish()
    return (make() if section.place.is_sound else None), stratify_by


def _by_field(
    kind: type[Allocation], section: Section, _: tuple[int, ...]
) -> Callable[[], Allocation | None]:
    """Return how a way without a reader of its own is made: its fields are the keys."""
    values = read_fields(section, kind)
    return lambda: section.build(lambda: kind(**values))


def _simple(section: Section, _: tuple[int, ...]) -> Callable[[], Allocation]:
    section.refuse("block_size", "simple randomization has none", "Remove it, or the method.")
    return SimpleRandomization


def _permuted_blocks(section: Section, _: tuple[int, ...]) -> Callable[[], Allocation | None]:
    block_size = section.read_or_none("block_size", Integer(at_least=1, at_most=10_000))
    return lambda: PermutedBlocks(block_size=block_size) if block_size else None


def _minimization(section: Section, n_levels: tuple[int, ...]) -> Callable[[], Allocation]:
    if not section.content.get("stratify_by"):
        section.place.child("stratify_by").report(
            "minimization balances factors, and none is named",
            "Name strata of the population, or write 'method: biased_coin'.",
        )
    probability = section.read("probability", declared(Minimization, "probability"))
    return lambda: Minimization(n_levels=n_levels, probability=probability)


def _urn(section: Section, _: tuple[int, ...]) -> Callable[[], Allocation]:
    start = section.read("start", Number(at_least=0), 0.0)
    added = section.read("added", Number(above=0), 1.0)
    return lambda: Urn(start=start, added=added)


_ALLOCATIONS: dict[str, Callable[[Section, tuple[int, ...]], Callable[[], Allocation | None]]] = {
    "permuted_block": _permuted_blocks,
    "simple": _simple,
    "minimization": _minimization,
    "urn": _urn,
}
"""Readers of the ways whose keys are not their fields."""


def read_dropout(top: Section) -> Dropout:
    """Return who leaves early; nobody where the file says nothing."""
    if not top.has("dropout"):
        return Dropout()
    section = top.section("dropout")
    per_year, hazard = 0.0, None
    if section.has("hazard"):
        hazard = read_hazard(section)
        section.refuse("per_year", "hazard is given as well", "Keep one of the two.")
    else:
        per_year = section.read("per_year", Rate())
    factors = {
        name: section.read(name, MappingOf(Number(at_least=0)), {})
        for name in ("by_state", "by_arm")
    }
    made = section.build(lambda: Dropout(per_year=per_year, hazard=hazard, **factors))
    return made or Dropout()
