"""What a scenario's trial wants to know: its endpoints, as a file names them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from lupusim.model import MultiStateModel
from lupusim.scenario.document.durations import format_duration
from lupusim.scenario.document.section import Choice, Duration, ListOf, Number, Place, Section, Text
from lupusim.scenario.outcomes import NOTHING_STATED, Statements
from lupusim.trial import Better, Endpoint, Responder, TimeToEvent
from lupusim.trial.endpoints import (
    EventCount,
    Hierarchy,
    MarkerChange,
    MarkerResponder,
    MissingChange,
    MissingTime,
    OrdinalState,
    SimpleEndpoint,
    SustainedResponder,
    TimeInStates,
)

_BETTER = Choice({"more": Better.MORE, "fewer": Better.FEWER})
_MISSING = Choice({missing.value: missing for missing in MissingChange})
_TIME_MISSING = Choice({missing.value: missing for missing in MissingTime})
_FIRST_REMISSION = "first_remission"
_RANDOMIZATION = "randomization"
_REMISSION = "remission"  # how the names of such states end
_TIME_TOLERANCE = 1e-9

Make = Callable[[], Endpoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What an endpoint's keys refer to."""

    model: MultiStateModel | None
    visits: tuple[float, ...]
    stated: Statements


def read_endpoints(
    top: Section,
    model: MultiStateModel | None,
    visits: tuple[float, ...],
    stated: Statements = NOTHING_STATED,
) -> tuple[Endpoint, tuple[Endpoint, ...]]:
    """Return the primary endpoint and the others; stand-ins where they cannot be read.

    Where outcomes are stated and no endpoints are named, each outcome is one, in their order.
    """
    if stated and not top.has("endpoints"):
        primary, *others = stated.endpoints(top, Responder(name="", states=("",), at=1.0))
        return primary, tuple(others)
    section = top.section("endpoints")
    around = _Around(model=model, visits=visits, stated=stated)
    primary = _read_endpoint(section.section("primary"), around)
    secondary = tuple(_read_endpoint(s, around) for s in section.sections("secondary"))
    section.finish()
    names = Counter(endpoint.name for endpoint in (primary, *secondary))
    for name in (name for name, count in names.items() if count > 1):
        section.place.report(f"{name!r} names more than one endpoint", "Give each its 'name:'.")
    return primary, secondary


def _read_endpoint(section: Section, around: _Around) -> Endpoint:
    return _read_one(section, around, {**_SIMPLE, "hierarchy": _hierarchy})


def _read_one(
    section: Section, around: _Around, kinds: dict[str, Callable[[Section, _Around], Make]]
) -> Endpoint:
    stand_in = Responder(name=section.place.key, states=("",), at=1.0)
    if not section.place.is_right:
        return stand_in
    if around.stated and section.has("outcome"):
        return around.stated.endpoint(section, stand_in)
    read = section.read("kind", Choice(kinds))
    if not section.place.child("kind").is_right:
        return stand_in
    return section.build(read(section, around)) or stand_in


def _responder(section: Section, around: _Around) -> Make:
    states = _states(section, "states")
    at = section.read("at", Duration(above=0))
    since = section.read_or_none("since", Duration())
    section.read("missing", Choice({"non_responder": None}), None)
    shown = _shown(at) if since is None else f"every visit from {_shown(since)} to {_shown(at)}"
    name = section.read("name", Text(), f"response at {shown}")
    better = section.read("better", _BETTER, Better.MORE)
    if since is None:
        return lambda: Responder(name=name, states=states, at=at, better=better)
    visits = _from_to(section, since, at, around.visits)
    return lambda: SustainedResponder(name=name, states=states, visits=visits, better=better)


def _from_to(
    section: Section, since: float, at: float, visits: tuple[float, ...]
) -> tuple[float, ...]:
    """Return the visits from one to another, both of which must be visits."""
    if not since < at:
        section.place.child("since").report(
            f"{_shown(since)} is not before {_shown(at)}", "Give an earlier visit."
        )
    between = [v for v in visits if since - _TIME_TOLERANCE <= v <= at + _TIME_TOLERANCE]
    return tuple(sorted({since, at, *_without(between, since, at)}))


def _without(times: list[float], *ends: float) -> list[float]:
    return [t for t in times if all(abs(t - end) > _TIME_TOLERANCE for end in ends)]


def _shown(time: float) -> str:
    return format_duration(time) if math.isfinite(time) else "a visit"


def _time_to_event(section: Section, around: _Around) -> Make:
    events = _states(section, "events")
    origin = _origin(section, around.model)
    competing = _states(section, "competing") if section.has("competing") else ()
    observed = section.read("observed", Choice({"exactly": (), "at_visits": around.visits}), ())
    if section.content.get("observed") == "at_visits" and not around.visits:
        section.place.child("observed").report("the trial has no visits", "Name them at the top.")
    name = section.read("name", Text(), f"time to {' or '.join(events)}")
    better = section.read("better", _BETTER, _usual(events))
    return lambda: TimeToEvent(
        name=name,
        events=events,
        origin=origin,
        competing=competing,
        visits=tuple(sorted(observed)),
        better=better,
    )


def _usual(events: tuple[str, ...]) -> Better:
    """Return which direction is good unless the file says it: remissions are hoped for."""
    return Better.MORE if all(e.endswith(_REMISSION) for e in events) else Better.FEWER


def _survival(section: Section, around: _Around) -> Make:
    events = (around.model.absorbing if around.model else None) or ("death",)
    name = section.read("name", Text(), "survival")
    return lambda: TimeToEvent(name=name, events=events)


def _event_count(section: Section, around: _Around) -> Make:
    del around
    events = _states(section, "events")
    until = section.read("until", Duration(above=0), math.inf)
    name = section.read("name", Text(), f"number of times in {' or '.join(events)}")
    better = section.read("better", _BETTER, _usual(events))
    return lambda: EventCount(name=name, events=events, until=until, better=better)


def _time_in_states(section: Section, around: _Around) -> Make:
    del around
    states = _states(section, "states")
    until = section.read("until", Duration(above=0))
    missing = section.read("missing", _TIME_MISSING, MissingTime.ELSEWHERE)
    name = section.read("name", Text(), f"years in {' or '.join(states)}")
    better = section.read("better", _BETTER, Better.MORE)
    return lambda: TimeInStates(
        name=name, states=states, until=until, missing=missing, better=better
    )


def _ordinal_state(section: Section, around: _Around) -> Make:
    del around
    ranking = section.read("ranking", ListOf(_Group(), at_least=2))
    at = section.read("at", Duration(above=0))
    missing = section.read("missing", Text(), "")
    name = section.read("name", Text(), f"rank of the state at {_shown(at)}")
    return lambda: OrdinalState(name=name, ranking=ranking, at=at, missing=missing)


@dataclass(frozen=True, slots=True)
class _Group:
    """A state, or a list of states that rank alike."""

    def parse(self, value: object, place: Place) -> tuple[str, ...]:
        """Return the states."""
        return ListOf(Text(), at_least=1).parse([value] if isinstance(value, str) else value, place)


def _marker_change(section: Section, around: _Around) -> Make:
    del around
    at = section.read("at", Duration(above=0))
    missing = section.read("missing", _MISSING, MissingChange.NO_CHANGE)
    name = section.read("name", Text(), f"change of the marker at {_shown(at)}")
    better = section.read("better", _BETTER, Better.FEWER)
    return lambda: MarkerChange(name=name, at=at, missing=missing, better=better)


def _marker_responder(section: Section, around: _Around) -> Make:
    del around
    at = section.read("at", Duration(above=0))
    fall = section.read("fall", Number(above=0))
    name = section.read("name", Text(), f"fall of the marker by {fall:g} at {_shown(at)}")
    better = section.read("better", _BETTER, Better.MORE)
    return lambda: MarkerResponder(name=name, at=at, fall=fall, better=better)


def _hierarchy(section: Section, around: _Around) -> Make:
    levels = tuple(_read_one(s, around, _SIMPLE) for s in section.sections("levels", at_least=2))
    simple = tuple(level for level in levels if isinstance(level, SimpleEndpoint))
    asked = [replace(level, name="") for level in simple]
    if any(level in asked[:number] for number, level in enumerate(asked)):
        section.place.child("levels").report(
            "a level asks the same as one above it, so it never decides", "Remove it."
        )
    name = section.read("name", Text(), ", then ".join(level.name for level in levels))
    return lambda: Hierarchy(name=name, levels=simple)


_SIMPLE: dict[str, Callable[[Section, _Around], Make]] = {
    "responder": _responder,
    "time_to_event": _time_to_event,
    "survival": _survival,
    "event_count": _event_count,
    "time_in_states": _time_in_states,
    "ordinal_state": _ordinal_state,
    "marker_change": _marker_change,
    "marker_responder": _marker_responder,
}


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
    remissions = tuple(s for s in (model.states if model else ()) if s.endswith(_REMISSION))
    if model is not None and not remissions:
        fault = "the model has no state whose name ends in 'remission'"
        section.place.child("origin").report(fault, "Name the states, or 'randomization'.")
    return remissions
