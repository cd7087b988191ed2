"""Cohort model files: model files (``schema: lupusim/model/1``) with ``cycle:``.

Keys beside those of other models, ``*`` where one must be given.

==================  =========================================================================
``cycle`` *         length of a cycle, a duration with a unit
``transitions`` *   list of {``from`` *, ``to`` *, and one of ``probability`` (within a cycle)
                    or ``rate`` (per year; becomes ``1 - exp(-rate * cycle)``),
                    ``among_survivors`` (false): of those who enter no absorbing state in the
                    cycle}. Both may be a number, {``by_cycle``: a list, of which the last goes
                    on}, and a rate a life table {``table`` *: a CSV file, ``column`` *,
                    ``from_age`` *, ``age_column`` (Age), ``times`` (1)}
``effects``         list of {``on`` *: transitions, ``hazard_ratio`` or ``relative_risk``,
                    ``lasts``: a duration}; a hazard ratio takes ``onset`` and ``half_life``
==================  =========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lupusim.errors import ModelError
from lupusim.model import TreatmentEffect
from lupusim.model.cycles import (
    CohortModel,
    CycleEffect,
    HazardRatioPerCycle,
    Move,
    RelativeRisk,
    cohort_problems,
)
from lupusim.model.multistate import Start
from lupusim.scenario.document.content import text_keys
from lupusim.scenario.document.section import (
    MISSING,
    Duration,
    Flag,
    ListOf,
    Number,
    Section,
    Text,
)
from lupusim.scenario.document.yaml_reader import Document, read_document
from lupusim.scenario.files.life_table import read_life_table
from lupusim.scenario.files.model import finished, read_schema, read_starts
from lupusim.scenario.files.packaged import find_packaged
from lupusim.scenario.sections.effects import Edges, read_course, read_effects

SCHEMA = "lupusim/model/1"
_PROBABILITY = Number(at_least=0, at_most=1)
_RATE = Number(at_least=0)
_LAST_AGE = 150.0


def load_cohort_model(name_or_path: str | Path) -> CohortModel:
    """Return a cohort model, packaged with lupusim or from a file.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a packaged cohort model, such as ``sick-sicker-yearly``, or the path of a file.

    Raises
    ------
    ModelError
        If there is no such model or file, or if anything in the file is wrong; every problem
        of the file is named with its line.

    Examples
    --------
    >>> load_cohort_model("hiv-chancellor").states
    ('cd4 200-500', 'cd4 below 200', 'aids', 'death')
    """
    path = find_packaged("cohorts", name_or_path, ModelError)
    return cohort_model_from_document(read_document(path, ModelError))


def cohort_model_from_mapping(
    content: Mapping[str, Any], *, file: str | Path = "model"
) -> CohortModel:
    """Return the cohort model that a mapping describes, laid out as a file would be.

    Examples
    --------
    >>> from lupusim.errors import InputError
    >>> from lupusim.scenario.document.yaml_reader import read_document
    >>> from lupusim.scenario.files.packaged import find_packaged
    >>> path = find_packaged("cohorts", "hiv-chancellor", ValueError)
    >>> len(cohort_model_from_mapping(read_document(path, InputError).content).states)
    4
    """
    document = Document(file=file, content=text_keys(content), error_class=ModelError)
    return cohort_model_from_document(document)


def cohort_model_from_document(document: Document) -> CohortModel:
    """Return the cohort model of a document; raises ModelError with all its problems."""
    top = Section.top(document)
    read_schema(top, SCHEMA)
    _refuse_continuous(top)
    cycle = top.read("cycle", Duration(above=0))
    parts: dict[str, Any] = {
        "name": top.read("name", Text()),
        "description": top.read("description", Text(), ""),
        "source": top.read("source", ListOf(Text()), ()),
        "states": top.read("states", ListOf(Text(), at_least=1)),
        "cycle": cycle,
        "moves": tuple(
            _move(section, cycle) for section in finished(top.sections("transitions", at_least=1))
        ),
        "starts": read_starts(top) or (),
    }
    parts["effects"] = read_cycle_effects(top, parts["moves"])
    top.finish()
    _add_domain_problems(top, parts)
    top.raise_problems()
    return CohortModel(**parts)


def _refuse_continuous(top: Section) -> None:
    """Raise at once for a model without cycles, whose transitions are of another kind."""
    if not top.has("cycle"):
        top.place.problems.clear()
        fix = "Add 'cycle:', such as '1 year', and probabilities; or use it as a continuous model."
        top.place.child("cycle").report(MISSING, fix)
        top.raise_problems()


def _add_domain_problems(top: Section, parts: dict[str, Any]) -> None:
    """Add what is wrong with the model itself, where the file alone has not shown it yet."""
    if not parts["states"] or not parts["moves"] or not top.place.is_sound:
        return
    parts["starts"] = parts["starts"] or (Start(state=parts["states"][0]),)
    draft = object.__new__(CohortModel)
    for name, value in {"starts": (), "effects": (), **parts}.items():
        object.__setattr__(draft, name, value)
    problems = [top.place.document.locate(p) for p in cohort_problems(draft)]
    top.place.problems.extend(problems)
    if not problems:
        model = CohortModel(**parts)
        top.build(lambda: model.matrices(model.n_matrices))


def _move(section: Section, cycle: float) -> Move:
    probabilities = _probabilities(section, cycle)
    return Move(
        from_state=section.read("from", Text()),
        to_state=section.read("to", Text()),
        probabilities=probabilities,
        among_survivors=section.read("among_survivors", Flag(), False),
    )


def _probabilities(section: Section, cycle: float) -> tuple[float, ...]:
    if section.has("hazard"):
        fault, fix = (
            "a model with 'cycle:' moves by probabilities",
            "Give 'probability:' or 'rate:'.",
        )
        section.refuse("hazard", fault, fix)
        return (0.0,)
    if section.has("rate"):
        section.refuse("probability", "'rate' is given as well", "Keep one of the two.")
        return tuple((-np.expm1(-np.array(_rates(section, cycle)) * cycle)).tolist())
    if section.is_mapping("probability"):
        below = section.section("probability")
        found = below.read("by_cycle", ListOf(_PROBABILITY, at_least=1))
        below.finish()
        return found
    return (section.read("probability", _PROBABILITY),)


def _rates(section: Section, cycle: float) -> tuple[float, ...]:
    if not section.is_mapping("rate"):
        return (section.read("rate", _RATE),)
    below = section.section("rate")
    if not below.has("table"):
        found = below.read("by_cycle", ListOf(_RATE, at_least=1))
        below.finish()
        return found
    read = read_life_table(below)
    if read is None or not cycle > 0:
        return (0.0,)
    table, age = read
    last = max(float(table.ages[-1]), age)
    n_cycles = 1 + math.ceil((min(last, _LAST_AGE) - age) / cycle)
    return tuple(table.at(age + np.arange(n_cycles) * np.float64(cycle)).tolist())


def read_cycle_effects(top: Section, moves: tuple[Move, ...]) -> tuple[CycleEffect, ...]:
    """Return the effects that a section lists on a cohort model's moves."""
    return read_effects(top, moves, _effect)


def _effect(section: Section, on: Edges) -> CycleEffect | None:
    if section.has("relative_risk"):
        section.refuse("hazard_ratio", "relative_risk is given as well", "Keep one of the two.")
        risk = section.read("relative_risk", _RATE)
        lasts = section.read("lasts", Duration(), math.inf)
        return section.build(lambda: RelativeRisk(on=on, relative_risk=risk, lasts=lasts))
    ratio, course = section.read("hazard_ratio", _RATE), read_course(section)
    return section.build(
        lambda: HazardRatioPerCycle(effect=TreatmentEffect(on=on, hazard_ratio=ratio, **course))
    )
