"""Calibrate by names: evidence files and model files in, a fit out, a model file written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.estimation.search import N_STARTS, Progress
from lupusim.calibration.fit import Fit, fit_studies
from lupusim.calibration.patients.contributions import (
    PatientLikelihood,
    StayLikelihood,
)
from lupusim.calibration.patients.histories import Stays
from lupusim.calibration.patients.semi_markov_panels import panel_likelihood
from lupusim.calibration.posterior.draws import Draws
from lupusim.calibration.targets.studies import Study
from lupusim.common.output import IfPresent, OutputError, try_file, write
from lupusim.errors import EvidenceError, Problem, fault_and_fix
from lupusim.model import MultiStateModel
from lupusim.scenario.document.content import changed
from lupusim.scenario.files.calibration_block import calibration_block, load_free_model
from lupusim.scenario.files.draws import SUFFIX
from lupusim.scenario.files.evidence import load_study
from lupusim.scenario.files.model import model_from_mapping
from lupusim.scenario.files.model_writer import model_to_mapping, write_model
from lupusim.scenario.files.patients import load_patients

Evidence = str | Path | Study
_TRIED = 60
_WRITTEN_DRAWS = 2000
"""Sets of values that are tried, over the squared number of parameters."""

COMMENTS = (
    "Made by lupusim.calibrate from the evidence named below.",
    "To change a number, change the evidence or the priors, and calibrate again.",
)


def calibrate(  # noqa: PLR0913 - as the command has them
    evidence: Evidence | Sequence[Evidence] = (),
    *,
    model: str | Path | FreeModel,
    seed: int,
    n_starts: int = N_STARTS,
    n_draws: int = 0,
    progress: Progress | None = None,
    time_unit: str = "years",
) -> Fit:
    """Fit a model to published counts.

    Parameters
    ----------
    evidence : name, path or Study, or a sequence of them
        Studies, and tables of single patients (``.csv``, see
        :mod:`lupusim.scenario.files.patients`), who must not be those that the studies count.
        Default: the studies that the model's calibration block names.
    model : name, path or FreeModel
        A model file with a calibration block.
    seed : int
        Names the starting points and the draws.
    n_starts : int
        Sobol starting points, 20 or more.
    n_draws : int
        Draws from the posterior; 0 for none.
    progress : callable, optional
        Told how many clusters of starting points are finished, of how many.
    time_unit : str
        Of the times in tables of patients: years, months, weeks or days.

    Returns
    -------
    Fit
        `.estimates`, `.targets`, `.profiles`, `.statements`, `.draws`, `.model`,
        `.save(path)`.

    Raises
    ------
    EvidenceError, ModelError
        If a file is wrong, or a target is about a state that the model lacks.

    Examples
    --------
    >>> fit = calibrate("SAT0244", model="markov-sat0244", seed=1)
    >>> round(fit.negative_log_likelihood, 5)
    117.62392
    """
    free_model = model if isinstance(model, FreeModel) else load_free_model(model)
    named = [evidence] if isinstance(evidence, str | Path | Study) else list(evidence)
    tables = [item for item in named if _is_table(item)]
    studies = [
        item if isinstance(item, Study) else load_study(item)
        for item in (named or free_model.evidence)
        if item not in tables
    ]
    _check_once([*(study.name for study in studies), *map(str, tables)])
    fit = fit_studies(
        studies,
        free_model,
        seed=seed,
        n_starts=n_starts,
        progress=progress,
        patients=[_patients(free_model, table, time_unit) for table in tables],
    )
    fit = replace(fit, writer=write_fit)
    return fit.sampled(n_draws) if n_draws else fit


def _check_once(names: Sequence[str]) -> None:
    """Raise if a study or a table is named twice: its patients would count twice."""
    again = [name for k, name in enumerate(names) if name in names[:k]]
    if again:
        fault = f"{again[0]!r} is there twice, and its patients would count twice"
        raise EvidenceError(" + ".join(names), [Problem(key="", fault=fault, fix="Name it once.")])


def seconds_of_fit(
    evidence: Sequence[Evidence], model: str | Path | FreeModel, *, time_unit: str = "years"
) -> float:
    """Return about how long a fit to tables of patients will take, seconds; 0 for counts alone.

    From a few sets of values tried, and how many a search and its profiles try.
    """
    free_model = model if isinstance(model, FreeModel) else load_free_model(model)
    tables = [item for item in evidence if _is_table(item)]
    p = len(free_model.parameters)
    points = np.repeat(free_model.prior_mean[None], p + 1, axis=0)
    seconds = 0.0
    for table in tables:
        patients = _patients(free_model, table, time_unit).coarse()
        patients.contributions(points[:1])  # what is made once
        begun = time.process_time()
        patients.contributions(points)
        seconds += (time.process_time() - begun) / len(points)
    return seconds * _TRIED * p**2


def _is_table(item: Evidence) -> bool:
    return not isinstance(item, Study) and str(item).lower().endswith(".csv")


def _patients(free_model: FreeModel, table: Evidence, time_unit: str) -> PatientLikelihood:
    """Return the likelihood of a table's patients; raises EvidenceError with what is wrong."""
    path = str(table)
    seen = load_patients(path, free_model.model, unit=time_unit)
    try:
        if isinstance(seen, Stays):
            return StayLikelihood(free_model, seen)
        return panel_likelihood(free_model, seen)
    except ValueError as wrong:
        fault, fix = fault_and_fix(wrong)
        raise EvidenceError(path, [Problem(key="", fault=fault, fix=fix)]) from None


def write_fit(fit: Fit, path: Path, if_present: IfPresent = IfPresent.REFUSE) -> None:
    """Write a calibrated model, and its draws as a compressed table beside it.

    Raises
    ------
    OutputError
        If a file is there and not to be replaced, or draws of another fit would be its own.
    """
    beside = draws_beside(path)
    if fit.draws is None:
        refuse_stale_draws(path)
    else:
        try_file(beside, if_present)
    free_model = fit.free_model
    rounded = rounded_model(free_model.model)
    block = calibration_block(replace(free_model, model=rounded), fit_facts(fit))
    write_model(rounded, path, comments=COMMENTS, calibration=block, if_present=if_present)
    if fit.draws is not None:
        _write_draws(fit, fit.draws, beside)


def draws_beside(path: Path) -> Path:
    """Return where the draws of a model file lie."""
    return path.with_name(f"{path.stem}{SUFFIX}")


def refuse_stale_draws(path: Path) -> None:
    """Raise OutputError where a model without draws would be written beside those of another."""
    if (draws := draws_beside(path)).exists():
        raise OutputError(
            f"{draws} exists already and would be taken for draws of the new model, which has "
            "none: give another name or folder, remove it, or calibrate with draws"
        )


def fit_facts(fit: Fit) -> dict[str, Any]:
    """Return what a model file keeps of its fit."""
    return {
        "negative_log_likelihood": round(fit.negative_log_likelihood, 5),
        "misfit": round(fit.misfit, 5),
        "seed": fit.seed,
        "n_starts": fit.n_starts,
        "starts_that_led_here": fit.best.n_starts,
        "not_identified": [
            name
            for name, verdict in zip(
                fit.identifiability.names, fit.identifiability.verdicts, strict=True
            )
            if verdict.value != "identified"
        ],
    }


def rounded_model(model: MultiStateModel) -> MultiStateModel:
    """Return the model with its numbers rounded to seven digits, as its file has them."""
    content = _rounded(model_to_mapping(model))
    if "classes" in content:
        *others, last = content["classes"]
        last["probability"] = round(1 - sum(c["probability"] for c in others), 12)
    return model_from_mapping(content)


def _rounded(value: Any) -> Any:
    return changed(value, lambda one: float(f"{one:.7g}") if isinstance(one, float) else one)


def _write_draws(fit: Fit, draws: Draws, path: Path) -> None:
    """Write equally weighted draws on their natural scales, in single precision."""
    from lupusim.common.rng import stream

    rng = stream(fit.seed, "calibration", "resampling")
    values = fit.likelihood.free_model.natural(draws.resample(_WRITTEN_DRAWS, rng=rng))
    table = BytesIO()
    np.savez_compressed(
        table,
        parameters=np.array(fit.likelihood.free_model.names),
        values=values.astype(np.float32),
    )
    write(path, table.getvalue())
