"""The effects of a scenario file: a ratio, a dose response, or pieces."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from lupusim.common.spelling import nearest
from lupusim.model import Effect, MultiStateModel, PiecewiseEffect, TreatmentEffect
from lupusim.scenario.document.content import at
from lupusim.scenario.document.section import (
    Duration,
    Edge,
    ListOf,
    Number,
    Place,
    Section,
)
from lupusim.scenario.sections.by_field import declared
from lupusim.scenario.sections.population import read_edges
from lupusim.trial import Infusions, Lots

if TYPE_CHECKING:
    from lupusim.model import Transition
    from lupusim.model.cycles import Move

    Ways = Iterable[Transition] | Iterable[Move]

Edges = tuple[tuple[str, str], ...]
"""Transitions, by the states they lead from and to."""
AnyEffect = TypeVar("AnyEffect")
_SHAPE = ("onset", "lasts", "half_life")


def read_effects(
    around: Section,
    ways: Ways | None,
    read_one: Callable[[Section, Edges], AnyEffect | None],
) -> tuple[AnyEffect, ...]:
    """Return what the effects in a section do, but for those where that is unclear.

    Parameters
    ----------
    around : Section
        What has the key ``effects``.
    ways : iterable of Transition or Move, or None
        Those of the model; None where no model is known.
    read_one : callable
        Reads an effect, whose transitions it is given.
    """
    found = []
    for section in around.sections("effects"):
        on = read_edges(section)
        _report_unknown(section.place.child("on"), on, ways)
        found.append(read_one(section, on))
    return tuple(effect for effect in found if effect is not None)


def read_effect(
    section: Section, on: Edges, cells_per_kg: float | None = None
) -> TreatmentEffect | PiecewiseEffect | None:
    """Return what a treatment does to some transitions; None where that is unclear.

    Parameters
    ----------
    section : Section
        The effect in the file.
    on : tuple of (str, str)
        The transitions.
    cells_per_kg : float or None
        The arm's dose, for a dose response; None without infusions.
    """
    if section.has("pieces"):
        return _read_pieces(section, on)
    ratio = _read_ratio(section, cells_per_kg)
    course = read_course(section)
    return section.build(lambda: TreatmentEffect(on=on, hazard_ratio=ratio, **course))


def read_course(section: Section) -> dict[str, Any]:
    """Return when an effect begins, how long it lasts, and how it fades."""
    onset = section.read("onset", Duration(), 0.0)
    lasts = section.read("lasts", Duration(), math.inf)
    half_life = section.read_or_none("half_life", Duration(above=0))
    if half_life is not None and not section.has("lasts"):
        fault = "an effect that lasts for good cannot fade"
        section.place.child("half_life").report(fault, "Add 'lasts:', such as '18 months'.")
    return {"onset": onset, "lasts": lasts, "half_life": half_life}


def _read_ratio(section: Section, cells_per_kg: float | None) -> float:
    """Return the full hazard ratio, as it is given or from the dose."""
    if not section.has("emax"):
        return section.read("hazard_ratio", Number(at_least=0))
    section.refuse("hazard_ratio", "emax is given as well", "Keep one of the two.")
    below = section.section("emax")
    most = below.read("log_hazard_ratio", Number())
    ed50 = below.read("ed50", Number(above=0))
    hill = below.read("hill", Number(above=0), 1.0)
    below.finish()
    if cells_per_kg is None:
        fix = "Give a 'hazard_ratio:'; or, in an arm, add 'infusions:' with 'cells_per_kg:'."
        below.place.report("there are no infusions, so no dose", fix)
    if cells_per_kg is None or not below.place.is_sound or not cells_per_kg > 0:
        return 1.0
    return math.exp(emax(cells_per_kg, most=most, ed50=ed50, hill=hill))


def emax(cells_per_kg: float, *, most: float, ed50: float, hill: float = 1.0) -> float:
    r"""Return the log hazard ratio of a dose.

    .. math:: \log HR(d) = E_{max} \frac{d^h}{d^h + ED_{50}^h}

    Parameters
    ----------
    cells_per_kg : float
        The dose :math:`d` of each infusion, above 0.
    most : float
        :math:`E_{max}`, the log hazard ratio that no dose exceeds.
    ed50 : float
        Dose that has half of it, above 0.
    hill : float
        Steepness :math:`h`, above 0.

    References
    ----------
    MacDougall (2006), in Ting (ed.), *Dose Finding in Drug Development*, chapter 9.

    Examples
    --------
    >>> emax(1e6, most=-0.8, ed50=1e6)
    -0.4
    """
    exponent = hill * (math.log(ed50) - math.log(cells_per_kg))
    return most / (1 + math.exp(min(exponent, 700.0)))


def _read_pieces(section: Section, on: Edges) -> PiecewiseEffect | None:
    for name in ("hazard_ratio", "emax", *_SHAPE):
        section.refuse(name, "the pieces say it all", "Remove it, or the pieces.")
    pieces = section.sections("pieces", at_least=1)
    ratios, breaks = [], []
    for piece in pieces:
        ratios.append(piece.read("hazard_ratio", Number(at_least=0)))
        if piece is pieces[-1]:
            piece.refuse("until", "the last piece has no end", "Remove it, or add a piece.")
        else:
            breaks.append(piece.read("until", Duration(above=0)))
        piece.finish()
    return section.build(lambda: PiecewiseEffect(on=on, breaks=tuple(breaks), ratios=tuple(ratios)))


def _report_unknown(place: Place, on: Edges, ways: Ways | None) -> None:
    """Report every transition that the model has not, where one is known."""
    if ways is None:
        return
    labels = [way.label for way in ways]
    for k, edge in enumerate(on):
        if all(edge) and (label := " -> ".join(edge)) not in labels:
            place.child(k).report(f"the model has no transition {label!r}", nearest(label, labels))


def _doses_of_the_supply(section: Section) -> int | None:
    """Return the doses of a lot of the scenario's supply; None without one, or a right one."""
    doses = at(section.place.document.content, "supply", "lots", "doses")
    return doses if isinstance(doses, int) and doses >= 1 else None


def read_lots(
    arm: Section,
    infusions: Infusions | None,
    *,
    effects: Sequence[Effect],
    model: MultiStateModel | None,
) -> Infusions | None:
    """Return the infusions with the lots they come from; by default those act as the effects do."""
    if infusions is None or not arm.section("infusions").has("lots"):
        return infusions
    section = arm.section("infusions").section("lots")
    of_the_supply = _doses_of_the_supply(section)
    if of_the_supply is None or section.has("doses"):
        doses = section.read("doses", declared(Lots, "doses"))
    else:
        doses = of_the_supply
    sd = section.read("sd", declared(Lots, "sd"))
    edges = ListOf(Edge(), at_least=1)
    raises = section.read("raises", edges, ())
    lowers = section.read("lowers", edges, ())
    ways = None if model is None else model.transitions
    for name, on in (("raises", raises), ("lowers", lowers)):
        _report_unknown(section.place.child(name), on, ways)
    if not (raises or lowers):
        raises = tuple(edge for e in effects if e.hazard_ratio >= 1 for edge in e.on)
        lowers = tuple(edge for e in effects if e.hazard_ratio < 1 for edge in e.on)
    lots = section.build(lambda: Lots(doses=doses, sd=sd, raises=raises, lowers=lowers))
    return replace(infusions, lots=lots)
