"""A scenario's looks: when the data are cut, and the bounds at which the trial stops."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from lupusim.common.frozen import dataclass
from lupusim.scenario.document.section import Choice, Duration, Integer, Number, Section
from lupusim.scenario.sections.by_field import build_by_fields
from lupusim.trial import (
    AfterLastPatient,
    AfterPatients,
    Analysis,
    Arm,
    AtCalendarTime,
    AtEvents,
    Cutoff,
    Endpoint,
    WhenAll,
    WhenAny,
)
from lupusim.trial.looks import TIMINGS, AtEventsOf, Limited

_LIMITS = ("gap", "latest", "extension")
_WAYS = ("events", "calendar_time", "last_patient", "patients", "information", "all", "any")
_ALL_INFORMATION = 1.0
_MANY_EVENTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the looks are about: the parts of the scenario that they depend on."""

    primary: Endpoint
    n_patients: int
    follow_up: float
    analysis: Analysis | None
    secondary: tuple[Endpoint, ...] = ()
    arms: tuple[Arm, ...] = ()


def read_looks(top: Section, question: Question) -> dict[str, Any]:
    """Return the trial's `cutoff`, `interims` and `stopping`; stand-ins where unreadable."""
    sections = top.sections("looks")
    if not sections:
        return {"cutoff": _end(question), "interims": (), "stopping": None}
    from lupusim.scenario.analysis.bounds import read_stopping

    final = _timed(sections[-1], question, None)
    if not sections[-1].place.is_sound:  # the others are read as if it were a number of events
        final = AtEvents(events=_MANY_EVENTS)
    interims = tuple(_timed(section, question, final) for section in sections[:-1])
    if sections[0].section("when").has("gap"):
        place = sections[0].section("when").place.child("gap")
        place.report("there is no look before the first one", "Remove it, or use 'calendar_time'.")
    planned = _fractions((*interims, final), question)
    stopping = read_stopping(sections, question.primary, question.analysis, planned)
    for section in sections:
        for name in _LIMITS:
            fix = f"Write it there, such as 'when: {{events: 100, {name}: 6 months}}'."
            section.refuse(name, "it stands inside 'when'", fix)
        section.finish()
    return {"cutoff": final, "interims": interims, "stopping": stopping}


def _end(question: Question) -> Cutoff:
    """Return the end of everybody's follow-up; 1 year stands in for what cannot be read."""
    follow_up = question.follow_up
    return AfterLastPatient(follow_up=follow_up if 0 < follow_up < math.inf else 1.0)


def _fractions(looks: tuple[Cutoff, ...], question: Question) -> tuple[float, ...]:
    """Return the planned information of the looks; equal steps where it is not known."""
    counts: list[float | None] = [look.primary_events for look in looks]
    if question.primary.due_time is not None:
        waits = [part.after_patients for look in looks[:-1] for part in look.parts()]
        counts = [*(float(wait[0]) for wait in waits if wait), float(question.n_patients)]
    known = [float(n) for n in counts if n is not None]
    rising = len(known) == len(looks) and all(a < b for a, b in pairwise(known))
    steps = known if rising else [float(k) for k in range(1, len(looks) + 1)]
    return tuple(n / steps[-1] for n in steps)


def _timed(look: Section, question: Question, final: Cutoff | None) -> Cutoff:
    """Return when a look happens, within its limits; `final` is the last look's, or None."""
    when = look.section("when")
    gap = when.read("gap", Duration(above=0), 0.0)
    latest = when.read("latest", Duration(above=0), math.inf)
    extension = when.read("extension", Duration(above=0), 0.0)
    if not any(when.has(name) for name in _LIMITS):
        return _when(when, question, final)
    if final is not None and when.content.get("information") == _ALL_INFORMATION:
        when.place.report(
            "the limits are those of a look that has all the information of the last one",
            "Give the limits at the last look, and remove this one.",
        )
    clock = _when(when, question, final).without_limits
    made = when.build(lambda: Limited(clock=clock, gap=gap, latest=latest, extension=extension))
    return made or clock


def _when(when: Section, question: Question, final: Cutoff | None) -> Cutoff:
    """Return when a look happens; `final` is the last look's cutoff, None for itself."""
    readers: dict[str, Callable[[], Cutoff | None]] = {
        "events": lambda: _events(when, question),
        "calendar_time": lambda: AtCalendarTime(time=_years(when, "calendar_time")),
        "last_patient": lambda: AfterLastPatient(follow_up=_years(when, "last_patient")),
        "patients": lambda: _patients(when),
        "information": lambda: _information(when, question, final),
        "all": lambda: WhenAll(conditions=_conditions(when, "all", question, final)),
        "any": lambda: WhenAny(conditions=_conditions(when, "any", question, final)),
    }
    given = [name for name in _WAYS if when.has(name)]
    given = given or [name for name in TIMINGS if when.has(name)]  # what no reader knows
    if len(given) == 1:
        read = readers.get(given[0])
        cutoff = read() if read else build_by_fields(when, TIMINGS[given[0]])
        when.finish()
        return cutoff if cutoff is not None and when.place.is_sound else _end(question)
    when.finish()
    if when.place.is_sound:
        fix = f"Give one of {', '.join(dict.fromkeys([*_WAYS, *TIMINGS]))}."
        when.place.report(f"{len(given)} ways are given to time the look", fix)
    return _end(question)


def _events(when: Section, question: Question) -> Cutoff:
    """Return the time of a number of events: all of the primary's, or those that are named."""
    events = when.read("events", Integer(at_least=1))
    arms = {arm.name: position for position, arm in enumerate(question.arms)}
    names = [question.primary.name, *(endpoint.name for endpoint in question.secondary)]
    endpoints = {name: position for position, name in enumerate(names)}
    arm = when.read_or_none("arm", Choice(arms)) if arms or not when.has("arm") else None
    endpoint = when.read("endpoint", Choice(endpoints), 0)
    if not when.place.is_sound:
        return _end(question)
    if arm is None and endpoint == 0:
        return AtEvents(events=events)
    return AtEventsOf(events=events, endpoint=endpoint, arm=arm)


def _years(when: Section, name: str) -> float:
    years = when.read(name, Duration(above=0))
    return years if years > 0 else 1.0


def _patients(when: Section) -> Cutoff:
    patients = when.read("patients", Integer(at_least=1))
    followed = when.read("followed", Duration(), 0.0)
    if not when.place.is_sound:
        return AfterPatients(patients=1)
    return AfterPatients(patients=patients, follow_up=followed)


def _conditions(
    when: Section, name: str, question: Question, final: Cutoff | None
) -> tuple[Cutoff, ...]:
    return tuple(_when(s, question, final) for s in when.sections(name, at_least=1))


def _information(when: Section, question: Question, final: Cutoff | None) -> Cutoff:
    """Return the time at which a fraction of the last look's information is there."""
    fraction = when.read("information", Number(above=0, at_most=1))
    if fraction == _ALL_INFORMATION:
        return final or _end(question)
    if (due := question.primary.due_time) is not None:
        patients = max(1, math.ceil(fraction * question.n_patients))
        return AfterPatients(patients=patients, follow_up=due)
    if final is not None and (events := final.primary_events) is not None:
        return AtEvents(events=max(1, round(fraction * events)))
    when.place.child("information").report(
        "a fraction of the events needs a last look that waits for a number of events",
        "Give the last look 'when: {events: ...}', or this one a number of events.",
    )
    return _end(question)
