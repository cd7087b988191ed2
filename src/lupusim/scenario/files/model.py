"""Model files (``schema: lupusim/model/1``): read and checked, with lines.

All keys, ``*`` where one must be given; parameters of hazards are in years or per year.

==================  =========================================================================
``schema`` *        ``lupusim/model/1``
``name`` *          short name; ``description``: one line; ``source``: a list
``states`` *        a list of names; tables follow its order
``start``           a state (the first), or {state: probability}, or a list of {``state`` *,
                    ``probability`` *, ``time_in_state``: a duration with a unit}
``clock``           reset (time in the state) or forward (study time); the default of all ways
``transitions`` *   list of {``from`` *, ``to`` *, ``hazard`` * {``family`` *, its parameters},
                    ``clock``}; families and parameters: :data:`lupusim.model.FAMILIES`
``classes``         list of {``name`` *, ``probability`` *, ``hazard_ratios`` {"a -> b": ratio}}
``covariates``      {name: {"a -> b": log hazard ratio}}
``absorbing``       states nobody may leave; by default those called death or dead
``time_unit``       years, months, weeks or days: what parameters of hazards count in (years)
``effects``         as in the arms of a scenario but for the dose, from study time 0 on; not in
                    trials or calibrations
``calibration``     what is free to be fitted; read by the calibration
==================  =========================================================================

The family ``life_table`` {``table`` *: a CSV file beside the model, ``column`` *, ``from_age`` *,
``age_column`` (Age), ``times`` (1)} takes rates per year by age, on the forward clock.
A file with ``cycle:`` is a cohort model: :mod:`lupusim.scenario.files.cohort_model`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from lupusim.errors import ModelError, Problem
from lupusim.model import (
    CLOCKS,
    FAMILIES,
    Clock,
    Effect,
    Hazard,
    LatentClass,
    MultiStateModel,
    Start,
    Transition,
)
from lupusim.model.checks import model_problems
from lupusim.scenario.document.content import at, is_list, is_mapping, is_text, text_keys
from lupusim.scenario.document.section import (
    MISSING,
    ByEdge,
    Choice,
    Duration,
    Free,
    Kind,
    ListOf,
    MappingOf,
    Number,
    Place,
    Section,
    Text,
)
from lupusim.scenario.document.yaml_reader import Document, describe, read_document
from lupusim.scenario.files.life_table import read_life_table
from lupusim.scenario.files.packaged import find_packaged, packaged_names
from lupusim.scenario.sections.effects import read_effect, read_effects
from lupusim.trial.durations import PER_YEAR

SCHEMA = "lupusim/model/1"
_TIME_UNIT = Choice({f"{unit}s": per_year for unit, per_year in PER_YEAR.items()})
_CLOCK = Choice(CLOCKS)
_PROBABILITY = Number(at_least=0, at_most=1)


def load_model(name_or_path: str | Path) -> MultiStateModel:
    """Return a model, packaged with lupusim or from a file.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a packaged model, such as ``illness-death``, or the path of a model file.

    Raises
    ------
    ModelError
        If there is no such model or file, or if anything in the file is wrong; every problem
        of the file is named with its line.

    Examples
    --------
    >>> load_model("illness-death").states
    ('healthy', 'ill', 'death')
    """
    return model_from_document(load_model_document(name_or_path))


def load_model_document(name_or_path: str | Path) -> Document:
    """Return the plain content of a model file, with the lines; raises as :func:`load_model`.

    The calibration block is found there as ``.content.get("calibration")``.

    Examples
    --------
    >>> load_model_document("illness-death").content["name"]
    'illness-death'
    """
    if str(name_or_path) in packaged_names("cohorts"):
        fault = "this is a cohort model: it moves in cycles and has no hazards"
        fix = "Use lupusim cohort or lupusim draw, lupusim.load_cohort_model; or name another."
        raise ModelError(str(name_or_path), [Problem(key="", fault=fault, fix=fix)])
    return read_document(find_packaged("models", name_or_path, ModelError), ModelError)


def model_from_mapping(
    content: Mapping[str, Any], *, file: str | Path = "model"
) -> MultiStateModel:
    """Return the model that a mapping describes, laid out as a file would be.

    Parameters
    ----------
    content : mapping
        What a model file holds.
    file : str or Path
        What messages call it.

    Raises
    ------
    ModelError
        If anything is wrong; every problem is named.

    Examples
    --------
    >>> hazard = {"family": "exponential", "rate": 0.5}
    >>> content = {"schema": "lupusim/model/1", "name": "onset", "states": ["well", "ill"]}
    >>> content["transitions"] = [{"from": "well", "to": "ill", "hazard": hazard}]
    >>> model_from_mapping(content).states
    ('well', 'ill')
    """
    document = Document(file=file, content=text_keys(content), error_class=ModelError)
    return model_from_document(document)


def model_from_document(document: Document) -> MultiStateModel:
    """Return the model of a document; raises ModelError with all its problems."""
    top = Section.top(document)
    read_schema(top, SCHEMA)
    _refuse_cycles(top)
    parts: dict[str, Any] = {
        "name": top.read("name", Text()),
        "description": top.read("description", Text(), ""),
        "source": top.read("source", ListOf(Text()), ()),
        "states": top.read("states", ListOf(Text(), at_least=1)),
        "transitions": _transitions(top),
        "starts": read_starts(top),
        "classes": _classes(top),
        "covariates": top.read("covariates", MappingOf(ByEdge(Number())), {}),
        "absorbing": top.read_or_none("absorbing", ListOf(Text())),
    }
    top.read_or_none("calibration", Free())
    effects: tuple[Effect, ...] = read_effects(top, parts["transitions"], read_effect)
    top.finish()
    _add_domain_problems(top.place, parts)
    top.raise_problems()
    return MultiStateModel(**parts).treated(effects) if effects else MultiStateModel(**parts)


def _refuse_cycles(top: Section) -> None:
    """Raise at once for a cohort model, whose transitions are of another kind."""
    if top.has("cycle"):
        top.place.problems.clear()
        fault = "a model that moves in cycles has no hazards"
        fix = "Use lupusim cohort, lupusim.load_cohort_model; or remove the line and give hazards."
        top.place.child("cycle").report(fault, fix)
        top.raise_problems()


def untreated_model(document: Document, use: str) -> MultiStateModel:
    """Return the model of a document for a use that knows no effects of the model's own."""
    model = model_from_document(document)
    if document.content.get("effects"):
        fault = f"a model with effects of its own is no model for {use}"
        fix = "Remove them; in a trial, write them in the arms."
        problem = document.problem("effects", fault, fix)
        raise ModelError(document.file, [problem])
    return model


_INSTEAD = {
    "model": "Name it under 'model:' in a scenario, or look at it by 'lupusim show FILE'.",
    "evidence": "Use it by 'lupusim calibrate FILE', or look at it by 'lupusim show FILE'.",
    "scenario": "Simulate it by 'lupusim run FILE'.",
    "cohort": "Follow it by 'lupusim cohort FILE'.",
    "decision": "Compare its strategies by 'lupusim decide FILE'.",
}
"""What a file of another kind is for."""


def read_schema(top: Section, schema: str) -> None:
    """Check the key ``schema`` of a file; raise at once for a file of another kind of ours."""
    if not top.has("schema"):
        top.place.child("schema").report(MISSING, f"Add 'schema: {schema}' as the first line.")
        return
    found = top.content["schema"]
    if found == schema:
        return
    parts = found.split("/") if is_text(found) else [""]
    if parts[0] == "lupusim" and parts[:2] != schema.split("/")[:2]:
        fault = f"this is a file of another kind: {found!r}, not {schema!r}"
        top.place.problems.clear()
        fix = _INSTEAD.get("".join(parts[1:2]), "Name the other file, or change the line.")
        top.place.child("schema").report(fault, fix)
        top.raise_problems()
    top.place.child("schema").report(
        f"{describe(found)} is not a schema known here", f"Write 'schema: {schema}'."
    )


def _transitions(top: Section) -> tuple[Transition, ...]:
    default = top.read("clock", _CLOCK, Clock.RESET)
    per_year = top.read("time_unit", _TIME_UNIT, 1.0)
    return tuple(
        _transition(section, default, per_year)
        for section in finished(top.sections("transitions", at_least=1))
    )


def _transition(section: Section, default: Clock, per_year: float) -> Transition:
    life_table = _has_life_table(section)
    if life_table:
        hazard = _life_table_hazard(section)
        section.refuse("clock", "a life table runs on age: forward", "Remove the line.")
    else:
        hazard = read_hazard(section).in_years(per_year)
    return Transition(
        from_state=section.read("from", Text()),
        to_state=section.read("to", Text()),
        hazard=hazard,
        clock=Clock.FORWARD if life_table else section.read("clock", _CLOCK, default),
    )


def _has_life_table(section: Section) -> bool:
    return bool(at(section.content, "hazard", "family") == "life_table")


def _life_table_hazard(around: Section) -> Hazard:
    section = around.section("hazard")
    section.read("family", Text())
    read = read_life_table(section)
    if read is None:
        return FAMILIES["exponential"](**{"rate": 1.0})
    breaks, rates = read[0].from_age(read[1])
    return FAMILIES["piecewise_exponential"](**{"breaks": breaks, "rates": rates})


def finished(sections: list[Section]) -> Any:
    """Yield each section, and report its unknown keys once it has been read."""
    for section in sections:
        yield section
        section.finish()


def read_hazard(around: Section) -> Hazard:
    """Return the hazard that a mapping has; a stand-in that can fire where it is wrong."""
    section = around.section("hazard")
    stand_in = FAMILIES["exponential"](**{"rate": 1.0})
    if not section.place.is_right:
        return stand_in
    family = section.read("family", Choice(FAMILIES))
    if not section.place.child("family").is_right:
        return stand_in
    values = {
        name: section.read(name, _kind_of(parameter))
        for name, parameter in inspect.signature(family).parameters.items()
        if parameter.default is inspect.Parameter.empty or section.has(name)
    }
    return section.build(lambda: cast("Hazard", family(**values))) or stand_in


def _kind_of(parameter: inspect.Parameter) -> Kind[Any]:
    return ListOf(Number()) if "Sequence" in str(parameter.annotation) else Number()


def read_starts(top: Section) -> tuple[Start, ...]:
    """Return where patients start: one state, shares, or a list; nothing where nothing is said."""
    value = top.content.get("start")
    if not top.has("start"):
        return ()
    if is_text(value):
        return (Start(state=value.strip()),)
    if is_mapping(value):
        shares = top.read("start", MappingOf(_PROBABILITY))
        return tuple(Start(state=name, probability=share) for name, share in shares.items())
    if not is_list(value):
        fix = "Give a state, or a mapping of states to probabilities."
        top.place.child("start").report(f"{describe(value)} is not a start", fix)
        return ()
    return tuple(
        Start(
            state=section.read("state", Text()),
            probability=section.read("probability", _PROBABILITY),
            time_in_state=section.read("time_in_state", Duration(), 0.0),
        )
        for section in finished(top.sections("start"))
    )


def _classes(top: Section) -> tuple[LatentClass, ...]:
    return tuple(
        LatentClass(
            name=section.read("name", Text()),
            probability=section.read("probability", _PROBABILITY),
            hazard_ratios=section.read("hazard_ratios", ByEdge(Number(at_least=0)), {}),
        )
        for section in finished(top.sections("classes"))
    )


def _add_domain_problems(place: Place, parts: Mapping[str, Any]) -> None:
    """Add what is wrong with the model itself, where the file alone has not shown it yet."""
    if not parts["states"] or "" in parts["states"] or not parts["transitions"]:
        return  # what is said of states that could not be read would mislead
    draft = SimpleNamespace(restarts=(), afterwards=None, **parts)
    draft.starts = parts["starts"] or (Start(state=parts["states"][0]),)
    if draft.absorbing is None:
        draft.absorbing = tuple(s for s in draft.states if s in {"death", "dead"})
    known = [problem.key for problem in place.problems]
    for problem in model_problems(cast("MultiStateModel", draft)):
        if not _follows(problem.key, problem.fault, known):
            known.append(problem.key)
            place.problems.append(place.document.locate(problem))


def _follows(key: str, fault: str, known: list[str]) -> bool:
    """Return whether a problem is known, or only follows from another."""
    if key == "states" and "reach" in fault:  # a misspelled way leads nowhere
        return any(k.startswith(("transitions", "start")) for k in known)
    of_the_same_way = key.startswith("transitions.") and any(k.startswith(f"{key}.") for k in known)
    return key in known or of_the_same_way
