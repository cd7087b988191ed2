"""Probability that correlated standard normals all lie above a bound."""

from __future__ import annotations

import numpy as np

from lupusim.analysis.results import normal_cdf
from lupusim.arrays import FloatArray

_N_POINTS = 1021  # a prime; each point is used with its mirror image
_CHUNK = 64  # rows at once: 64 * 2042 numbers stay in cache


def all_above(bound: FloatArray, correlation: FloatArray) -> FloatArray:
    """Return the probability that every coordinate exceeds the bound.

    Separation of variables on a fixed rule of points: the same input gives the same
    answer. Absolute error below 2e-4 for up to 5 coordinates.

    Parameters
    ----------
    bound : (n,) array
    correlation : (n, k, k) array
        Of standard normals; may be singular.

    Returns
    -------
    (n,) array

    References
    ----------
    Genz (1992), *Journal of Computational and Graphical Statistics* 1, 141-149.
    """
    points = _points(correlation.shape[-1] - 1)
    parts = [
        _chunk(-bound[i : i + _CHUNK], correlation[i : i + _CHUNK], points)
        for i in range(0, bound.size, _CHUNK)
    ]
    return np.concatenate([np.empty(0), *parts])


def _points(dimensions: int) -> FloatArray:
    """Return points of the unit cube, (2 * 1021, dimensions): multiples of roots of primes."""
    steps = np.sqrt(np.array([2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0, 19.0]))[:dimensions]
    points = np.mod(np.arange(1, _N_POINTS + 1)[:, np.newaxis] * steps, 1.0)
    points = np.abs(2 * points - 1)  # tent: periodic, so that the rule converges fast
    return np.concatenate([points, 1 - points])


def _chunk(below: FloatArray, correlation: FloatArray, points: FloatArray) -> FloatArray:
    """Return P(all coordinates < below), by Genz's separation of variables."""
    from scipy.special import ndtri

    root = _root(correlation)
    n_rows, n_coordinates = root.shape[:2]
    chance = np.repeat(normal_cdf(below)[:, np.newaxis], points.shape[0], axis=1)
    total, draws = chance.copy(), np.empty((n_rows, points.shape[0], n_coordinates))
    for k in range(1, n_coordinates):
        uniform = np.clip(chance * points[:, k - 1], 1e-15, 1 - 1e-15)
        draws[:, :, k - 1] = ndtri(uniform)
        shift = np.einsum("rpj,rj->rp", draws[:, :, :k], root[:, k, :k])
        chance = normal_cdf((below[:, np.newaxis] - shift) / root[:, k, k, np.newaxis])
        total *= chance
    return np.asarray(total.mean(axis=1))


def _root(correlation: FloatArray) -> FloatArray:
    """Return lower triangular roots; a coordinate that follows from others keeps a trace."""
    root = np.zeros_like(correlation)
    for k in range(correlation.shape[-1]):
        for j in range(k):
            known = np.einsum("rj,rj->r", root[:, k, :j], root[:, j, :j])
            root[:, k, j] = (correlation[:, k, j] - known) / root[:, j, j]
        left = correlation[:, k, k] - (root[:, k, :k] ** 2).sum(axis=1)
        root[:, k, k] = np.sqrt(np.maximum(left, 1e-9))
    return root
