"""A scenario's looks: when the data are cut, and the bounds at which the trial stops."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lupusim.analysis.adaptive_bounds import PosteriorEfficacy, WithFutility
from lupusim.analysis.group_sequential import (
    BetaSpending,
    BySpending,
    EfficacyAt,
    EfficacyRule,
    FutilityBounds,
    HaybittlePeto,
    HwangShihDeCani,
    KimDeMets,
    LanDeMetsOBrienFleming,
    LanDeMetsPocock,
    Spending,
    WangTsiatis,
)
from lupusim.analysis.stopping import GroupSequential
from lupusim.scenario.likely import read_levels, read_posterior
from lupusim.scenario.reading import Choice, Duration, Flag, Integer, Number, Section
from lupusim.trial import (
    AfterLastPatient,
    AfterPatients,
    Analysis,
    Arm,
    AtCalendarTime,
    AtEvents,
    Cutoff,
    Endpoint,
    StoppingRule,
    WhenAll,
    WhenAny,
)
from lupusim.trial.endpoints import due_time
from lupusim.trial.looks import AtEventsOf, Limited, planned_events

_LIMITS = ("gap", "latest", "extension")
_WAYS = ("events", "calendar_time", "last_patient", "patients", "information", "all", "any")
_SPENDING = Choice(
    {
        "obrien_fleming": (LanDeMetsOBrienFleming, None),
        "pocock": (LanDeMetsPocock, None),
        "hwang_shih_decani": (HwangShihDeCani, "gamma"),
        "kim_demets": (KimDeMets, "rho"),
    }
)
_DEFAULT_RULE = BySpending(spending=LanDeMetsOBrienFleming())
_EFFICACY: dict[str, Callable[[float], EfficacyRule]] = {
    "spending": lambda _: _DEFAULT_RULE,
    "haybittle_peto": lambda bound: HaybittlePeto(bound=bound),
    "wang_tsiatis": lambda delta: WangTsiatis(delta=delta),
}
_ALL_INFORMATION = 1.0
_DEFAULT_BETA = 0.1


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
    final = _timed(sections[-1], question, None)
    interims = tuple(_timed(section, question, final) for section in sections[:-1])
    if sections[0].section("when").has("gap"):
        place = sections[0].section("when").place.child("gap")
        place.report("there is no look before the first one", "Remove it, or use 'calendar_time'.")
    stopping = _stopping(sections, question.analysis)
    for section in sections:
        section.finish()
    return {"cutoff": final, "interims": interims, "stopping": stopping}


def _end(question: Question) -> Cutoff:
    """Return the end of everybody's follow-up; 1 year stands in for what cannot be read."""
    follow_up = question.follow_up
    return AfterLastPatient(follow_up=follow_up if 0 < follow_up < math.inf else 1.0)


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
    clock = _when(when, question, final)
    clock = clock.clock if isinstance(clock, Limited) else clock
    made = when.build(lambda: Limited(clock=clock, gap=gap, latest=latest, extension=extension))
    return made or clock


def _when(when: Section, question: Question, final: Cutoff | None) -> Cutoff:
    """Return when a look happens; `final` is the last look's cutoff, None for itself."""
    readers: dict[str, Callable[[], Cutoff]] = {
        "events": lambda: _events(when, question),
        "calendar_time": lambda: AtCalendarTime(time=_years(when, "calendar_time")),
        "last_patient": lambda: AfterLastPatient(follow_up=_years(when, "last_patient")),
        "patients": lambda: _patients(when),
        "information": lambda: _information(when, question, final),
        "all": lambda: WhenAll(conditions=_conditions(when, "all", question, final)),
        "any": lambda: WhenAny(conditions=_conditions(when, "any", question, final)),
    }
    given = [name for name in _WAYS if when.has(name)]
    if len(given) == 1:
        cutoff = readers[given[0]]()
        when.finish()
        return cutoff if when.place.is_sound else _end(question)
    when.finish()
    if when.place.is_sound:
        fix = f"Give one of {', '.join(_WAYS)}."
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
    if arm is None and endpoint == 0:
        return AtEvents(events=events)
    if not when.place.is_sound:
        return _end(question)
    return AtEventsOf(events=events, endpoint=endpoint, arm=arm)


def _years(when: Section, name: str) -> float:
    years = when.read(name, Duration(above=0))
    return years if years > 0 else 1.0


def _patients(when: Section) -> Cutoff:
    patients = when.read("patients", Integer(at_least=1))
    return AfterPatients(patients=patients, follow_up=when.read("followed", Duration(), 0.0))


def _conditions(
    when: Section, name: str, question: Question, final: Cutoff | None
) -> tuple[Cutoff, ...]:
    return tuple(_when(s, question, final) for s in when.sections(name, at_least=1))


def _information(when: Section, question: Question, final: Cutoff | None) -> Cutoff:
    """Return the time at which a fraction of the last look's information is there."""
    fraction = when.read("information", Number(above=0, at_most=1))
    if fraction == _ALL_INFORMATION:
        return final or _end(question)
    if (due := due_time(question.primary)) is not None:
        patients = max(1, math.ceil(fraction * question.n_patients))
        return AfterPatients(patients=patients, follow_up=due)
    if final is not None and (events := planned_events(final)) is not None:
        return AtEvents(events=max(1, round(fraction * events)))
    when.place.child("information").report(
        "a fraction of the events needs a last look that waits for a number of events",
        "Give the last look 'when: {events: ...}', or this one a number of events.",
    )
    return _end(question)


def _stopping(sections: list[Section], analysis: Analysis | None) -> StoppingRule | None:
    """Return the bounds of all looks; None where no look has any."""
    efficacy = {k: _efficacy(s) for k, s in enumerate(sections, 1) if s.has("efficacy")}
    futility = {k: s for k, s in enumerate(sections, 1) if s.has("futility")}
    if not (efficacy or futility):
        return None
    rules = list(efficacy.values())
    for k, rule in efficacy.items():
        if rule != rules[0]:
            sections[k - 1].place.child("efficacy").report(
                "the bounds differ from those of an earlier look",
                "Give the same rule at every look that has one.",
            )
    last = len(sections)
    by_power = read_levels(futility, last)
    given = None if by_power else _futility(futility, last)
    bounded = _bounded(rules[0] if rules else _DEFAULT_RULE, sorted({*efficacy, last}), analysis)
    if isinstance(bounded, GroupSequential):
        bounded = replace(bounded, futility=given)
    elif given is not None:
        fault = "bounds by posterior probability go with futility by probability or power"
        fix = "Give 'posterior', 'conditional_power' or 'predictive_power'."
        next(iter(futility.values())).place.report(fault, fix)
    two_sided = analysis is not None and analysis.sided == 2
    if two_sided and (by_power or isinstance(bounded, PosteriorEfficacy)):
        fault = "a two-sided test cannot stop by what is likely in one direction"
        sections[0].place.report(fault, "Give 'sided: 1' and half of alpha.")
    if by_power is None:
        return bounded
    measure, levels = by_power
    return WithFutility(rule=bounded, measure=measure, levels=levels)


def _bounded(
    rule: EfficacyRule | PosteriorEfficacy, looks: list[int], analysis: Analysis | None
) -> GroupSequential | PosteriorEfficacy:
    """Return the rule with efficacy bounds at some looks, the last one among them."""
    if isinstance(rule, PosteriorEfficacy):
        return replace(rule, looks=tuple(looks))
    return GroupSequential(
        alpha=analysis.alpha if analysis else 0.025,
        sided=analysis.sided if analysis else 1,
        efficacy=rule
        if looks == list(range(1, looks[-1] + 1))
        else EfficacyAt(looks=looks, rule=rule),
    )


def _efficacy(look: Section) -> EfficacyRule | PosteriorEfficacy:
    """Return the rule of one look's efficacy bound."""
    section = look.section("efficacy")
    if section.has("posterior"):
        return read_posterior(section)
    given = [name for name in _EFFICACY if section.has(name)]
    if len(given) != 1:
        section.place.report("one rule is needed", f"Give one of {', '.join(_EFFICACY)}.")
        return _DEFAULT_RULE
    if given == ["spending"]:
        return BySpending(spending=_spending(section))
    number = section.read(given[0], Number())
    make = _EFFICACY[given[0]]
    return section.build(lambda: make(number)) or _DEFAULT_RULE


def _spending(section: Section) -> Spending:
    """Return a spending function; O'Brien and Fleming's stands in for what cannot be read."""
    family, parameter = section.read("spending", _SPENDING)
    if parameter is None:
        return section.build(family) or LanDeMetsOBrienFleming()
    number = section.read(parameter, Number())
    return section.build(lambda: family(**{parameter: number})) or LanDeMetsOBrienFleming()


def _futility(looks: Mapping[int, Section], last: int) -> BetaSpending | FutilityBounds | None:
    """Return the rule of the futility bounds: all by spending, or all on the z scale."""
    if not looks:
        return None
    sections = {k: look.section("futility") for k, look in looks.items()}
    by_z = [section.has("z") for section in sections.values()]
    binding = [section.read("binding", Flag(), False) for section in sections.values()]
    if any(by_z) and not all(by_z):
        place = next(iter(sections.values())).place
        place.report("some looks give z, others spending", "Give the same kind at every look.")
    if all(by_z):
        bounds = [-math.inf] * (last - 1)
        for k, section in sections.items():
            z = section.read("z", Number())
            if k == last:
                fault = "the last look rejects or not: it has no futility bound of its own"
                section.place.report(fault, "Remove it.")
            else:
                bounds[k - 1] = z
        _finish(sections)
        return FutilityBounds(z=tuple(bounds), binding=any(binding))
    betas = [
        section.read("beta", Number(above=0, below=1), _DEFAULT_BETA)
        for section in sections.values()
    ]
    spendings = [_spending(section) for section in sections.values()]
    return BetaSpending(
        beta=betas[0], spending=spendings[0], binding=any(binding), looks=tuple(looks)
    )


def _finish(sections: Mapping[int, Section]) -> None:
    for section in sections.values():
        section.finish()
