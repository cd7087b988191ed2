"""How a scenario's trial runs: enrollment, allocation, dropout."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

from lupusim.scenario.document.section import (
    Choice,
    Duration,
    Integer,
    ListOf,
    MappingOf,
    Number,
    Section,
    Text,
)
from lupusim.scenario.files.model import read_hazard
from lupusim.trial import (
    Allocation,
    BiasedCoin,
    Dropout,
    Enrollment,
    Minimization,
    PermutedBlocks,
    PiecewiseEnrollment,
    PoissonEnrollment,
    Population,
    Region,
    RegionalEnrollment,
    SimpleRandomization,
    UniformEnrollment,
    Urn,
)

_MONTHS_PER_YEAR = 12.0


def read_enrollment(top: Section) -> Enrollment:
    """Return when patients come; a stand-in where that cannot be read."""
    section = top.section("enrollment")
    kinds = {
        "poisson": _poisson,
        "regions": _regions,
        "uniform": _uniform,
        "piecewise": _piecewise,
    }
    read = section.read("kind", Choice(kinds), _poisson)
    failure = section.read("screen_failure", Number(at_least=0, below=1), 0.0)
    screened = 1 / (1 - failure) if failure < 1 else 1.0
    return section.build(read(section, screened)) or UniformEnrollment(duration=1.0)


def _poisson(section: Section, screened: float) -> Callable[[], Enrollment]:
    sites, per_year, ramp_up = _read_sites(section)
    return lambda: PoissonEnrollment(
        sites=sites, per_site_per_year=per_year, ramp_up=ramp_up, screened_per_patient=screened
    )


def _read_sites(section: Section) -> tuple[int, float, float]:
    """Return how many sites there are in the end, a site's rate per year, and the ramp-up."""
    sites = section.read("sites", Integer(at_least=1))
    if section.has("per_site_per_year") and not section.has("per_site_per_month"):
        per_year = section.read("per_site_per_year", Number(above=0))
    else:
        per_year = section.read("per_site_per_month", Number(above=0)) * _MONTHS_PER_YEAR
        section.refuse(
            "per_site_per_year", "per_site_per_month is given as well", "Keep one of the two."
        )
    return sites, per_year, section.read("ramp_up", Duration(), 0.0)


def _regions(section: Section, screened: float) -> Callable[[], Enrollment]:
    regions = tuple(map(_read_region, section.sections("regions", at_least=1)))
    pauses = []
    for pause in section.sections("pauses"):
        pauses.append((pause.read("begins", Duration()), pause.read("ends", Duration())))
        pause.finish()
    return lambda: RegionalEnrollment(
        regions=cast("tuple[Region, ...]", regions),
        pauses=tuple(pauses),
        screened_per_patient=screened,
    )


def _read_region(section: Section) -> Region | None:
    """Return a region; None after reporting what is wrong with it."""
    sites, per_year, ramp_up = _read_sites(section)
    opens = section.read("opens", Duration(), 0.0)
    closes = section.read("closes", Duration(above=0), math.inf)
    section.read("name", Text(), "")
    return section.build(
        lambda: Region(
            sites=sites, per_site_per_year=per_year, opens=opens, ramp_up=ramp_up, closes=closes
        )
    )


def _uniform(section: Section, screened: float) -> Callable[[], Enrollment]:
    duration = section.read("duration", Duration(above=0))
    return lambda: UniformEnrollment(duration=duration, screened_per_patient=screened)


def _piecewise(section: Section, screened: float) -> Callable[[], Enrollment]:
    breaks = section.read("breaks", ListOf(Duration(above=0)))
    per_month = section.read("per_month", ListOf(Number(at_least=0), at_least=1))
    return lambda: PiecewiseEnrollment(
        breaks=breaks,
        rates_per_year=tuple(_MONTHS_PER_YEAR * rate for rate in per_month),
        screened_per_patient=screened,
    )


def read_allocation(
    top: Section, population: Population
) -> tuple[Allocation | None, tuple[str, ...]]:
    """Return how patients are randomized (None for the default) and the factors stratified by."""
    section = top.section_or_empty("allocation")
    kinds = {
        "permuted_block": _permuted_blocks,
        "simple": _simple,
        "minimization": _minimization,
        "biased_coin": _biased_coin,
        "urn": _urn,
    }
    read = section.read("method", Choice(kinds), _permuted_blocks)
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
    probability = section.read("probability", Number(at_least=0, at_most=1))
    return lambda: Minimization(n_levels=n_levels, probability=probability)


def _biased_coin(section: Section, _: tuple[int, ...]) -> Callable[[], Allocation]:
    probability = section.read("probability", Number(at_least=0, at_most=1), 2 / 3)
    return lambda: BiasedCoin(probability=probability)


def _urn(section: Section, _: tuple[int, ...]) -> Callable[[], Allocation]:
    start = section.read("start", Number(at_least=0), 0.0)
    added = section.read("added", Number(above=0), 1.0)
    return lambda: Urn(start=start, added=added)


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
        per_year = section.read("per_year", Number(at_least=0))
    factors = {
        name: section.read(name, MappingOf(Number(at_least=0)), {})
        for name in ("by_state", "by_arm")
    }
    made = section.build(lambda: Dropout(per_year=per_year, hazard=hazard, **factors))
    return made or Dropout()
