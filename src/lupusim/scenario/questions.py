"""What a scenario's trial asks: endpoints, and the test that decides."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from lupusim.analysis.decisions import TESTS, TestKind
from lupusim.analysis.endpoints import outcome_kind
from lupusim.analysis.outcomes import (
    BinaryOutcome,
    CountOutcome,
    HierarchicalOutcome,
    NumberOutcome,
    Outcome,
    SurvivalOutcome,
)
from lupusim.model import MultiStateModel
from lupusim.scenario.durations import format_duration
from lupusim.scenario.reading import (
    Choice,
    Duration,
    Integer,
    ListOf,
    Number,
    Place,
    Section,
    Text,
)
from lupusim.trial import Analysis, Better, Endpoint, Responder, TimeToEvent
from lupusim.trial.design import KnownEffect, SimulatedEffect

_BETTER = Choice({"more": Better.MORE, "fewer": Better.FEWER})
_FIRST_REMISSION = "first_remission"
_RANDOMIZATION = "randomization"
_PARAMETERS: dict[str, Number | Duration] = {
    "margin": Number(at_least=0),
    "rho": Number(at_least=0),
    "gamma": Number(at_least=0),
    "until": Duration(above=0),
    "at": Duration(above=0),
}
_WORDS: dict[type[Outcome], str] = {
    BinaryOutcome: "a response at a visit",
    SurvivalOutcome: "a time to an event",
    NumberOutcome: "a number",
    CountOutcome: "a number of events",
    HierarchicalOutcome: "a hierarchy of outcomes",
}


def read_endpoints(
    top: Section, model: MultiStateModel | None
) -> tuple[Endpoint, tuple[Endpoint, ...]]:
    """Return the primary endpoint and the others; stand-ins where they cannot be read."""
    section = top.section("endpoints")
    primary = _read_endpoint(section.section("primary"), model)
    secondary = tuple(_read_endpoint(s, model) for s in section.sections("secondary"))
    section.finish()
    names = Counter(endpoint.name for endpoint in (primary, *secondary))
    for name in (name for name, count in names.items() if count > 1):
        section.place.report(f"{name!r} names more than one endpoint", "Give each its 'name:'.")
    return primary, secondary


def _read_endpoint(section: Section, model: MultiStateModel | None) -> Endpoint:
    kinds = {"responder": _responder, "time_to_event": _time_to_event, "survival": _survival}
    stand_in = Responder(name=section.place.key, states=("",), at=1.0)
    if not section.place.is_right:
        return stand_in
    read = section.read("kind", Choice(kinds))
    if not section.place.child("kind").is_right:
        return stand_in
    return section.build(read(section, model)) or stand_in


def _responder(section: Section, model: MultiStateModel | None) -> Callable[[], Endpoint]:
    del model
    states = _states(section, "states")
    at = section.read("at", Duration(above=0))
    section.read("missing", Choice({"non_responder": None}), None)
    shown = format_duration(at) if math.isfinite(at) else "a visit"
    name = section.read("name", Text(), f"response at {shown}")
    better = section.read("better", _BETTER, Better.MORE)
    return lambda: Responder(name=name, states=states, at=at, better=better)


def _time_to_event(section: Section, model: MultiStateModel | None) -> Callable[[], Endpoint]:
    events = _states(section, "events")
    origin = _origin(section, model)
    competing = _states(section, "competing") if section.has("competing") else ()
    name = section.read("name", Text(), f"time to {' or '.join(events)}")
    better = section.read("better", _BETTER, Better.FEWER)
    return lambda: TimeToEvent(
        name=name, events=events, origin=origin, competing=competing, better=better
    )


def _survival(section: Section, model: MultiStateModel | None) -> Callable[[], Endpoint]:
    events = (model.absorbing if model else None) or ("death",)
    name = section.read("name", Text(), "survival")
    return lambda: TimeToEvent(name=name, events=events)


def _states(section: Section, name: str) -> tuple[str, ...]:
    """Return one state or a list of them."""
    if isinstance(section.content.get(name), str):
        return (section.read(name, Text()),)
    return section.read(name, ListOf(Text(), at_least=1))


def _origin(section: Section, model: MultiStateModel | None) -> tuple[str, ...]:
    """Return the states whose first entry starts the clock; none for randomization."""
    if not section.has("origin") or section.content["origin"] == _RANDOMIZATION:
        return ()
    if section.content["origin"] != _FIRST_REMISSION:
        return _states(section, "origin")
    remissions = tuple(s for s in (model.states if model else ()) if s.endswith("remission"))
    if model is not None and not remissions:
        fault = "the model has no state whose name ends in 'remission'"
        section.place.child("origin").report(fault, "Name the states, or 'randomization'.")
    return remissions


def read_analysis(
    top: Section, primary: Endpoint, allocation_strata: tuple[str, ...] = ()
) -> Analysis | None:
    """Return the test that decides; None where the file names none.

    A test that is stratified by its nature takes the allocation's strata where the file
    names none.
    """
    if not top.has("analysis"):
        return None
    section = top.section("analysis")
    kind: TestKind = section.read("test", Choice(TESTS))
    if section.place.is_right and section.place.child("test").is_right:
        _check_fit(section, primary)
    alpha = section.read("alpha", Number(above=0, below=1), 0.025)
    sided = section.read("sided", Integer(at_least=1, at_most=2), 1)
    section.has("multiplicity")  # read where the arms are known
    values = _read_parameters(section, kind)
    _check_sides(section, kind, values, sided)
    stratify_by = _read_strata(section, kind, allocation_strata)
    truth = section.read("true_effect", _TrueEffect(), None)
    name = str(section.content.get("test"))
    made = section.build(
        lambda: Analysis(
            name=name,
            test=kind.with_parameters(values),
            effect=kind.effect,
            alpha=alpha,
            sided=sided,
            stratify_by=stratify_by,
            truth=truth,
        )
    )
    return made or Analysis(name=name, test=kind.test, effect=kind.effect)


def _read_parameters(section: Section, kind: TestKind) -> dict[str, float]:
    """Return the parameters that the file gives for its test."""
    values = {name: section.read(name, _PARAMETERS[name]) for name in kind.required}
    values |= {
        name: section.read(name, _PARAMETERS[name]) for name in kind.optional if section.has(name)
    }
    known = (*kind.required, *kind.optional)
    for name in _PARAMETERS.keys() - set(known):
        section.refuse(
            name, "the test has no such parameter", f"Its own: {', '.join(known) or 'none'}."
        )
    return values


def _check_sides(section: Section, kind: TestKind, values: dict[str, float], sided: int) -> None:
    """Report a margin of a two-sided test: non-inferiority has one side."""
    default = getattr(kind.test, "margin", None)
    if sided == 2 and values.get("margin", default) != default:
        fault = "a margin asks whether one arm is not worse, which has one side"
        section.place.child("margin").report(fault, "Write 'sided: 1', or remove the margin.")


def _read_strata(
    section: Section, kind: TestKind, allocation_strata: tuple[str, ...]
) -> tuple[str, ...]:
    default = allocation_strata if kind.strata == "needed" else ()
    stratify_by = section.read("stratify_by", ListOf(Text()), default)
    if kind.strata == "none" and stratify_by:
        able = ", ".join(n for n, k in TESTS.items() if k.strata != "none" and _same(k, kind))
        section.place.child("stratify_by").report(
            f"{section.content['test']!r} takes no strata",
            f"Remove it, or use {able}." if able else "Remove it.",
        )
    return stratify_by


def _same(kind: TestKind, other: TestKind) -> bool:
    return kind.outcome is other.outcome


@dataclass(frozen=True, slots=True)
class _TrueEffect:
    """``simulated``, or a number on the scale of the test's estimate."""

    def parse(self, value: object, place: Place) -> KnownEffect | SimulatedEffect | None:
        """Return what estimates are compared with."""
        if value == "simulated":
            return SimulatedEffect()
        number = Number().parse(value, place)
        return KnownEffect(value=number) if place.is_right else None


def _check_fit(section: Section, primary: Endpoint) -> None:
    """Report a test that does not take the primary endpoint's kind of outcome."""
    name = str(section.content["test"])
    outcome = outcome_kind(primary)
    endpoint_is_sound = not any(
        problem.key.startswith("endpoints.primary") for problem in section.place.problems
    )
    if endpoint_is_sound and TESTS[name].outcome is not outcome:
        fits = [k for k, t in TESTS.items() if t.outcome is outcome]
        section.place.child("test").report(
            f"{name!r} does not test {_WORDS[outcome]}, which the primary endpoint is",
            f"Valid: {', '.join(fits)}.",
        )
