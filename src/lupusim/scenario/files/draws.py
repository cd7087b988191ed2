"""Draws of a calibrated model: a compressed table beside the model's file."""

from __future__ import annotations

import zlib
from io import BytesIO
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.lib.format import read_array_header_1_0, read_array_header_2_0, read_magic
from numpy.typing import NDArray

from lupusim.calibration.estimation.parameters import FreeModel, FreeParameter
from lupusim.common.arrays import FloatArray
from lupusim.errors import ModelError, Problem
from lupusim.model import MultiStateModel
from lupusim.scenario.document.yaml_reader import describe
from lupusim.scenario.files.calibration_block import load_free_model
from lupusim.scenario.files.packaged import find_packaged

if TYPE_CHECKING:
    from lupusim.planning.assurance.beliefs import ModelDraws

SUFFIX = ".draws.npz"
_MOST_BYTES = 100_000_000
_DAMAGE = (OSError, ValueError, KeyError, EOFError, RuntimeError, BadZipFile, zlib.error)


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
    from lupusim.planning.assurance.beliefs import ModelDraws

    text = str(name_or_path)
    model = text.removesuffix(SUFFIX) + ".yaml" if text.endswith(SUFFIX) else text
    path = find_packaged("models", model, ModelError)
    table = path.with_name(path.stem + SUFFIX)
    free_model = load_free_model(path)
    values = _read(table, free_model)
    models = _models(table, free_model, values)
    return ModelDraws(name=free_model.model.name, models=models)


def _refusal(table: Path, fault: str, fix: str = "Calibrate again.") -> ModelError:
    return ModelError(table, [Problem(key="", fault=fault, fix=fix)])


def _models(table: Path, free_model: FreeModel, values: FloatArray) -> tuple[MultiStateModel, ...]:
    """Return the model of each draw; refuse numbers that no model can have."""
    models = []
    for number, row in enumerate(values, start=1):
        drawn = list(zip(free_model.parameters, row, strict=True))
        free = np.array([_free(parameter, value) for parameter, value in drawn])
        off = [
            f"{one.name} = {value:g}"
            for (one, value), at in zip(drawn, free, strict=True)
            if not np.isfinite(at)
        ]
        if off:
            fault = f"draw {number} is no model: {', '.join(off)} is not within its range"
            raise _refusal(table, fault)
        try:
            models.append(free_model.model_at(free))
        except (ValueError, ArithmeticError) as error:
            raise _refusal(table, f"draw {number} is no model ({error})") from None
    return tuple(models)


def _free(parameter: FreeParameter, value: float) -> float:
    """Return a number as the search has it; NaN where the parameter has no such value."""
    try:
        return parameter.transform.free(value)
    except (ValueError, ArithmeticError):
        return np.nan


def _read(table: Path, free_model: FreeModel) -> FloatArray:
    """Return the draws, (n_draws, n_parameters), on their natural scales.

    The sizes that the table states are looked at before memory is asked for: a few bytes can
    claim to unpack to terabytes.
    """
    if not table.exists():
        fix = "Make them with 'lupusim calibrate --out DIR'."
        raise _refusal(table, "there are no draws of this model", fix)
    try:
        names, values = _arrays(table)
    except _DAMAGE as error:
        raise _refusal(table, f"this is no table of draws ({error or 'damaged'})") from None
    if names != list(free_model.names):
        fault = (
            f"the draws are of {describe(', '.join(names))}, the model's free numbers are others"
        )
        raise _refusal(table, fault, "Calibrate this model again.")
    if values.ndim != 2 or values.shape[1] != len(names) or not len(values):
        fault = f"the draws have the shape {values.shape}, not (draws, {len(names)})"
        raise _refusal(table, fault)
    return values


def _arrays(table: Path) -> tuple[list[str], FloatArray]:
    """Return the names and the numbers of a table whose parts are as large as they may be."""
    with ZipFile(table) as archive:
        parts = {part.filename: part for part in archive.infolist()}
        size = sum(part.file_size for part in parts.values())
        if size > _MOST_BYTES:
            raise ValueError(f"it would unpack to {size:,} bytes, at most {_MOST_BYTES:,} may be")
        names = _array(archive.read(parts["parameters.npy"]))
        values = _array(archive.read(parts["values.npy"]))
    if names.dtype.kind != "U" or values.dtype.kind not in "fiu":
        raise ValueError("names or numbers are of another kind")
    return [str(name) for name in names.ravel()], values.astype(float)


def _array(content: bytes) -> NDArray[Any]:
    """Return the array of an .npy file, whose header states no more than is there."""
    stream = BytesIO(content)
    read = {(1, 0): read_array_header_1_0, (2, 0): read_array_header_2_0}
    version = read_magic(stream)
    if version not in read:
        raise ValueError(f"its version is {version}")
    shape, fortran, dtype = read[version](stream)
    if dtype.hasobject or prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise ValueError(f"its header states {shape} of {dtype}, its content is another")
    flat = (
        np.frombuffer(content, dtype, offset=stream.tell()) if prod(shape) else np.empty(0, dtype)
    )
    return flat.reshape(shape, order="F" if fortran else "C")
