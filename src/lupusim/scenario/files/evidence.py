"""Evidence files (``schema: lupusim/evidence/1``): read, check with lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lupusim.calibration.estimation.contradictions import contradictions
from lupusim.calibration.targets.counts import EverAfterCount, EverCount, Measure, OccupancyCounts
from lupusim.calibration.targets.curves import curve_target
from lupusim.calibration.targets.questions import StateSet
from lupusim.calibration.targets.reconstruction import DigitizedCurve
from lupusim.calibration.targets.studies import Role, Study, Target, study_problems
from lupusim.calibration.targets.times import EventRate, MedianTime, SurvivalCurve
from lupusim.errors import EvidenceError
from lupusim.scenario.document.content import text_keys
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
from lupusim.scenario.document.yaml_reader import Document, read_document
from lupusim.scenario.files.model import read_schema
from lupusim.scenario.files.packaged import find_packaged

SCHEMA = "lupusim/evidence/1"
_COUNT = Number(at_least=0)
_SIZE = Number(above=0)
_STATES = ListOf(Text(), at_least=1)
_HOW_KNOWN = Choice(
    {how: how for how in ("read", "read (derived)", "read (third party)", "assumption")}
)
_EVENTS = Choice({which: which for which in ("all", "first")})
_OF = Choice({"entry": False, "stay": True})
_COHORT = Choice({how: how for how in ("one cohort", "conditional", "separate patients")})


def load_study(name_or_path: str | Path) -> Study:
    """Return the evidence of one study, packaged with lupusim or from a file.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a packaged study, such as ``SAT0244``, or the path of an evidence file.

    Raises
    ------
    EvidenceError
        If there is no such study, or if anything in the file is wrong: counts above their
        denominator, survivors where all patients belong, a time before zero. Every problem
        is named with its line.

    Examples
    --------
    >>> load_study("SAT0244").n_patients
    81
    """
    path = find_packaged("evidence", name_or_path, EvidenceError)
    return study_from_document(read_document(path, EvidenceError))


def study_from_mapping(content: Mapping[str, Any], *, file: str | Path = "evidence") -> Study:
    """Return the study that a mapping describes, laid out as a file would be.

    Raises
    ------
    EvidenceError
        If anything is wrong; every problem is named.
    """
    return study_from_document(
        Document(file=file, content=text_keys(content), error_class=EvidenceError)
    )


def study_from_document(document: Document) -> Study:
    """Return the study of a document; raises EvidenceError with all its problems."""
    top = Section.top(document)
    read_schema(top, SCHEMA)
    name = top.read("name", Text())
    citation = top.read("citation", Text())
    n_patients = top.read("n_patients", Integer(at_least=1))
    overlaps = top.read("overlaps", ListOf(Text()), ())
    description = top.read("description", Text(), "")
    cohort = top.read("cohort", _COHORT, "one cohort")
    targets = [_target(section) for section in top.sections("targets", at_least=1)]
    top.finish()
    # A target that could not be read must not be blamed for what follows from its absence.
    sound = [(k, target) for k, target in enumerate(targets) if target is not None]
    study = Study(
        name=name,
        citation=citation,
        n_patients=n_patients,
        targets=tuple(target for _, target in sound),
        overlaps=overlaps,
        description=description,
        cohort=cohort,
    )
    is_known = top.place.child("n_patients").is_sound  # else no target is to be blamed for it
    problems = (study_problems(study) or contradictions(study)) if is_known else []
    for problem in problems:
        _, position, *rest = problem.key.split(".")
        key = ".".join(["targets", str(sound[int(position)][0]), *rest])
        top.place.problems.append(document.locate(replace(problem, key=key)))
    top.raise_problems()
    return study


def _target(section: Section) -> Target | None:
    kind: Callable[[Section], Callable[[], Measure]] = section.read("kind", Choice(_KINDS))
    if "kind" not in section.content or not section.place.child("kind").is_sound:
        return None
    common: dict[str, Any] = {
        "name": section.read("name", Text()),
        "soft": section.read("soft", Number(above=0, at_most=1), 1.0),
        "sets": section.read("sets", ListOf(Text()), ()),
        "role": section.read("role", Choice({role.value: role for role in Role}), Role.FIT),
        "quote": section.read("quote", Text()),
        "how_known": section.read("how_known", _HOW_KNOWN),
    }
    place = section.place.document.position(section.place.key)
    common["line"] = None if place is None else place[0]
    section.read("source", Text(), "")
    section.read("note", Text(), "")
    make = kind(section)
    return section.build(lambda: Target(measure=make(), **common))


def _groups(counts: Mapping[str, float]) -> dict[StateSet, float]:
    """Return groups of states; ``active + relapse`` counts the two together."""
    return {tuple(re.split(r"\s+\+\s+", label.strip())): count for label, count in counts.items()}


def _occupancy(section: Section) -> Callable[[], Measure]:
    at, n = section.read("at", Duration()), section.read("n", _SIZE)
    counts = section.read("counts", MappingOf(_COUNT))
    outside = section.read("outside", _STATES, ())
    return lambda: OccupancyCounts(time=at, counts=_groups(counts), n=n, outside=outside)


def _ever(section: Section) -> Callable[[], Measure]:
    values: dict[str, Any] = {
        "time": section.read("by", Duration()),
        "states": section.read("states", _STATES),
        "count": section.read("count", _COUNT),
        "n": section.read("n", _SIZE),
        "among": section.read("among", _STATES, ()),
    }
    now = section.read_or_none("now", ListOf(_COUNT, at_least=1))
    values["now"] = None if now is None else (now[0], now[-1])
    return lambda: EverCount(**values)


def _ever_after(section: Section) -> Callable[[], Measure]:
    values: dict[str, Any] = {
        "time": section.read("by", Duration()),
        "first": section.read("first", _STATES),
        "then": section.read("then", _STATES),
        "count": section.read("count", _COUNT),
        "n": section.read("n", _SIZE),
    }
    return lambda: EverAfterCount(**values)


def _survival(section: Section) -> Callable[[], Measure]:
    """Read a cohort that was followed completely: how many were left at each time."""
    times = section.read("at", ListOf(Duration(), at_least=1))
    alive = section.read("alive", ListOf(_COUNT, at_least=1))
    n = section.read("n", _SIZE)
    states = section.read("states", _STATES, ("death",))
    return lambda: SurvivalCurve(
        states=states,
        times=times,
        survival=tuple(count / n for count in alive),
        at_risk=(n, *alive)[: len(alive)],
    )


def _curve(section: Section) -> Callable[[], Measure]:
    """Read a curve: shares with the numbers at risk before each, or points off a plot.

    With ``risk_at`` the points are those of a digitized Kaplan-Meier plot, and ``at_risk``
    is the table below it: its patients are then reconstructed.
    """
    states = section.read("states", _STATES, ("death",))
    times = section.read("at", ListOf(Duration(), at_least=1))
    survival = section.read("survival", ListOf(Number(at_least=0, at_most=1), at_least=1))
    risk_times = section.read_or_none("risk_at", ListOf(Duration(), at_least=1))
    entered_by = section.read_or_none("entered_by", Duration(above=0))
    if risk_times is None:
        at_risk = section.read("at_risk", ListOf(_SIZE, at_least=1))
        return lambda: SurvivalCurve(
            states=states,
            times=times,
            survival=survival,
            at_risk=at_risk,
            entered_by=entered_by,
        )
    numbers = section.read("at_risk", ListOf(Integer(at_least=0), at_least=1))
    total = section.read_or_none("total_events", Integer(at_least=0))

    def reconstructed() -> Measure:
        curve = DigitizedCurve(
            times=np.array(times),
            survival=np.array(survival),
            risk_times=np.array(risk_times),
            numbers_at_risk=np.array(numbers),
        )
        made = curve_target(curve, states, total_events=total)
        return replace(made, entered_by=entered_by)

    return reconstructed


def _rate(section: Section) -> Callable[[], Measure]:
    values: dict[str, Any] = {
        "origin": section.read("from", _STATES),
        "to": section.read("to", _STATES),
        "events": section.read("events", _COUNT),
        "person_years": section.read("person_years", _SIZE),
        "until": section.read("until", Duration(above=0)),
        "counts": section.read("moves", _EVENTS, "all"),
    }
    return lambda: EventRate(**values)


def _median(section: Section) -> Callable[[], Measure]:
    values: dict[str, Any] = {
        "states": section.read("states", _STATES),
        "median": section.read("median", Duration(above=0)),
        "n": section.read("n", _SIZE),
        "by": section.read_or_none("by", Duration(above=0)),
        "is_stay": section.read("of", _OF, False),
    }
    return lambda: MedianTime(**values)


_KINDS: dict[str, Callable[[Section], Callable[[], Measure]]] = {
    "occupancy": _occupancy,
    "ever": _ever,
    "ever_after": _ever_after,
    "survival": _survival,
    "curve": _curve,
    "rate": _rate,
    "median": _median,
}
