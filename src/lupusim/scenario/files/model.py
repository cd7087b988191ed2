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
``calibration``     what is free to be fitted; read by the calibration
==================  =========================================================================
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from lupusim.errors import ModelError
from lupusim.model import FAMILIES, Clock, Hazard, LatentClass, MultiStateModel, Start, Transition
from lupusim.model.checks import model_problems
from lupusim.scenario.document.section import (
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
from lupusim.scenario.files.packaged import find_packaged

SCHEMA = "lupusim/model/1"
_CLOCK = Choice({clock.value: clock for clock in Clock})
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
    """
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
    """
    document = Document(file=file, content=dict(content), error_class=ModelError)
    return model_from_document(document)


def model_from_document(document: Document) -> MultiStateModel:
    """Return the model of a document; raises ModelError with all its problems."""
    top = Section.top(document)
    read_schema(top, SCHEMA)
    parts: dict[str, Any] = {
        "name": top.read("name", Text()),
        "description": top.read("description", Text(), ""),
        "source": top.read("source", ListOf(Text()), ()),
        "states": top.read("states", ListOf(Text(), at_least=1)),
        "transitions": _transitions(top),
        "starts": _starts(top),
        "classes": _classes(top),
        "covariates": top.read("covariates", MappingOf(ByEdge(Number())), {}),
        "absorbing": top.read_or_none("absorbing", ListOf(Text())),
    }
    top.read_or_none("calibration", Free())
    top.finish()
    _add_domain_problems(top.place, parts)
    top.raise_problems()
    return MultiStateModel(**parts)


def read_schema(top: Section, schema: str) -> None:
    """Check the key ``schema`` of a file; raise at once for a file of another kind of ours."""
    found = top.read("schema", Text())
    if not found or found == schema:
        return
    of_our_kind = found.split("/")[:2] == schema.split("/")[:2]
    if found.startswith("lupusim/") and not of_our_kind:
        fault = f"this is a file of another kind: {found!r}, not {schema!r}"
        top.place.problems.clear()
        top.place.child("schema").report(fault, "Name the other file, or change the line.")
        top.raise_problems()
    top.place.child("schema").report(
        f"{describe(found)} is not a schema known here", f"Write 'schema: {schema}'."
    )


def _transitions(top: Section) -> tuple[Transition, ...]:
    default = top.read("clock", _CLOCK, Clock.RESET)
    return tuple(
        Transition(
            from_state=section.read("from", Text()),
            to_state=section.read("to", Text()),
            hazard=read_hazard(section),
            clock=section.read("clock", _CLOCK, default),
        )
        for section in _finished(top.sections("transitions", at_least=1))
    )


def _finished(sections: list[Section]) -> Any:
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
    kinds: dict[str, Kind[Any]] = {
        name: ListOf(Number()) if "Sequence" in str(parameter.annotation) else Number()
        for name, parameter in inspect.signature(family).parameters.items()
    }
    values = {name: section.read(name, kind) for name, kind in kinds.items()}
    return section.build(lambda: cast("Hazard", family(**values))) or stand_in


def _starts(top: Section) -> tuple[Start, ...]:
    value = top.content.get("start")
    if not top.has("start"):
        return ()
    if isinstance(value, str):
        return (Start(state=value.strip()),)
    if isinstance(value, Mapping):
        shares = top.read("start", MappingOf(_PROBABILITY))
        return tuple(Start(state=name, probability=share) for name, share in shares.items())
    if not isinstance(value, list | tuple):
        fix = "Give a state, or a mapping of states to probabilities."
        top.place.child("start").report(f"{describe(value)} is not a start", fix)
        return ()
    return tuple(
        Start(
            state=section.read("state", Text()),
            probability=section.read("probability", _PROBABILITY),
            time_in_state=section.read("time_in_state", Duration(), 0.0),
        )
        for section in _finished(top.sections("start"))
    )


def _classes(top: Section) -> tuple[LatentClass, ...]:
    return tuple(
        LatentClass(
            name=section.read("name", Text()),
            probability=section.read("probability", _PROBABILITY),
            hazard_ratios=section.read("hazard_ratios", ByEdge(Number(at_least=0)), {}),
        )
        for section in _finished(top.sections("classes"))
    )


def _add_domain_problems(place: Place, parts: Mapping[str, Any]) -> None:
    """Add what is wrong with the model itself, where the file alone has not shown it yet."""
    if not parts["states"] or not parts["transitions"]:
        return
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
