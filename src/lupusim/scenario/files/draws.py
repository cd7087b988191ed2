"""Draws of a calibrated model: a compressed table beside the model's file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lupusim.arrays import FloatArray
from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.errors import ModelError, Problem
from lupusim.planning.assurance.beliefs import ModelDraws
from lupusim.scenario.files.calibration_block import load_free_model
from lupusim.scenario.files.packaged import find_packaged

SUFFIX = ".draws.npz"


def load_model_draws(name_or_path: str | Path) -> ModelDraws:
    """Return the equally likely models that a calibration left behind.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a packaged calibrated model, such as ``msc-durable``; or the path of a model
        file or of the table of draws beside it (same name, ending ``.draws.npz``).

    Raises
    ------
    ModelError
        If there is no such model, no draws beside it, or they are of another model.
    """
    text = str(name_or_path)
    model = text.removesuffix(SUFFIX) + ".yaml" if text.endswith(SUFFIX) else text
    path = find_packaged("models", model, ModelError)
    table = path.with_name(path.stem + SUFFIX)
    free_model = load_free_model(path)
    values = _read(table, free_model)
    transforms = [parameter.transform for parameter in free_model.parameters]
    free = np.array([[t.free(v) for t, v in zip(transforms, row, strict=True)] for row in values])
    models = tuple(free_model.model_at(row) for row in free)
    return ModelDraws(name=free_model.model.name, models=models)


def _read(table: Path, free_model: FreeModel) -> FloatArray:
    """Return the draws, (n_draws, n_parameters), on their natural scales."""

    def refusal(fault: str, fix: str) -> ModelError:
        return ModelError(table, [Problem(key="", fault=fault, fix=fix)])

    try:
        with np.load(table, allow_pickle=False) as content:
            names, values = content["parameters"].tolist(), content["values"].astype(float)
    except FileNotFoundError:
        fix = "Make them with 'lupusim calibrate --out DIR'."
        raise refusal("there are no draws of this model", fix) from None
    except (OSError, ValueError, KeyError) as error:
        raise refusal(f"this is no table of draws ({error})", "Calibrate again.") from None
    if names != list(free_model.names):
        fault = f"the draws are of {', '.join(names)}, the model's free numbers are others"
        raise refusal(fault, "Calibrate this model again.")
    return np.asarray(values)
