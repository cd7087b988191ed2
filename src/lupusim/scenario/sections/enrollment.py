"""The enrollment of a scenario file: sites, regions, rates, a period."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from lupusim.common.spelling import near
from lupusim.scenario.document.section import (
    Choice,
    Duration,
    ListOf,
    Number,
    Section,
    Text,
)
from lupusim.scenario.sections.by_field import declared, read_fields
from lupusim.trial import (
    Enrollment,
    PiecewiseEnrollment,
    PoissonEnrollment,
    Region,
    RegionalEnrollment,
    UniformEnrollment,
)
from lupusim.trial.durations import MONTHS_PER_YEAR
from lupusim.trial.enrollment import ARRIVALS, ENROLLMENTS
from lupusim.trial.enrollment.arrival_pattern import RANDOM

_STAND_IN = UniformEnrollment(duration=1.0)
_RATE = declared(Region, "per_site_per_year")


def read_enrollment(top: Section) -> Enrollment:
    """Return when patients come; a stand-in where that cannot be read."""
    section = top.section("enrollment", like="10 per month")
    kind = section.read("kind", Choice(ENROLLMENTS.names), "poisson")
    if not section.has_kind() and not near(str(section.content.get("kind")), [*ENROLLMENTS]):
        return _STAND_IN
    failure = section.read("screen_failure", Number(at_least=0, below=1), 0.0)
    shared: dict[str, Any] = {
        "screened_per_patient": 1 / (1 - failure) if failure < 1 else 1.0,
        "arrivals": section.read("arrivals", Choice(ARRIVALS), RANDOM),
    }
    read = _ENROLLMENTS.get(kind, partial(_by_field, ENROLLMENTS[kind]))
    return section.build(read(section, shared)) or _STAND_IN


def _by_field(
    kind: type[Enrollment], section: Section, shared: dict[str, Any]
) -> Callable[[], Enrollment]:
    """Return how a kind without a reader of its own is made: its fields are the keys."""
    values = read_fields(section, kind, known=shared)
    return lambda: kind(**values, **shared)


def _poisson(section: Section, shared: dict[str, Any]) -> Callable[[], Enrollment]:
    sites, per_year, ramp_up = _read_sites(section)
    return lambda: PoissonEnrollment(
        sites=sites, per_site_per_year=per_year, ramp_up=ramp_up, **shared
    )


def _read_sites(section: Section) -> tuple[int, float, float]:
    """Return how many sites there are in the end, a site's rate per year, and the ramp-up.

    Where a rate of all sites is given they are one.
    """
    if section.has("per_month") and not section.has("sites"):
        return 1, section.read("per_month", _RATE) * MONTHS_PER_YEAR, _ramp_up(section)
    sites = section.read("sites", declared(Region, "sites"))
    if section.has("per_site_per_year") and not section.has("per_site_per_month"):
        per_year = section.read("per_site_per_year", _RATE)
    else:
        per_year = section.read("per_site_per_month", _RATE) * MONTHS_PER_YEAR
        section.refuse(
            "per_site_per_year", "per_site_per_month is given as well", "Keep one of the two."
        )
    section.refuse("per_month", "that is for a trial without 'sites'", "Remove one of the two.")
    return sites, per_year, _ramp_up(section)


def _ramp_up(section: Section) -> float:
    return float(section.read("ramp_up", declared(Region, "ramp_up"), 0.0))


def _regions(section: Section, shared: dict[str, Any]) -> Callable[[], Enrollment]:
    regions = tuple(map(_read_region, section.sections("regions", at_least=1)))
    pauses = []
    for pause in section.sections("pauses"):
        pauses.append((pause.read("begins", Duration()), pause.read("ends", Duration())))
        pause.finish()
    return lambda: RegionalEnrollment(
        regions=cast("tuple[Region, ...]", regions),
        pauses=tuple(pauses),
        **shared,
    )


def _read_region(section: Section) -> Region | None:
    """Return a region; None after reporting what is wrong with it."""
    sites, per_year, ramp_up = _read_sites(section)
    times = read_fields(section, Region, known=("sites", "per_site_per_year", "ramp_up"))
    section.read("name", Text(), "")
    return section.build(
        lambda: Region(sites=sites, per_site_per_year=per_year, ramp_up=ramp_up, **times)
    )


def _piecewise(section: Section, shared: dict[str, Any]) -> Callable[[], Enrollment]:
    breaks = section.read("breaks", ListOf(Duration(above=0)))
    per_month = section.read("per_month", ListOf(Number(at_least=0), at_least=1))
    return lambda: PiecewiseEnrollment(
        breaks=breaks,
        rates_per_year=tuple(MONTHS_PER_YEAR * rate for rate in per_month),
        **shared,
    )


_ENROLLMENTS: dict[str, Callable[[Section, dict[str, Any]], Callable[[], Enrollment]]] = {
    "poisson": _poisson,
    "regions": _regions,
    "piecewise": _piecewise,
}
"""Readers of the kinds whose keys are not their fields."""
