"""Where to look for a posterior: densities one can draw from, and how to call one's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np

from lupusim.common.arrays import FloatArray, read_only
from lupusim.common.frozen import dataclass

ScalarDensity: TypeAlias = Callable[[FloatArray], float]
"""Log density, up to a constant, at one vector of shape ``(n_parameters,)``."""


@dataclass(frozen=True, slots=True)
class RowDensity:
    """A log density that is evaluated at many points in one call."""

    evaluate: Callable[[FloatArray], FloatArray]
    """From ``(n_points, n_parameters)`` to ``(n_points,)``."""


LogDensity: TypeAlias = ScalarDensity | RowDensity


class Proposal(Protocol):
    """A normalized density that can be drawn from, such as a prior."""

    def sample(self, n_draws: int, *, rng: np.random.Generator) -> FloatArray:
        """Return draws, shape ``(n_draws, n_parameters)``."""
        ...

    def log_density(self, values: FloatArray) -> FloatArray:
        """Return the log density at each row of `values`, shape ``(n_draws,)``."""
        ...


def evaluate(log_density: LogDensity, values: FloatArray) -> FloatArray:
    """Return a log density at each row of `values`.

    Parameters
    ----------
    log_density : callable on one vector, or RowDensity
    values : (n_points, n_parameters) array

    Returns
    -------
    (n_points,) array
        ``-inf`` where the density is 0.

    Raises
    ------
    ValueError
        If the log density is ``nan`` or ``+inf`` somewhere: it says where.
    """
    if isinstance(log_density, RowDensity):
        heights = np.asarray(log_density.evaluate(values), dtype=float)
    else:
        heights = np.array([log_density(value) for value in values], dtype=float)
    if heights.shape != values.shape[:1]:
        raise ValueError(
            f"the log density returned shape {heights.shape} for {len(values)} points: "
            "it must return one number for each"
        )
    bad = np.flatnonzero(np.isnan(heights) | (heights == np.inf))
    if bad.size:
        raise ValueError(
            f"the log density is {heights[bad[0]]!r} at {values[bad[0]].tolist()}: it must be a "
            "number, or -inf where the parameters are impossible"
        )
    return heights


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """An optimum of a log density, with the normal approximation around it.

    Raises
    ------
    ValueError
        If the shapes do not agree or `covariance` is not positive definite.
    """

    location: FloatArray  # (n_parameters,)
    covariance: FloatArray
    """Positive definite; the inverse of the information, see `from_information`; (n_parameters,
    n_parameters)."""

    def __post_init__(self) -> None:
        location, covariance = read_only(self.location), read_only(self.covariance)
        if location.ndim != 1 or covariance.shape != (location.size, location.size):
            raise ValueError(
                f"location of shape {location.shape} and covariance of shape {covariance.shape} "
                "do not fit: give (n_parameters,) and (n_parameters, n_parameters)"
            )
        eigenvalues = np.linalg.eigvalsh(covariance)
        if not eigenvalues[0] > 0:
            raise ValueError(
                f"the covariance has eigenvalues {eigenvalues.tolist()}: all must be above 0. "
                "A parameter that is not identified needs a prior."
            )
        object.__setattr__(self, "location", location)
        object.__setattr__(self, "covariance", covariance)

    @classmethod
    def from_information(cls, location: FloatArray, information: FloatArray) -> Mode:
        """Return the mode whose covariance is the inverse of the information matrix.

        Parameters
        ----------
        location : (n_parameters,) array
        information : (n_parameters, n_parameters) array
            Minus the second derivatives of the log density.

        Raises
        ------
        ValueError
            If `information` is singular or not positive definite.
        """
        try:
            covariance = np.linalg.inv(np.asarray(information, dtype=float))
        except np.linalg.LinAlgError:
            raise ValueError(
                "the information matrix is singular: a combination of parameters is not "
                "identified. Give it a prior, or fix one of them."
            ) from None
        return cls(location=location, covariance=(covariance + covariance.T) / 2)

    def squared_distance(self, values: FloatArray) -> FloatArray:
        """Return the squared Mahalanobis distance of each row, shape ``(n_points,)``."""
        from scipy.linalg import solve_triangular

        factor = np.linalg.cholesky(self.covariance)
        scaled = solve_triangular(factor, (values - self.location).T, lower=True)
        squared: FloatArray = np.square(scaled).sum(axis=0)
        return squared

    def log_scale(self) -> float:
        """Return half the log determinant of the covariance."""
        return float(np.log(np.diag(np.linalg.cholesky(self.covariance))).sum())

    def transform(self, standard: FloatArray) -> FloatArray:
        """Return standard draws, one a row, moved and stretched to this mode."""
        moved: FloatArray = self.location + standard @ np.linalg.cholesky(self.covariance).T
        return moved


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentMixture:
    """A mixture of multivariate t distributions, one around each mode.

    Raises
    ------
    ValueError
        If there is no mode, the shares do not fit, or `degrees_of_freedom` is not above 0.

    References
    ----------
    Kotz and Nadarajah (2004), *Multivariate t Distributions and Their Applications*, eq. 1.1.
    """

    modes: Sequence[Mode]  # at least one
    shares: Sequence[float]  # share of each component; they must sum to 1
    degrees_of_freedom: float  # above 0; ``inf`` gives the normal distribution

    def __post_init__(self) -> None:
        if len(self.shares) != len(self.modes) or not math.isclose(sum(self.shares), 1.0):
            raise ValueError(
                f"shares={list(self.shares)!r} must be one for each of {len(self.modes)} modes "
                "and sum to 1"
            )
        if not self.degrees_of_freedom > 0:
            raise ValueError(f"degrees_of_freedom={self.degrees_of_freedom!r} must be above 0")

    def sample(self, n_draws: int, *, rng: np.random.Generator) -> FloatArray:
        """Return draws; each component gets its exact share, so that modes add no noise."""
        edges = np.rint(n_draws * np.cumsum([0.0, *self.shares])).astype(int)
        n_parameters = self.modes[0].location.size
        standard = rng.standard_normal((n_draws, n_parameters)) / self._radius(n_draws, rng)
        parts = [
            mode.transform(standard[start:stop])
            for mode, start, stop in zip(self.modes, edges, edges[1:], strict=False)
        ]
        return np.concatenate(parts)

    def _radius(self, n_draws: int, rng: np.random.Generator) -> FloatArray:
        if math.isinf(self.degrees_of_freedom):
            return np.ones((n_draws, 1))
        chi_square = rng.chisquare(self.degrees_of_freedom, (n_draws, 1))
        return np.sqrt(chi_square / self.degrees_of_freedom)

    def log_density(self, values: FloatArray) -> FloatArray:
        """Return the log density of the mixture at each row of `values`."""
        with np.errstate(divide="ignore"):  # a component without a share
            log_shares = np.log(self.shares)
        heights = [
            share + student_log_density(values, mode, self.degrees_of_freedom)
            for share, mode in zip(log_shares, self.modes, strict=True)
        ]
        total: FloatArray = np.logaddexp.reduce(np.stack(heights))
        return total


def student_log_density(values: FloatArray, mode: Mode, degrees_of_freedom: float) -> FloatArray:
    """Return the log density of the multivariate t (normal at ``inf``) at each row."""
    n_parameters, distance = mode.location.size, mode.squared_distance(values)
    if math.isinf(degrees_of_freedom):
        constant = -0.5 * n_parameters * math.log(2 * math.pi) - mode.log_scale()
        return constant - 0.5 * distance
    half = 0.5 * (degrees_of_freedom + n_parameters)
    constant = (
        math.lgamma(half)
        - math.lgamma(0.5 * degrees_of_freedom)
        - 0.5 * n_parameters * math.log(degrees_of_freedom * math.pi)
        - mode.log_scale()
    )
    height: FloatArray = constant - half * np.log1p(distance / degrees_of_freedom)
    return height
