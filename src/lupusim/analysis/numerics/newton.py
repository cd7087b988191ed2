"""Newton's method for the likelihoods of many trials at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray

Derivatives = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""Parameters (n_replicates, n_parameters) in; score of that shape and information
(n_replicates, n_parameters, n_parameters) out."""

_MOST_STEPS = 40
_LONGEST_STEP = 20.0  # in standard errors
_CLOSE_ENOUGH = 1e-9
_SINGULAR = 1e-10  # smallest eigenvalue of the information, scaled to a diagonal of ones


def newton(
    derivatives: Derivatives,
    n_replicates: int,
    n_parameters: int,
    *,
    start: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Maximize concave log-likelihoods, one per replicate.

    A step behind which the likelihood falls more steeply than it rose before is halved.

    Parameters
    ----------
    derivatives : callable
        Score and information at given parameters, for all replicates.
    n_replicates, n_parameters : int
        Shape of the parameters.
    start : (n_replicates, n_parameters) array or None
        Where to begin; None is 0.

    Returns
    -------
    estimate, standard_error : (n_replicates, n_parameters) arrays
        The error is infinity, and the estimate 0, in replicates whose information is
        singular or whose estimates run away.
    """
    estimate: FloatArray = np.zeros((n_replicates, n_parameters)) if start is None else start
    step, rise = np.zeros_like(estimate), np.full(n_replicates, np.inf)
    information = np.zeros((n_replicates, n_parameters, n_parameters))
    for _ in range(_MOST_STEPS):
        score, information = derivatives(estimate)
        too_far = (score * step).sum(axis=1) < -rise
        start = np.where(too_far[:, np.newaxis], estimate - step, estimate)
        step = np.where(too_far[:, np.newaxis], step / 2, _step(score, information))
        rise = np.where(too_far, rise / 2, (score * step).sum(axis=1))
        estimate = start + step
        if _is_small(step, information).all():
            break
    known = is_regular(information) & _is_small(step, information)
    covariance = np.linalg.inv(_or_identity(information, known))
    error = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0.0))
    unknown = ~known[:, np.newaxis]
    return np.where(unknown, 0.0, estimate), np.where(unknown, np.inf, error)


def is_regular(information: FloatArray) -> BoolArray:
    """Return whether matrices (n_replicates, k, k) can be inverted safely."""
    diagonal = np.diagonal(information, axis1=1, axis2=2)
    positive = np.asarray((diagonal > 1e-12).all(axis=1))
    scale = 1 / np.sqrt(np.where(positive[:, np.newaxis], diagonal, 1.0))
    scaled = information * scale[:, :, np.newaxis] * scale[:, np.newaxis, :]
    smallest = np.linalg.eigvalsh(_or_identity(scaled, positive)).min(axis=1, initial=1.0)
    return np.asarray(positive & (smallest > _SINGULAR))


def _step(score: FloatArray, information: FloatArray) -> FloatArray:
    """Return Newton's step, not too long; 0 where the information is singular."""
    regular = is_regular(information)
    step = _solved(_or_identity(information, regular), score)
    step = np.where(regular[:, np.newaxis], step, 0.0)
    return step * _shortening(step, information)


def _solved(matrices: FloatArray, score: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.solve(matrices, score[..., np.newaxis])[..., 0], dtype=float)


def _or_identity(matrices: FloatArray, keep: BoolArray) -> FloatArray:
    identity = np.eye(matrices.shape[-1])
    return np.asarray(np.where(keep[:, np.newaxis, np.newaxis], matrices, identity), dtype=float)


def _length(step: FloatArray, information: FloatArray) -> FloatArray:
    """Return the length of steps in standard errors; shape (n_replicates,)."""
    square = np.einsum("ip,ipq,iq->i", step, information, step)
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))


def _shortening(step: FloatArray, information: FloatArray) -> FloatArray:
    length = _length(step, information)[:, np.newaxis]
    return np.asarray(1 / np.maximum(length / _LONGEST_STEP, 1.0))


def _is_small(step: FloatArray, information: FloatArray) -> BoolArray:
    return np.asarray(_length(step, information) < _CLOSE_ENOUGH)
