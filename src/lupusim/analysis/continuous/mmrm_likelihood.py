"""Restricted likelihood of repeated measures with an unstructured covariance, trial by trial.

Patients who were seen at the same visits share everything but their sums of products: all
that the likelihood needs of a trial are those sums, pattern by pattern.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lupusim.analysis.numerics.newton import is_regular
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterns:
    r"""Sums of products of the patients who were seen at the same visits."""

    seen: BoolArray  # the visits of each pattern; (n_replicates, n_patterns, n_visits)
    z_z: FloatArray
    r""":math:`\sum z_i z_i'` of what describes the patients, 1 first; (n_replicates, n_patterns,
    n_covariates, n_covariates)."""
    z_y: FloatArray
    r""":math:`\sum z_i y_i'`; 0 at visits that were not seen; (n_replicates, n_patterns,
    n_covariates, n_visits)."""
    y_y: FloatArray  # :math:`\sum y_i y_i'`; (n_replicates, n_patterns, n_visits, n_visits)
    idle: FloatArray
    """Projection onto what nobody seen at a visit can tell, such as the mean of a stratum without
    anybody there; mostly 0. Those coefficients are held at 0; (n_replicates, n_visits,
    n_covariates, n_covariates)."""

    @property
    def n_visits(self) -> int:
        """How many visits there are."""
        return int(self.seen.shape[2])

    @property
    def n_covariates(self) -> int:
        """How many numbers describe a patient, the 1 among them."""
        return int(self.z_z.shape[2])

    @property
    def n_patients(self) -> FloatArray:
        """Patients of each pattern, shape (n_replicates, n_patterns)."""
        return self.z_z[:, :, 0, 0]

    @property
    def n_means(self) -> FloatArray:
        """Coefficients that can be told at each visit, shape (n_replicates, n_visits)."""
        return np.asarray(self.n_covariates - np.round(np.trace(self.idle, axis1=2, axis2=3)))

    def take(self, rows: BoolArray | IntArray) -> Patterns:
        """Return the patterns of some replicates."""
        names = ("seen", "z_z", "z_y", "y_y", "idle")
        parts = {name: getattr(self, name)[rows] for name in names}
        return Patterns(**parts)

    def scaled(self, size: FloatArray) -> Patterns:
        """Return them with values divided by sizes of the visits, (n_replicates, n_visits)."""
        return Patterns(
            seen=self.seen,
            z_z=self.z_z,
            z_y=self.z_y / size[:, None, None, :],
            y_y=self.y_y / (size[:, None, :, None] * size[:, None, None, :]),
            idle=self.idle,
        )

    def at_visits(self) -> FloatArray:
        """Return sums of products of those seen at each visit, (n_replicates, n_visits, q, q).

        With 1 for each coefficient that is held, so that they can be inverted.
        """
        return _at_visits(self.seen, self.z_z) + self.idle

    def at_both(self) -> FloatArray:
        """Return how many were seen at both of two visits, (n_replicates, n_visits, n_visits)."""
        seen = self.seen.astype(float)
        both = np.einsum("rgj,rgk,rg->rjk", seen, seen, self.n_patients, optimize=True)
        return np.asarray(both)


def patterns_of(design: FloatArray, values: FloatArray, seen: BoolArray) -> Patterns:
    """Return the sums of each pattern.

    Parameters
    ----------
    design : (n_replicates, n_patients, n_covariates) array
        What describes the patients, 1 first.
    values : (n_replicates, n_patients, n_visits) array
        0 where `seen` is false.
    seen : (n_replicates, n_patients, n_visits) boolean array
        Which values there are; who has none is left out.
    """
    n_replicates, n_patients, n_visits = values.shape
    pattern, code = _different(seen.reshape(n_replicates * n_patients, n_visits))
    n_patterns, width = len(pattern), design.shape[2] + n_visits
    key = code.reshape(n_replicates, n_patients) + n_patterns * np.arange(n_replicates)[:, None]
    columns = np.concatenate([design, values], axis=2)
    sums = np.empty((n_replicates * n_patterns, width, width))
    for one in range(width):
        for other in range(one + 1):
            product = (columns[:, :, one] * columns[:, :, other]).ravel()
            sums[:, one, other] = np.bincount(key.ravel(), product, n_replicates * n_patterns)
            sums[:, other, one] = sums[:, one, other]
    sums = sums.reshape(n_replicates, n_patterns, width, width)
    # SPEED: patterns that a trial has not are left out; the last ones may be empty
    there = (sums[:, :, 0, 0] > 0) & pattern.any(axis=1)
    most = int(there.sum(axis=1).max(initial=0))
    own = np.argsort(~there, axis=1, kind="stable")[:, :most]
    sums = np.take_along_axis(sums, own[:, :, None, None], axis=1)
    sums *= np.take_along_axis(there, own, axis=1)[:, :, None, None]
    split = design.shape[2]
    z_z = np.ascontiguousarray(sums[:, :, :split, :split])
    return Patterns(
        seen=pattern[own],
        z_z=z_z,
        z_y=np.ascontiguousarray(sums[:, :, :split, split:]),
        y_y=np.ascontiguousarray(sums[:, :, split:, split:]),
        idle=_idle(_at_visits(pattern[own], z_z)),
    )


def _at_visits(seen: BoolArray, z_z: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("rgj,rgpq->rjpq", seen.astype(float), z_z))


def _idle(at_visits: FloatArray) -> FloatArray:
    """Return projections onto the null spaces of matrices (n_replicates, n_visits, q, q)."""
    flat = at_visits.reshape(-1, *at_visits.shape[2:])
    projection = np.zeros_like(flat)
    singular = ~is_regular(flat)
    size, direction = np.linalg.eigh(flat[singular])
    unseen = size <= _IDLE * np.maximum(size[:, -1:], 1.0)
    kept = direction * unseen[:, None, :]
    projection[singular] = kept @ kept.swapaxes(1, 2)
    return projection.reshape(at_visits.shape)


_IDLE = 1e-10  # of the largest eigenvalue


def _different(rows: BoolArray) -> tuple[BoolArray, IntArray]:
    """Return the different rows, and which of them each row is."""
    first, code = np.zeros(min(len(rows), 1), dtype=np.intp), np.zeros(len(rows), dtype=np.intp)
    # SPEED: eight visits at a time are a number; sorting rows as such takes ten times longer
    for byte in np.packbits(rows, axis=1).T:
        _, first, code = np.unique(256 * code + byte, return_index=True, return_inverse=True)
    return rows[first], code


class Likelihood(NamedTuple):
    """The restricted likelihood at a covariance; one per replicate.

    `sigma` is the (r, T, T) covariance of the visits; `value` the log-likelihood (r,), -inf
    where `sigma` is no covariance; `gradient` its derivative by the covariance (r, T, T);
    `weight` the inverse covariances of the patterns (r, G, T, T), 0 where not seen;
    `coefficients` (r, T, q) and their `covariance` (r, T, q, T, q); `leverage` is what their
    uncertainty adds to the residuals' sums of products (r, G, T, T), and `bend` is what the
    two give between inverse covariances (r, G, T, T).
    """

    sigma: FloatArray
    value: FloatArray
    gradient: FloatArray
    weight: FloatArray
    coefficients: FloatArray
    covariance: FloatArray
    leverage: FloatArray
    bend: FloatArray

    def take(self, rows: BoolArray) -> Likelihood:
        """Return that of some replicates."""
        return Likelihood(*(part[rows] for part in self))

    def replaced(self, rows: BoolArray, other: Likelihood) -> Likelihood:
        """Return this one with another in some replicates."""
        for part, new in zip(self, other, strict=True):
            part[rows] = new
        return self


def likelihood(patterns: Patterns, sigma: FloatArray) -> Likelihood:
    r"""Return the restricted likelihood of each replicate at a covariance.

    .. math:: -2\ell = \sum_i \log|\Sigma_i| + \log|\sum_i X_i'\Sigma_i^{-1}X_i|
              + \sum_i r_i'\Sigma_i^{-1}r_i

    References
    ----------
    Harville (1977), *Journal of the American Statistical Association* 72, 320-338,
    section 5.1.
    """
    n_replicates, n_patterns = patterns.n_patients.shape
    n_visits, n_covariates = patterns.n_visits, patterns.n_covariates
    weight, log_determinant, sound = _inverses(sigma, patterns.seen)
    by_pair = weight.reshape(n_replicates, n_patterns, n_visits**2)
    z_z = patterns.z_z.reshape(n_replicates, n_patterns, n_covariates**2)
    shape = (n_replicates, n_visits, n_visits, n_covariates, n_covariates)
    products = (by_pair.transpose(0, 2, 1) @ z_z).reshape(shape).transpose(0, 1, 3, 2, 4)
    size = n_visits * n_covariates
    visit = np.arange(n_visits)
    products[:, visit, :, visit] += patterns.idle.swapaxes(0, 1)
    square = products.reshape(n_replicates, size, size)
    covariance: FloatArray = np.asarray(np.linalg.inv(square), dtype=float)
    score = (weight @ patterns.z_y.swapaxes(2, 3)).sum(axis=1)
    estimate = (covariance @ score.reshape(n_replicates, size, 1)).reshape(score.shape)
    by_visits = covariance.reshape(products.shape).transpose(0, 1, 3, 2, 4)
    inner = by_visits.reshape(n_replicates, n_visits**2, n_covariates**2)
    leverage = (z_z @ inner.swapaxes(1, 2)).reshape(weight.shape)
    residual = _residual(patterns, estimate)
    n_patients = patterns.n_patients[:, :, None, None]
    bend = weight @ (residual + leverage) @ weight
    slope = (bend - n_patients * weight).sum(axis=1) / 2
    deviance = (patterns.n_patients * log_determinant).sum(axis=1)
    deviance += np.linalg.slogdet(square)[1] + (weight * residual).sum(axis=(1, 2, 3))
    return Likelihood(
        sigma=sigma,
        value=np.where(sound, -deviance / 2, -np.inf),
        gradient=slope,
        weight=weight,
        coefficients=estimate,
        covariance=covariance.reshape(products.shape),
        leverage=leverage,
        bend=bend,
    )


def _residual(patterns: Patterns, coefficients: FloatArray) -> FloatArray:
    """Return sums of products of the residuals, (n_replicates, n_patterns, T, T)."""
    fitted = coefficients[:, None]
    cross = fitted @ patterns.z_y
    inner = fitted @ patterns.z_z @ fitted.swapaxes(2, 3)
    return np.asarray(patterns.y_y - cross - cross.swapaxes(2, 3) + inner)


def _inverses(sigma: FloatArray, seen: BoolArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return inverse covariances of the visits seen, log determinants, and if all are above 0.

    Where one is not, the inverses are those of the identity.
    """
    # SPEED: sweeping all patterns at once is ten times faster than a call of LAPACK for each
    # (benchmarks/analyses.py). Patterns lie last, so that each operation runs over them all.
    n_replicates, n_visits = sigma.shape[:2]
    both = (seen[:, :, :, None] & seen[:, :, None, :]).transpose(2, 3, 0, 1)
    identity = np.eye(n_visits)[:, :, None, None]
    swept = np.where(both, sigma.transpose(1, 2, 0)[..., None], identity)
    log_determinant = np.zeros(seen.shape[:2])
    sound = np.ones(n_replicates, dtype=bool)
    for visit in range(n_visits):
        pivot = swept[visit, visit].copy()
        positive = pivot > _SMALLEST_PIVOT
        sound &= positive.all(axis=1)
        pivot = np.where(positive, pivot, 1.0)
        log_determinant += np.log(pivot)
        row = swept[visit] / pivot
        column = swept[:, visit].copy()
        swept -= column[:, None] * row[None]
        swept[visit], swept[:, visit] = row, -column / pivot
        swept[visit, visit] = 1 / pivot
    inverse = np.where(both & sound[:, None], swept, np.where(both, identity, 0.0))
    return np.ascontiguousarray(inverse.transpose(2, 3, 0, 1)), log_determinant, sound


_SMALLEST_PIVOT = 1e-6  # variance of a visit given others, where visits vary by about 1
