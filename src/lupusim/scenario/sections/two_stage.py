"""Arms selected, a population enriched, a gate: what a scenario file says of them."""

from __future__ import annotations

from collections.abc import Sequence

from lupusim.analysis.registry import plain_tests
from lupusim.common.spelling import nearest
from lupusim.scenario.document.section import Choice, Flag, Integer, ListOf, Number, Section, Text
from lupusim.scenario.sections.by_field import declared
from lupusim.simulation.adaptation import (
    ByDifference,
    ByThresholds,
    Enrichment,
    Gate,
    GateMeasure,
    Judged,
    Measure,
    SelectArms,
)
from lupusim.trial import Endpoint, TestMethod
from lupusim.trial.adaptation import Intersection
from lupusim.trial.multiplicity import Hypothesis

_OF_ARMS = (Intersection.DUNNETT, Intersection.SIMES, Intersection.BONFERRONI)
_OF_SUBGROUPS = (Intersection.SIMES, Intersection.SPIESSENS_DEBOIS, Intersection.BONFERRONI)


def read_selection(section: Section, endpoints: Sequence[Endpoint]) -> SelectArms | None:
    """Return how arms are chosen; None after reporting what is wrong."""
    keep = section.read_or_none("keep", declared(SelectArms, "keep"))
    epsilon = section.read_or_none("epsilon", declared(SelectArms, "epsilon"))
    at_least = section.read_or_none("at_least", Number())
    by = section.read("by", Choice({one.value: one for one in Judged}), Judged.Z)
    early = None
    if section.has("on"):
        below = section.section("on")
        early = _read_early(below, endpoints)
        below.finish()
    reallocate = section.read("reallocate", Flag(), False)
    intersections = _read_intersections(section, _OF_ARMS)
    weights, first_events = _read_stages(section)
    early_alpha = section.read("early_alpha", Number(above=0, below=1), 0.0)
    return section.build(
        lambda: SelectArms(
            keep=keep,
            epsilon=epsilon,
            at_least=at_least,
            by=by,
            early=early,
            reallocate=reallocate,
            intersections=intersections,
            weights=weights,
            first_events=first_events,
            early_alpha=early_alpha,
        )
    )


def read_enrichment(section: Section) -> Enrichment | None:
    """Return how a population is enriched; None after reporting what is wrong."""
    factor = section.read("factor", Text())
    level = section.read("level", Text())
    choice = _read_choice(section)
    intersections = _read_intersections(section, _OF_SUBGROUPS)
    weights, first_events = _read_stages(section)
    early_alpha = section.read("early_alpha", Number(above=0, below=1), 0.0)
    section.finish()
    if choice is None:
        return None
    return section.build(
        lambda: Enrichment(
            factor=factor,
            level=level,
            choice=choice,
            intersections=intersections,
            weights=weights,
            first_events=first_events,
            early_alpha=early_alpha,
        )
    )


def _read_choice(section: Section) -> ByThresholds | ByDifference | None:
    """Return the rule of an enrichment: thresholds, or a difference."""
    given = [name for name in ("everybody", "difference") if section.has(name)]
    if len(given) != 1:
        fix = "Give 'everybody' and 'subgroup' (thresholds), or 'difference' of the z."
        section.place.report(f"{len(given)} rules say who is enrolled further", fix)
        for name in ("subgroup", "by", "at_least"):
            section.has(name)
        return None
    if given == ["difference"]:
        for name in ("subgroup", "by"):
            section.refuse(name, "a difference of z needs none", "Remove it.")
        difference = section.read("difference", Number())
        at_least = section.read_or_none("at_least", Number())
        if not section.place.is_sound:
            return None
        return ByDifference(difference=difference, at_least=at_least)
    section.refuse("at_least", "the thresholds say when to stop", "Remove it.")
    measure = section.read("by", Choice({one.value: one for one in Measure}), Measure.Z)
    limits = Number(at_least=0, at_most=1) if measure is Measure.CONDITIONAL_POWER else Number()
    everybody = section.read("everybody", limits)
    subgroup = section.read("subgroup", limits)
    if not section.place.is_sound:
        return None
    return ByThresholds(everybody=everybody, subgroup=subgroup, measure=measure)


def read_gate(section: Section, endpoints: Sequence[Endpoint]) -> Gate | None:
    """Return what must be shown early; None after reporting what is wrong."""
    early = _read_early(section, endpoints)
    look = section.read("look", Integer(at_least=1), 1)
    given = [measure for measure in GateMeasure if section.has(measure.value)]
    if len(given) != 1:
        fix = f"Give one of {', '.join(measure.value for measure in GateMeasure)}."
        section.place.report(f"{len(given)} thresholds are given", fix)
        section.finish()
        return None
    (measure,) = given
    limits = Number(above=0, below=1) if measure is GateMeasure.POSTERIOR else Number()
    at_least = section.read(measure.value, limits)
    return section.build(lambda: Gate(early=early, measure=measure, at_least=at_least, look=look))


def _read_early(section: Section, endpoints: Sequence[Endpoint]) -> Hypothesis:
    """Return an endpoint that is judged early, and its test."""
    name = section.read("endpoint", Text())
    kind: TestMethod = section.read("test", Choice(plain_tests()))
    test = str(section.content.get("test"))
    names = [endpoint.name for endpoint in endpoints]
    here = section.place.child("endpoint")
    if here.is_right and name not in names:
        here.report(f"there is no endpoint {name!r}", nearest(name, names))
    for endpoint in endpoints:
        asked = section.place.child("test")
        if endpoint.name != name or not asked.is_right:
            continue
        if kind.outcome is not endpoint.outcome:
            fits = ", ".join(k for k, t in plain_tests().items() if t.outcome is endpoint.outcome)
            asked.report(f"{test!r} does not test what {name!r} is", f"Valid: {fits}.")
        elif kind.required or kind.strata == "needed":
            asked.report(f"{test!r} needs more than its name", "Use a test without parameters.")
    return Hypothesis(endpoint=name, name=test, test=kind, effect=kind.effect)


def _read_intersections(section: Section, known: Sequence[Intersection]) -> Intersection:
    names = Choice({one.value: one for one in known})
    found: Intersection = section.read("intersections", names, known[0])
    return found


def _read_stages(section: Section) -> tuple[tuple[float, float] | None, int | None]:
    """Return the squared weights of the stages, and the events of the first."""
    first_events = section.read_or_none("first_events", declared(SelectArms, "first_events"))
    if not section.has("weights"):
        return None, first_events
    weights = section.read("weights", ListOf(Number(above=0, below=1)))
    if len(weights) != 2 and section.place.child("weights").is_sound:
        fault = f"there are two stages, and {len(weights)} weights"
        section.place.child("weights").report(fault, "Give two that sum to 1.")
        return None, first_events
    first, second = (*weights, 0.5, 0.5)[:2]
    return (first, second), first_events
