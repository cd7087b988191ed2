"""The likeliest covariance of repeated measures, and how well it is known."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from lupusim.analysis.continuous.mmrm_likelihood import Likelihood, Patterns, likelihood
from lupusim.analysis.numerics.newton import is_regular
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass

_MOST_STEPS = 100
_CLOSE_ENOUGH = 1e-7  # in standard errors of the covariance
_MOST_NUMBERS = 300_000  # whose products stay in cache
_ROUNDING = 1e-10  # by which a log-likelihood may fall, relative to itself


def fitted(patterns: Patterns) -> tuple[FloatArray, BoolArray]:
    """Return the covariance that maximizes the restricted likelihood, and whether it was found.

    Scoring and Newton steps, and a step of the EM algorithm (which never descends) where such
    a step would descend or leave no covariance.

    Parameters
    ----------
    patterns : Patterns
        All pairs of visits must have been seen; values vary by about 1 at each visit.

    Returns
    -------
    sigma : (n_replicates, n_visits, n_visits) array
        The identity where it was not found.
    found : (n_replicates,) boolean array
        Whether it converged, and no visit is determined by others.

    References
    ----------
    Jennrich and Schluchter (1986), *Biometrics* 42, 805-820, sections 3 and 4.
    """
    n_replicates = patterns.z_z.shape[0]
    sigma = np.tile(np.eye(patterns.n_visits), (n_replicates, 1, 1))
    found, active = np.zeros(n_replicates, dtype=bool), np.arange(n_replicates)
    here = likelihood(patterns, sigma)
    for _ in range(_MOST_STEPS):
        step, length = _step(patterns, here)
        moving = length > _CLOSE_ENOUGH
        ended = active[~moving]
        sigma[ended], found[ended] = here.sigma[~moving], True
        patterns, here, active = _kept(moving, patterns, here, active)
        here = _ascended(patterns, here, step[moving])
        patterns, here, active = _kept(np.isfinite(here.value), patterns, here, active)
        if not active.size:
            break
    return sigma, found


def _kept(
    rows: BoolArray, patterns: Patterns, here: Likelihood, active: IntArray
) -> tuple[Patterns, Likelihood, IntArray]:
    """Return what is left of the replicates."""
    if rows.all():
        return patterns, here, active
    return patterns.take(rows), here.take(rows), active[rows]


def _ascended(patterns: Patterns, here: Likelihood, step: FloatArray) -> Likelihood:
    """Return the likelihood after a step that does not descend."""
    there = likelihood(patterns, here.sigma + step)
    worse = ~(there.value >= here.value - _ROUNDING * (1 + np.abs(here.value)))
    if worse.any():
        few, stay = patterns.take(worse), here.take(worse)
        n_patients = few.n_patients.sum(axis=1)[:, None, None]
        by_em = stay.sigma + 2 / n_patients * (stay.sigma @ stay.gradient @ stay.sigma)
        there = there.replaced(worse, likelihood(few, by_em))
    return there


def _step(patterns: Patterns, here: Likelihood) -> tuple[FloatArray, FloatArray]:
    """Return a step of the covariance, and its length in standard errors.

    By the expected information from afar, and near the top by the observed one, in which the
    coefficients' share is approximated: of complete values it is the exact one.
    """
    n_patients, n_visits = patterns.n_patients[:, :, None, None], patterns.n_visits
    share = (patterns.n_means.mean(axis=1) / patterns.n_patients.sum(axis=1))[:, None, None]
    basis = _basis(n_visits)
    score = here.gradient.reshape(len(share), n_visits**2) @ basis
    weighed = _by_parameter(_pairs(n_patients * here.weight, here.weight)) / 2
    step = np.linalg.solve((1 - share) * weighed, score[..., None])[..., 0]
    square = (step * score).sum(axis=1)
    near = np.flatnonzero(square < 1)
    bend = _by_parameter(_pairs(here.bend[near], here.weight[near]))
    observed = bend - (1 + share[near]) * weighed[near]
    regular = is_regular(observed)
    near, observed = near[regular], observed[regular]
    step[near] = np.linalg.solve(observed, score[near, :, None])[..., 0]
    length = np.sqrt(np.maximum((step * score).sum(axis=1), 0.0))
    return (step @ basis.T).reshape(here.sigma.shape), length


def _pairs(left: FloatArray, right: FloatArray) -> FloatArray:
    r"""Return :math:`\sum_g L_{ac} R_{bd}` as (n_replicates, T^2, T^2), rows ab, columns cd."""
    n_replicates, n_patterns, n_visits = left.shape[:3]
    flat = (n_replicates, n_patterns, n_visits**2)
    pairs = left.reshape(flat).swapaxes(1, 2) @ right.reshape(flat)
    by_letter = pairs.reshape(n_replicates, *(n_visits,) * 4).transpose(0, 1, 3, 2, 4)
    return by_letter.reshape(n_replicates, n_visits**2, n_visits**2)


def _by_parameter(pairs: FloatArray) -> FloatArray:
    """Return a form of covariances as one of their different elements."""
    basis = _basis(round(np.sqrt(pairs.shape[-1])))
    return np.asarray(basis.T @ pairs @ basis)


@cache
def _basis(n_visits: int) -> FloatArray:
    """Return symmetric matrices with one element each, as columns (n_visits ** 2, n_elements).

    SPEED: kept, since making them anew took a tenth of a fit (benchmarks/analyses.py).
    """
    first, second = np.triu_indices(n_visits)
    basis = np.zeros((n_visits, n_visits, first.size))
    number = np.arange(first.size)
    basis[first, second, number] = basis[second, first, number] = 1.0
    columns = basis.reshape(n_visits**2, -1)
    columns.setflags(write=False)
    return columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One coefficient at the last visit: (n_replicates,) arrays.

    `known` is false where the covariance is not determined.
    """

    estimate: FloatArray
    variance: FloatArray
    degrees: FloatArray
    known: BoolArray


def last_contrast(patterns: Patterns, here: Likelihood, column: int) -> Contrast:
    r"""Return a coefficient at the last visit, with Kenward and Roger's variance and degrees.

    .. math:: v = c'Mc + 2 \sum_{kl} A_{kl} (c'M Q_{kl} Mc - c'M F_k M F_l Mc), \qquad
              \nu = \frac{2 (c'Mc)^2}{g' A g}, \quad g_k = \frac{\partial c'Mc}{\partial
              \theta_k} = c'M F_k Mc

    where :math:`M` is the covariance of the coefficients if that of the values were known,
    :math:`A` the inverse of the expected restricted information of the covariance parameters,
    :math:`F_k = X'\Sigma^{-1}E_k\Sigma^{-1}X` and
    :math:`Q_{kl} = X'\Sigma^{-1}E_k\Sigma^{-1}E_l\Sigma^{-1}X`. Of a single contrast their
    degrees of freedom are Satterthwaite's; an unstructured covariance is linear in its
    parameters and needs no more terms.

    References
    ----------
    Kenward and Roger (1997), *Biometrics* 53, 983-997, sections 2 and 3.
    Fai and Cornelius (1996), *Journal of Statistical Computation and Simulation* 54, 363-378.
    """
    information = _information(patterns, here)
    known = is_regular(information)
    square = np.where(known[:, None, None], information, np.eye(information.shape[1]))
    toward = here.covariance[:, :, :, -1, column]
    spread = toward[:, None] @ patterns.z_z @ toward[:, None].swapaxes(2, 3)
    between = here.weight @ spread @ here.weight
    gradient = between.sum(axis=1).reshape(len(known), -1) @ _basis(patterns.n_visits)
    variance = here.covariance[:, -1, column, -1, column]
    uncertainty = (gradient * np.linalg.solve(square, gradient[..., None])[..., 0]).sum(axis=1)
    moved = _moved(patterns, here, toward)
    size = moved.shape[2]
    bent = moved @ here.covariance.reshape(-1, size, size) @ moved.swapaxes(1, 2)
    lost = _by_parameter(_pairs(between, here.weight)) - bent
    too_small = 2 * np.trace(np.linalg.solve(square, lost), axis1=1, axis2=2)
    return Contrast(
        estimate=here.coefficients[:, -1, column],
        variance=variance + np.maximum(too_small, 0.0),  # below 0 by rounding alone
        degrees=2 * variance**2 / np.where(known, uncertainty, 1.0),
        known=known,
    )


def _moved(patterns: Patterns, here: Likelihood, toward: FloatArray) -> FloatArray:
    r"""Return :math:`F_k Mc` of each covariance parameter, (n_replicates, n_elements, T q)."""
    n_replicates, n_patterns, n_visits = here.weight.shape[:3]
    ahead = here.weight @ toward[:, None] @ patterns.z_z
    flat = (n_replicates, n_patterns, -1)
    pairs = here.weight.reshape(flat).swapaxes(1, 2) @ ahead.reshape(flat)
    shape = (n_replicates, n_visits, n_visits, n_visits, -1)
    by_pair = pairs.reshape(shape).transpose(0, 2, 3, 1, 4).reshape(n_replicates, n_visits**2, -1)
    return np.asarray(_basis(n_visits).T @ by_pair)


def _information(patterns: Patterns, here: Likelihood) -> FloatArray:
    r"""Return the expected restricted information, :math:`\frac12 \mathrm{tr}(PE_kPE_l)`.

    References
    ----------
    Harville (1977), section 5.2.
    """
    n_patients = patterns.n_patients[:, :, None, None]
    around = here.weight @ here.leverage @ here.weight
    outer = _by_parameter(_pairs(n_patients * here.weight - 2 * around, here.weight))
    n_replicates, n_visits, n_covariates = here.coefficients.shape
    size, n_elements = n_visits * n_covariates, outer.shape[1]
    inner = np.zeros_like(outer)
    for rows in _parts(n_replicates, here.weight.shape[1] * n_visits**4):
        slopes = _slopes(patterns.z_z[rows], here.weight[rows])
        moved = here.covariance[rows].reshape(-1, 1, size, size) @ slopes
        flat = moved.reshape(-1, n_elements, size**2)
        turned = moved.swapaxes(2, 3).reshape(-1, n_elements, size**2)
        inner[rows] = flat @ turned.swapaxes(1, 2)
    return np.asarray((outer + inner) / 2)


def _parts(n_replicates: int, n_numbers: int) -> Iterator[slice]:
    """Yield some replicates at a time, such that so many numbers of each fit into memory."""
    size = max(1, _MOST_NUMBERS // n_numbers)
    for start in range(0, n_replicates, size):
        yield slice(start, min(start + size, n_replicates))


def _slopes(z_z: FloatArray, weight: FloatArray) -> FloatArray:
    r"""Return :math:`X'\Sigma^{-1}E_k\Sigma^{-1}X`, (n_replicates, n_elements, T q, T q)."""
    n_replicates, n_patterns, n_visits = weight.shape[:3]
    n_covariates = z_z.shape[2]
    outer = weight[:, :, :, :, None, None] * weight[:, :, None, None, :, :]
    outer = outer.reshape(n_replicates, n_patterns, n_visits**4).swapaxes(1, 2)
    whole = outer @ z_z.reshape(n_replicates, n_patterns, n_covariates**2)
    whole = whole.reshape(n_replicates, *(n_visits,) * 4, *(n_covariates,) * 2)
    between = whole.transpose(0, 2, 3, 1, 5, 4, 6).reshape(n_replicates, n_visits**2, -1)
    size = n_visits * n_covariates
    return np.asarray(_basis(n_visits).T @ between).reshape(n_replicates, -1, size, size)
