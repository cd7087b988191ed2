"""Posterior probabilities of response rates, and the shares of the arms that follow them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray

_POINTS = 200


@lru_cache(maxsize=1)
def _logs() -> tuple[FloatArray, FloatArray]:
    point = (np.arange(_POINTS) + 0.5) / _POINTS
    return np.log(point), np.log1p(-point)


def _densities(
    responders: FloatArray, n: FloatArray, prior: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Return posterior mass and distribution function on a grid, (n_replicates, n_arms, grid)."""
    log_yes, log_no = _logs()
    successes = (responders + (prior[0] - 1))[:, :, None]
    failures = (n - responders + (prior[1] - 1))[:, :, None]
    mass = successes * log_yes
    mass += failures * log_no
    mass -= mass.max(axis=2, keepdims=True)
    np.exp(mass, out=mass)
    mass /= mass.sum(axis=2, keepdims=True)
    below = mass.cumsum(axis=2)
    below -= 0.5 * mass  # half of a cell lies below its middle
    return mass, below


def best_probability(
    responders: FloatArray, n: FloatArray, prior: tuple[float, float], open_arms: BoolArray
) -> FloatArray:
    """Return the posterior probability of each arm to have the highest rate of the open ones.

    Parameters
    ----------
    responders, n : (n_replicates, n_arms) arrays
        Responders and patients of each arm.
    prior : tuple of two floats
        Beta prior of each rate, both parameters above 0.
    open_arms : (n_replicates, n_arms) boolean array
        Which arms are in the race; the others get 0.

    Returns
    -------
    (n_replicates, n_arms) array
        By the midpoint rule on 200 points: within 0.002 for up to 1000 patients an arm.

    Examples
    --------
    >>> counts = np.array([[10.0, 15.0]]), np.array([[20.0, 20.0]])
    >>> best_probability(*counts, (1.0, 1.0), np.array([[True, True]])).round(3).tolist()
    [[0.055, 0.945]]
    """
    mass, below = _densities(responders, n, prior)
    below[~open_arms] = 1.0
    best = np.empty(n.shape)
    for arm in range(n.shape[1]):
        others = np.delete(below, arm, axis=1).prod(axis=1)
        best[:, arm] = np.einsum("ij,ij->i", mass[:, arm], others)
    best[~open_arms] = 0.0
    total = best.sum(axis=1, keepdims=True)
    return best / np.where(total > 0, total, 1.0)


def better_probability(
    responders: FloatArray, n: FloatArray, prior: tuple[float, float]
) -> FloatArray:
    """Return the posterior probability of each arm to beat the control, which is arm 0.

    Parameters and accuracy as for `best_probability`; the control's own entry is 0.

    Examples
    --------
    >>> counts = np.array([[10.0, 15.0]]), np.array([[20.0, 20.0]])
    >>> better_probability(*counts, (1.0, 1.0)).round(3).tolist()
    [[0.0, 0.945]]
    """
    mass, below = _densities(responders, n, prior)
    better: FloatArray = np.einsum("ikj,ij->ik", mass, below[:, 0])
    better[:, 0] = 0.0
    return better


def limited_shares(
    wanted: FloatArray, open_arms: BoolArray, *, least: float, most: float
) -> FloatArray:
    """Return shares that sum to 1 and keep within limits, near to what is wanted.

    Parameters
    ----------
    wanted : (n_replicates, n_arms) array
        Weights, 0 or above.
    open_arms : (n_replicates, n_arms) boolean array
        Arms that may get patients; the others get 0.
    least, most : float
        Limits of an open arm's share; where they cannot be met with the arms that are open,
        these share equally.

    Examples
    --------
    >>> arms = np.array([[True, True, True]])
    >>> limited_shares(np.array([[0.02, 0.08, 0.9]]), arms, least=0.1, most=0.7).round(3).tolist()
    [[0.15, 0.15, 0.7]]
    """
    n_open = open_arms.sum(axis=1, keepdims=True)
    low = np.where(open_arms, np.minimum(least, 1 / np.maximum(n_open, 1)), 0.0)
    high = np.where(open_arms, np.maximum(most, 1 / np.maximum(n_open, 1)), 0.0)
    weight = np.where(open_arms, np.maximum(wanted, 1e-12), 0.0)
    share = weight / np.where(n_open > 0, weight.sum(axis=1, keepdims=True), 1.0)
    for _ in range(wanted.shape[1]):
        share = np.clip(share, low, high)
        rest = 1.0 - share.sum(axis=1, keepdims=True)
        room = np.where(rest > 0, share < high, share > low) & open_arms
        free = np.where(room, share, 0.0)
        total = free.sum(axis=1, keepdims=True)
        share = share + rest * free / np.where(total > 0, total, 1.0)
    return share
