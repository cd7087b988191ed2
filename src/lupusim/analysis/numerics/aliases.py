"""Columns of a regression that others tell already, trial by trial.

A covariate that is the same for all patients of a trial, or that another one tells, has no
coefficient of its own; the others have theirs, once it is left out, as R's `lm`, `glm` and
`coxph` do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.analysis.numerics.newton import Derivatives, newton
from lupusim.common.arrays import BoolArray, FloatArray

_NOTHING = 1e-12  # squares of a column that are but rounding
_ALIASED = 1e-8  # share of a column's own squares that the others leave


def told_apart(squares: FloatArray, order: Sequence[int]) -> BoolArray:
    """Return which columns are not told by those before them.

    Parameters
    ----------
    squares : (n_replicates, n_columns, n_columns) array
        Sums of products, or an information.
    order : sequence of int
        All columns; of several that tell each other the first of these stays.

    Returns
    -------
    (n_replicates, n_columns) boolean array

    Examples
    --------
    >>> told_apart(np.array([[[4.0, 2, 2], [2, 2, 2], [2, 2, 2]]]), (0, 1, 2)).tolist()
    [[True, True, False]]
    """
    own = np.diagonal(squares, axis1=1, axis2=2)
    scale = 1 / np.sqrt(np.where(own > _NOTHING, own, np.inf))
    rest = squares * scale[:, :, np.newaxis] * scale[:, np.newaxis, :]
    stays = np.zeros(own.shape, dtype=bool)
    for column in order:
        pivot = rest[:, column, column]
        apart: BoolArray = np.asarray(pivot > _ALIASED)
        stays[:, column] = apart
        weight = np.asarray(apart / np.where(apart, pivot, 1.0))
        share = rest[:, column] * weight[:, np.newaxis]
        rest = rest - rest[:, :, column, np.newaxis] * share[:, np.newaxis, :]
    return stays


def without(squares: FloatArray, stays: BoolArray) -> FloatArray:
    """Return sums of products in which columns that don't stay are 1 on the diagonal alone."""
    kept = squares * stays[:, :, np.newaxis] * stays[:, np.newaxis, :]
    return np.asarray(kept + ~stays[:, :, np.newaxis] * np.eye(stays.shape[1]), dtype=float)


def newton_without_aliases(
    derivatives: Derivatives, n_replicates: int, n_parameters: int
) -> tuple[FloatArray, FloatArray]:
    """Maximize log-likelihoods as :func:`newton`, without parameters that later ones tell.

    Returns
    -------
    estimate, standard_error : (n_replicates, n_parameters) arrays
        The error of a parameter that is left out is infinity, and its estimate 0.
    """
    estimate, error = newton(derivatives, n_replicates, n_parameters)
    unknown: BoolArray = np.asarray(np.isinf(error).any(axis=1, keepdims=True))
    if not unknown.any():
        return estimate, error
    _, information = derivatives(np.zeros_like(estimate))
    stays = told_apart(information, range(n_parameters)[::-1]) | ~unknown

    def of_those_that_stay(point: FloatArray) -> tuple[FloatArray, FloatArray]:
        score, information = derivatives(point)
        return score * stays, without(information, stays)

    if not stays.all():
        estimate, error = newton(of_those_that_stay, n_replicates, n_parameters)
    return estimate, np.where(stays, error, np.inf)
