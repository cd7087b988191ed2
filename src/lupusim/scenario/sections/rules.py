"""Rules by which a trial changes while it runs: what a scenario file says of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lupusim.scenario.document.section import Choice, ListOf, Number, Section
from lupusim.scenario.sections.by_field import build_by_fields, read_fields
from lupusim.scenario.sections.two_stage import read_enrichment, read_gate, read_selection
from lupusim.simulation.adaptation import (
    Against,
    BayesianResponse,
    Shares,
)
from lupusim.trial import Endpoint
from lupusim.trial.adaptation import ADAPTATIONS, Adaptation


def read_rule(section: Section, endpoints: Sequence[Endpoint]) -> Adaptation | None:
    """Return the rule; None after reporting what is wrong."""
    readers: dict[str, Callable[[Section], Adaptation | None]] = {
        "bayesian_response": _bayesian,
        "select_arms": lambda section: read_selection(section, endpoints),
        "enrichment": read_enrichment,
        "gate": lambda section: read_gate(section, endpoints),
    }
    kinds = Choice(ADAPTATIONS.names)
    kind = section.read("kind", kinds)
    if not section.place.is_right or not section.has_kind():
        return None
    read = readers.get(kind)
    return read(section) if read else build_by_fields(section, ADAPTATIONS[kind])


def _bayesian(section: Section) -> Adaptation | None:
    values = read_fields(section, BayesianResponse, known=("against", "prior", "shares"))
    against = section.read("against", Choice({a.value: a for a in Against}), Against.CONTROL)
    prior = section.read("prior", ListOf(Number(above=0)), (1.0, 1.0))
    shares = _shares(section.section_or_empty("shares"))
    if len(prior) != 2 and section.place.is_sound:
        section.place.child("prior").report(f"{len(prior)} numbers are given", "Give two.")
    first, second = (*prior, 1.0, 1.0)[:2]
    return section.build(
        lambda: BayesianResponse(against=against, prior=(first, second), shares=shares, **values)
    )


def _shares(section: Section) -> Shares:
    values = read_fields(section, Shares)
    if values["power"] == 0:
        for name in ("grows", "least", "most", "control"):
            fault = "with power 0 the arms keep the planned ratio, and no share is limited"
            section.refuse(name, fault, "Give a 'power' above 0, or remove it.")
    return section.build(lambda: Shares(**values)) or Shares()
