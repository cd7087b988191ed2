"""A scenario with other numbers, for those who ask what matters and what is believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.posterior.draws import Draws
from lupusim.common.rng import stream
from lupusim.errors import Problem, ScenarioError
from lupusim.planning.assurance.beliefs import ModelDraws
from lupusim.planning.sensitivity.one_at_a_time import Value, WhatIf
from lupusim.scenario.document.yaml_reader import Document, read_document
from lupusim.scenario.files.packaged import find_packaged
from lupusim.scenario.files.scenario import scenario_from_document
from lupusim.trial import Trial


def what_if(name_or_path: str | Path) -> WhatIf:
    """Return a function that builds a scenario's trial with other values at some paths.

    Where the scenario varies something, the trial is that of the values it states outside
    of ``vary``.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a packaged scenario, or the path of a scenario file.

    Returns
    -------
    callable
        Takes a mapping of paths to values as a file would say them, such as
        ``{"dropout.per_year": 0.25, "follow_up": "40 weeks"}``; returns the trial. It raises
        ScenarioError for a path that is not in the file or a value that is not possible.

    Raises
    ------
    ScenarioError
        If there is no such file, or anything in it is wrong.
    """
    path = find_packaged("scenarios", name_or_path, ScenarioError)
    return what_if_of(read_document(path, ScenarioError), folder=path.parent)


def what_if_of(document: Document, *, folder: Path) -> WhatIf:
    """Return the same of a document; models are looked for from a folder."""
    as_it_is = {key: value for key, value in document.content.items() if key != "vary"}

    def build(values: Mapping[str, Value]) -> Trial:
        point = {name: [value] for name, value in values.items()}
        content = {**as_it_is, "vary": point} if point else as_it_is
        changed = replace(document, content=content)
        try:
            return scenario_from_document(changed, folder=folder).points[0].trial
        except ScenarioError as error:
            raise ScenarioError(error.file, [_as_asked(p) for p in error.problems]) from error

    build({})  # what is wrong with the file itself is told now
    return build


def _as_asked(problem: Problem) -> Problem:
    """Return a problem of a value that was asked for, which no ``vary`` of the file says."""
    key = problem.key.removeprefix("vary.")
    if key == problem.key:
        return problem
    fault = problem.fault.removesuffix(" to vary").removeprefix("a design point is not possible: ")
    fault = fault.removeprefix(f"{key}: ")
    return replace(problem, key=key, fault=fault, line=None, column=None)


def model_draws(
    free_model: FreeModel, draws: Draws, *, n_draws: int = 2000, seed: int
) -> ModelDraws:
    """Return the models of a calibration's posterior draws, for the arms that follow its model.

    Parameters
    ----------
    free_model : FreeModel
        What the draws are values of; ``fit.free_model``.
    draws : Draws
        From its posterior; ``fit.draws``.
    n_draws : int
        How many equally likely models to make of the weighted draws.
    seed : int
        Of the resampling.

    Raises
    ------
    NotConvergedError
        If the draws are not to be trusted.
    """
    rng = stream(seed, "model draws", free_model.model.name)
    vectors = draws.require_convergence().resample(n_draws, rng=rng)
    models = tuple(free_model.model_at(vector) for vector in vectors)
    return ModelDraws(name=free_model.model.name, models=models)
