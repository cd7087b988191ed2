"""The ``calibration:`` block of a model file: which numbers are free, and what is held of them.

.. code-block:: yaml

    calibration:
      target_set: durable
      evidence: [SAT0244, wang-2013]
      parameters:
        - name: responders
          places: {classes.responder.probability: 1}
          transform: logit
          prior: {family: normal, mean: 0, sd: 1}
        - name: deaths
          places: {"active -> death.rate": 1, "complete_remission -> death.rate": 0.34}
          transform: log
          prior: {family: normal, mean: -3.0, sd: 1}

Priors are on the transformed scale. A number that stands at several places is *tied*: it is
multiplied with the factor written there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lupusim.calibration.estimation.parameters import (
    FreeModel,
    FreeParameter,
    NormalPrior,
    Transform,
    bound_problems,
    place_problems,
)
from lupusim.errors import ModelError, Problem
from lupusim.scenario.document.content import text_keys
from lupusim.scenario.document.section import (
    Choice,
    Free,
    ListOf,
    MappingOf,
    Number,
    Section,
    Text,
    made,
)
from lupusim.scenario.document.yaml_reader import Document
from lupusim.scenario.files.model import load_model_document, untreated_model

_TRANSFORM = Choice({transform.value: transform for transform in Transform})


def load_free_model(name_or_path: str | Path) -> FreeModel:
    """Return a model with its free parameters, packaged with lupusim or from a file.

    Raises
    ------
    ModelError
        If the file is wrong, or if it has no calibration block.

    Examples
    --------
    >>> load_free_model("markov-sat0244").target_set
    'literal'
    """
    return free_model_from_document(load_model_document(name_or_path))


def free_model_from_mapping(content: Mapping[str, Any], *, file: str = "model") -> FreeModel:
    """Return the model and its free parameters, from what a model file would hold."""
    document = Document(file=file, content=text_keys(content), error_class=ModelError)
    return free_model_from_document(document)


def free_model_from_document(document: Document) -> FreeModel:
    """Return the model and its free parameters; raises ModelError with all problems."""
    model = untreated_model(document, "a calibration")
    if document.content.get("time_unit", "years") != "years":
        fault, fix = (
            "a calibration counts in years",
            "Give every number per year, without the line.",
        )
        raise ModelError(document.file, [document.problem("time_unit", fault, fix)])
    if document.content.get("calibration") is None:
        fault, fix = "no number of this model is declared free", "Add a 'calibration:' block."
        raise ModelError(document.file, [Problem(key="calibration", fault=fault, fix=fix)])
    top = Section.top(document)
    block = top.section("calibration")
    target_set = block.read("target_set", Text(), "")
    evidence = block.read("evidence", ListOf(Text()), ())
    block.read_or_none("result", Free())
    parameters = [_parameter(s) for s in block.sections("parameters", at_least=1)]
    block.finish()
    top.raise_problems()
    sound = tuple(made(parameter) for parameter in parameters)
    for problem in place_problems(model, sound):
        top.place.problems.append(document.locate(problem))
    top.raise_problems()
    free = FreeModel(model=model, parameters=sound, target_set=target_set, evidence=evidence)
    for problem in bound_problems(free):
        top.place.problems.append(document.locate(problem))
    top.raise_problems()
    return free


def _parameter(section: Section) -> FreeParameter | None:
    values: dict[str, Any] = {
        "name": section.read("name", Text()),
        "places": section.read("places", MappingOf(Number(above=0))),
        "transform": section.read("transform", _TRANSFORM),
    }
    bounds = section.read_or_none("bounds", ListOf(Number(), at_least=2))
    values["bounds"] = None if bounds is None else (bounds[0], bounds[-1])
    prior = section.section("prior")
    prior.read("family", Choice({"normal": NormalPrior}), NormalPrior)
    mean, sd = prior.read("mean", Number()), prior.read("sd", Number(above=0))
    held = prior.build(lambda: NormalPrior(mean=mean, sd=sd))
    return section.build(lambda: FreeParameter(**values, prior=made(held)))


def calibration_block(free_model: FreeModel, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the block as plain data, with what the fit found under ``result``."""
    chosen = {"target_set": free_model.target_set} if free_model.target_set else {}
    return {
        **chosen,
        "evidence": list(free_model.evidence),
        "parameters": [_parameter_mapping(p) for p in free_model.parameters],
        "result": dict(result),
    }


def _parameter_mapping(parameter: FreeParameter) -> dict[str, Any]:
    bounds = {} if parameter.bounds is None else {"bounds": list(parameter.bounds)}
    return {
        "name": parameter.name,
        "places": {place: float(f"{factor:.6g}") for place, factor in parameter.places.items()},
        "transform": parameter.transform.value,
        "prior": {"family": "normal", "mean": parameter.prior.mean, "sd": parameter.prior.sd},
        **bounds,
    }
