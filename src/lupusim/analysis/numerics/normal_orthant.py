"""Probability that the least of several correlated standard normals lies below a bound."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lupusim.analysis.results import normal_cdf
from lupusim.common.arrays import BoolArray, FloatArray

_CHUNK = 256  # rows at once: their nodes stay in cache
_ALIKE = 1e-12  # correlations closer to 1 are 1
_NOTHING_LEFT = 1e-9  # a variance that doesn't count
_N_NODES = 12
_REACH, _LEAST_DISTANCE = 6.5, 0.005  # an edge ends where it is so improbable, or so far out
_N_POINTS = 1021  # a prime; each point is used with its mirror image


def any_below(bound: FloatArray, correlation: FloatArray) -> FloatArray:
    r"""Return the probability that at least one coordinate lies below the bound.

    The coordinates are :math:`Z_i = a_i \cdot X` with :math:`X` standard normal in space.
    As a bound :math:`t` rises to :math:`b < 0`, each face :math:`Z_i = t` of the
    polyhedron in which all exceed it sweeps up a half space, but for what the other faces
    cut off, which again is swept up by the edges :math:`Z_i = Z_j = t`:

    .. math::

       p = k \Phi(b) - \frac{1}{\pi} \sum_{i<j} \int \Phi(-|b| q) \frac{c_{ij}}{q\,(c_{ij}^2
       + v^2)} dv, \qquad q^2 = 1 + c_{ij}^2 + v^2, \qquad
       c_{ij}^2 = \frac{1 - \rho_{ij}}{1 + \rho_{ij}}

    where :math:`|b| v` runs along the part of the edge that belongs to the polyhedron,
    from the edge's point next to the origin. With :math:`b > 0`, 1 minus the sum is left.

    The same input gives the same answer. Where the coordinates follow from three of them,
    as with the four weights that `lupusim.analysis.max_combo` has by default, the absolute
    error is below 2e-5, and below 1e-7 where p is below 0.05. Elsewhere it is below 2e-3, by Genz's
    separation of variables.

    Parameters
    ----------
    bound : (n,) array
    correlation : (n, k, k) array
        Of standard normals, at most 9 of them; may be singular.

    Returns
    -------
    (n,) array

    References
    ----------
    Naiman and Wynn (1992), *Annals of Statistics* 20, 43-76, for the union as sum over
    faces and edges. Genz (1992), *Journal of Computational and Graphical Statistics* 1,
    141-149.
    """
    parts = [
        _chunk(bound[i : i + _CHUNK], correlation[i : i + _CHUNK])
        for i in range(0, bound.size, _CHUNK)
    ]
    return np.concatenate([np.empty(0), *parts])


def _chunk(bound: FloatArray, correlation: FloatArray) -> FloatArray:
    matrix = np.moveaxis(correlation, 0, -1)
    direction, left = _directions(matrix)
    p_value = _in_space(bound, matrix, direction)
    beyond = left > _NOTHING_LEFT
    if beyond.any():
        p_value[beyond] = _by_points(bound[beyond], correlation[beyond])
    return p_value


def _directions(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the coordinates' directions in space, and the variance beyond three dimensions.

    Cholesky's root with pivots: shapes (3, k, n) and (n,), of a matrix (k, k, n).
    """
    left, places = np.array(matrix), np.arange(matrix.shape[2])
    diagonal = np.arange(matrix.shape[0])
    direction = np.zeros((3, *matrix.shape[1:]))
    for column in direction:
        pivot = left[diagonal, diagonal].argmax(axis=0)
        largest = left[pivot, pivot, places]
        known = left[:, pivot, places] / np.sqrt(np.maximum(largest, _ALIKE))
        column[:] = np.where(largest > _ALIKE, known, 0.0)
        left -= column[:, np.newaxis] * column
    return direction, left[diagonal, diagonal].max(axis=0)


class _Edges(NamedTuple):
    """Edges of the polyhedron, all (k * (k - 1) / 2, n); empty where `begin` >= `end`."""

    begin: FloatArray
    end: FloatArray
    distance: FloatArray


def _in_space(bound: FloatArray, matrix: FloatArray, direction: FloatArray) -> FloatArray:
    """Return the probability where three dimensions are enough."""
    alike = np.moveaxis(matrix > 1 - _ALIKE, -1, 0)
    again = np.asarray(np.tril(alike, -1).any(axis=2).T)
    n_faces = matrix.shape[0] - again.sum(axis=0)
    edges = _edges(bound, matrix, direction, again)
    both = _swept(np.abs(bound), edges).sum(axis=0)
    inside_out = (bound > 0) & (n_faces > 1)
    return np.asarray(np.where(inside_out, 1 - both, n_faces * normal_cdf(bound) - both))


def _edges(
    bound: FloatArray, matrix: FloatArray, direction: FloatArray, again: BoolArray
) -> _Edges:
    """Return the edges of the polyhedron, in units of the bound.

    Face l holds of an edge the points where slope * v does not exceed room; above 0 all
    that the half spaces hold below 0 is outside, and the other way round.
    """
    one, other = np.triu_indices(matrix.shape[0], 1)
    rho = matrix[one, other]
    along = np.cross(direction[:, one], direction[:, other], axis=0)
    length = np.sqrt((along**2).sum(axis=0))
    side = np.where(bound > 0, -1.0, 1.0) / np.maximum(length, _ALIKE)
    begin, end = np.full(rho.shape, -np.inf), np.full(rho.shape, np.inf)
    end[(np.abs(rho) > 1 - _ALIKE) | again[one] | again[other]] = -np.inf
    opposite = np.maximum(1 + rho, _ALIKE)
    for face in range(matrix.shape[0]):
        slope = side * (along * direction[:, [face]]).sum(axis=0)
        room = np.sign(side) * (1 - (matrix[face, one] + matrix[face, other]) / opposite)
        cuts = ((one != face) & (other != face))[:, np.newaxis] & ~again[face]
        with np.errstate(divide="ignore", invalid="ignore"):
            end_here = room / slope
        np.minimum(end, end_here, out=end, where=cuts & (slope > 0))
        np.maximum(begin, end_here, out=begin, where=cuts & (slope < 0))
        end[cuts & (slope == 0) & (room < 0)] = -np.inf
    return _Edges(begin, end, np.sqrt(np.maximum(1 - rho, 0.0) / opposite))  # rho may round up


def _swept(distance: FloatArray, edges: _Edges) -> FloatArray:
    """Return what each edge sweeps up from infinity to a distance, shape as the edges'.

    With v = c sinh(u) the integrand has no corner near, however small c is; from u = 0 on
    few nodes are enough.
    """
    reach = _REACH / np.maximum(distance, _LEAST_DISTANCE)
    ends = np.stack([edges.begin, edges.end])
    upper = np.arcsinh(np.clip(ends, -reach, reach) / np.maximum(edges.distance, _ALIKE))
    nodes, weights = _nodes()
    total = np.zeros_like(upper)
    for node, weight in zip(nodes, weights, strict=True):
        exponential = np.exp(node * upper)
        cosh = (exponential + 1 / exponential) / 2
        q = np.sqrt(1 + (edges.distance * cosh) ** 2)
        total += weight * normal_cdf(-distance * q) / (q * cosh)
    begin, end = total * upper
    return np.asarray(np.where(edges.end > edges.begin, end - begin, 0.0) / np.pi)


@lru_cache(maxsize=1)
def _nodes() -> tuple[FloatArray, FloatArray]:
    """Return the nodes and weights of Gauss and Legendre on (0, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
    return (nodes + 1) / 2, weights / 2


def _by_points(bound: FloatArray, correlation: FloatArray) -> FloatArray:
    """Return the probability by Genz's separation of variables, in any dimension."""
    from scipy.special import ndtri

    root = np.linalg.cholesky(correlation + _NOTHING_LEFT * np.eye(correlation.shape[-1]))
    points = _points(correlation.shape[-1] - 1)
    below = -bound
    chance = np.repeat(normal_cdf(below)[:, np.newaxis], points.shape[0], axis=1)
    total, draws = chance.copy(), np.empty((bound.size, *points.shape))
    for k in range(1, correlation.shape[-1]):
        uniform = np.clip(chance * points[:, k - 1], 1e-15, 1 - 1e-15)
        draws[:, :, k - 1] = ndtri(uniform)
        shift = np.einsum("rpj,rj->rp", draws[:, :, :k], root[:, k, :k])
        chance = normal_cdf((below[:, np.newaxis] - shift) / root[:, k, k, np.newaxis])
        total *= chance
    least = normal_cdf(bound)
    return np.asarray(
        np.clip(1 - total.mean(axis=1), least, np.minimum(1.0, root.shape[-1] * least))
    )


def _points(dimensions: int) -> FloatArray:
    """Return points of the unit cube, (2 * 1021, dimensions): multiples of roots of primes."""
    steps = np.sqrt(np.array([2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0, 19.0]))[:dimensions]
    points = np.mod(np.arange(1, _N_POINTS + 1)[:, np.newaxis] * steps, 1.0)
    points = np.abs(2 * points - 1)  # tent: periodic, so that the rule converges fast
    return np.concatenate([points, 1 - points])
