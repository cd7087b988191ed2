"""Patients in rows of trials: shapes, checks and blocks that stay in cache.

A column is an array (n_replicates, n_patients), or (n_patients,) if it is the same in
every replicate or if there is one trial alone.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lupusim.common.arrays import BoolArray, FloatArray, IntArray, count_rows

_Number = TypeVar("_Number", bound=np.generic)
_SMALL_NUMBERS = 1024


def lead_shape(**columns: ArrayLike | None) -> tuple[int, ...]:
    """Return () for a single trial, else (n_replicates,).

    Raises
    ------
    ValueError
        If a column has no or more than two axes, or the columns don't fit together.
    """
    shapes = {name: np.shape(values) for name, values in columns.items() if values is not None}
    wrong = [name for name, shape in shapes.items() if len(shape) not in (1, 2)]
    if wrong:
        raise ValueError(
            f"{wrong[0]} has shape {shapes[wrong[0]]}, must be (n_replicates, n_patients) "
            "or (n_patients,)"
        )
    if len({shape[-1] for shape in shapes.values()}) > 1:
        raise ValueError(f"columns of different numbers of patients: {shapes}")
    try:
        return np.broadcast_shapes(*(shape[:-1] for shape in shapes.values()))
    except ValueError:
        raise ValueError(f"columns of different numbers of replicates: {shapes}") from None


def two_axes(column: ArrayLike) -> FloatArray:
    """Return the column as numbers of shape (n_replicates or 1, n_patients)."""
    values = np.asarray(column, dtype=float)
    return values if values.ndim == 2 else values[np.newaxis]


def three_axes(covariates: ArrayLike) -> FloatArray:
    """Return covariates as numbers of shape (n_replicates or 1, n_patients, n_covariates).

    Raises
    ------
    ValueError
        If the shape is another one, or a value is not a finite number.
    """
    values = np.asarray(covariates, dtype=float)
    if values.ndim not in (2, 3):
        raise ValueError(
            f"covariates have shape {values.shape}, must be (n_replicates, n_patients, "
            "n_covariates) or (n_patients, n_covariates)"
        )
    if not np.isfinite(values).all():
        raise ValueError("covariates hold a value that is not a finite number")
    return values if values.ndim == 3 else values[np.newaxis]


def flags(name: str, column: ArrayLike) -> BoolArray:
    """Return a column of zeros and ones as booleans of shape (n_replicates or 1, n_patients).

    Raises
    ------
    ValueError
        If anything but 0 and 1 (or false and true) is found.
    """
    values = np.asarray(column)
    if values.dtype != bool:
        truth = values.astype(bool)
        if not np.array_equal(truth, values):
            raise ValueError(f"{name} holds {np.unique(values)[:5].tolist()}, must be 0 or 1")
        values = truth
    return values if values.ndim == 2 else values[np.newaxis]


def everyone_or(included: ArrayLike | None) -> BoolArray | None:
    """Return who is in the analysis set, or None for everybody."""
    return None if included is None else flags("included", included)


def codes(stratum: ArrayLike | None) -> tuple[IntArray, int]:
    """Return strata as numbers from 0, shape (n_replicates or 1, n_patients), and how many.

    `None` is one stratum, of shape (1, 1), which fits every column.
    """
    if stratum is None:
        return np.zeros((1, 1), dtype=np.intp), 1
    values = np.asarray(stratum)
    code, n_levels = _numbered(values)
    return (code if code.ndim == 2 else code[np.newaxis]), max(n_levels, 1)


def _numbered(values: NDArray[Any]) -> tuple[IntArray, int]:
    """Return the rank of each value among those that occur, and how many occur.

    SPEED: strata that are small numbers already are counted, not sorted, which took a seventh of
    a trial with a stratified test (benchmarks/cases.py).
    """
    whole = values.dtype.kind in "iu" and values.size > 0
    if whole and values.min() >= 0 and values.max() < _SMALL_NUMBERS:
        code: IntArray = values.astype(np.intp)
        occurs = np.bincount(code.reshape(-1)) > 0
        return (code if occurs.all() else np.cumsum(occurs)[code] - 1), int(occurs.sum())
    levels, code = np.unique(values, return_inverse=True)
    return code.reshape(values.shape).astype(np.intp), levels.size


def checked_times(time: ArrayLike, included: BoolArray | None) -> FloatArray:
    """Return times as (n_replicates or 1, n_patients), at least 0 for everybody.

    Raises
    ------
    ValueError
        If an included time is below 0 or not a number.
    """
    values = two_axes(time)
    if not values.size or values.min() >= 0:  # false for a value that is not a number
        return values
    if included is not None:
        values = np.where(included, values, 0.0)
        if values.min() >= 0:
            return values
    raise ValueError("time holds a value that is not a number, 0 or above")


def n_enrolled(enrollment_time: FloatArray, cutoff: FloatArray) -> IntArray:
    """Return how many patients are randomized by each cutoff, (n_replicates,).

    Parameters
    ----------
    enrollment_time : (n_replicates, n_patients) array
        Calendar times (years), never falling along a row.
    cutoff : (n_replicates,) array
        Calendar times (years).
    """
    enrolled = np.full(cutoff.shape, enrollment_time.shape[1])
    # SPEED: at late looks nearly all trials have everybody
    short = np.flatnonzero(enrollment_time[:, -1] > cutoff)
    enrolled[short] = count_rows(enrollment_time[short] <= cutoff[short, None])
    return enrolled


def part(column: NDArray[_Number], rows: slice | IntArray) -> NDArray[_Number]:
    """Return some rows; a column that all replicates share is its own part."""
    return column if column.shape[0] == 1 else column[rows]


def arm_masks(
    arm: ArrayLike, included: ArrayLike | None, n_patients: int
) -> tuple[BoolArray, BoolArray]:
    """Return who is on the control and on the experimental arm, and included.

    Both of shape (n_replicates or 1, n_patients).

    Raises
    ------
    ValueError
        If flags are not 0 or 1.
    """
    treated, member = flags("arm", arm), everyone_or(included)
    everybody = np.ones((1, n_patients), dtype=bool) if member is None else member
    return ~treated & everybody, treated & everybody
