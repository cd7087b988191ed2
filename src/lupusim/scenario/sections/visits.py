"""How a scenario's trial watches its patients: the visits' conduct, and what intervenes."""

from __future__ import annotations

import math

from lupusim.scenario.document.section import Choice, MappingOf, Number, Section, Text
from lupusim.scenario.sections.by_field import declared, read_fields
from lupusim.trial.observation import IntercurrentEvent, Marker, Strategy, VisitConduct

_PROBABILITY = Number(at_least=0, at_most=1)


def read_visit_conduct(top: Section) -> VisitConduct:
    """Return how visits go; perfect ones where the file says nothing."""
    section = top.section_or_empty("visit_conduct")
    values = read_fields(section, VisitConduct, known=("misread",))
    misread = section.read("misread", MappingOf(MappingOf(_PROBABILITY)), {})
    made = section.build(lambda: VisitConduct(misread=misread, **values))
    return made or VisitConduct()


def read_intercurrent_events(top: Section) -> tuple[IntercurrentEvent, ...]:
    """Return what may strike between visits; nothing where the file says nothing."""
    section = top.section_or_empty("intercurrent_events")
    events = tuple(_read_event(section.section(name)) for name in _names(section))
    section.finish()
    return tuple(event for event in events if event is not None)


def _names(section: Section) -> list[str]:
    return [name for name in section.content if name not in section.common]


def _read_event(section: Section) -> IntercurrentEvent | None:
    name = section.place.key.rpartition(".")[2]
    hazards = section.read("hazard_per_year", MappingOf(Number(at_least=0)))
    strategies = Choice({strategy.value: strategy for strategy in Strategy})
    strategy = section.read("strategy", strategies)
    by_endpoint = section.read("by_endpoint", MappingOf(strategies), {})
    return section.build(
        lambda: IntercurrentEvent(
            name=name, hazard_per_year=hazards, strategy=strategy, by_endpoint=by_endpoint
        )
    )


def read_marker(top: Section) -> Marker | None:
    """Return the score measured at visits; None where the file names none."""
    if not top.has("marker"):
        return None
    section = top.section("marker")
    name = section.read("name", Text(), "marker")
    states = section.section("by_state")
    values = {state: _read_spread(states.section(state)) for state in _names(states)}
    states.finish()
    correlation = section.read("correlation", declared(Marker, "correlation"))
    lowest = section.read("lowest", Number(), -math.inf)
    baseline = section.read("baseline", Text(), "")
    return section.build(
        lambda: Marker(
            name=name,
            mean={state: mean for state, (mean, _) in values.items()},
            sd={state: sd for state, (_, sd) in values.items()},
            correlation=correlation,
            lowest=lowest,
            baseline=baseline,
        )
    )


def _read_spread(section: Section) -> tuple[float, float]:
    """Return mean and standard deviation of the marker in one state."""
    spread = section.read("mean", Number()), section.read("sd", Number(at_least=0))
    section.finish()
    return spread
