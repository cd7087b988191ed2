"""What tells patients apart: covariates, their effects on hazards, and frailty."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Protocol

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.model import Edge

_FARTHEST = 9.0  # standard deviations: beyond lies less than rounding

WEIGHT = "weight_kg"
"""The covariate that every population has: body weight, kg."""


class Covariate(Protocol):
    """The distribution of a number that a patient brings along."""

    @property
    def mean(self) -> float:
        """The mean over patients."""
        ...

    @property
    def sd(self) -> float:
        """The standard deviation over patients; 0 where all are the same."""
        ...

    def draw(self, shape: tuple[int, int], *, rng: np.random.Generator) -> FloatArray:
        """Return a value for each patient, of this shape."""
        ...

    def nodes(self, n_nodes: int) -> tuple[FloatArray, FloatArray]:
        """Return values and weights of a quadrature over patients, (n_nodes,) each."""
        ...


def _normal_nodes(n_nodes: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights of Gauss and Hermite for a standard normal number."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n_nodes)
    return nodes, weights / weights.sum()


def normal_nodes_above(
    floor: float, n_nodes: int, mean: float, sd: float
) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights of a normal number that is set to a floor where it lies below.

    Parameters
    ----------
    floor : float
        In standard deviations from the mean.
    n_nodes : int
        One at the floor, the others of Gauss and Legendre above it.
    mean, sd : float
        Of the number before.
    """
    begin = max(floor, -_FARTHEST)
    points, weights = np.polynomial.legendre.leggauss(n_nodes - 1)
    z = begin + (points + 1) * (_FARTHEST - begin) / 2
    mass = weights * np.exp(-(z**2) / 2)
    below = math.erfc(-floor / math.sqrt(2)) / 2
    mass *= (1 - below) / mass.sum()
    return mean + sd * np.append(floor, z), np.append(below, mass)


def _check_spread(mean: float, sd: float) -> None:
    if not math.isfinite(mean):
        raise ValueError(f"mean={mean!r} must be a finite number")
    if not (math.isfinite(sd) and sd >= 0):
        raise ValueError(f"sd={sd!r} must be 0 or above")


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalCovariate:
    """A normally distributed covariate, such as age.

    Parameters
    ----------
    mean, sd : float
        In the covariate's own unit; `sd` 0 or above.

    Examples
    --------
    >>> NormalCovariate(mean=50.0, sd=12.0).sd
    12.0
    """

    mean: float
    sd: float = 0.0

    def __post_init__(self) -> None:
        _check_spread(self.mean, self.sd)

    def draw(self, shape: tuple[int, int], *, rng: np.random.Generator) -> FloatArray:
        """Return a value for each patient, of this shape."""
        return self.mean + self.sd * rng.standard_normal(shape)

    def nodes(self, n_nodes: int) -> tuple[FloatArray, FloatArray]:
        """Return values and weights of a quadrature over patients, (n_nodes,) each."""
        nodes, weights = _normal_nodes(n_nodes)
        return self.mean + self.sd * nodes, weights


@dataclass(frozen=True, slots=True, kw_only=True)
class LognormalCovariate:
    """A covariate above 0 with a long right tail, such as a steroid dose.

    Parameters
    ----------
    mean, sd : float
        Of the covariate itself, not of its logarithm; `mean` above 0.

    Examples
    --------
    >>> LognormalCovariate(mean=60.0, sd=10.0).sd
    10.0
    """

    mean: float
    sd: float = 0.0

    def __post_init__(self) -> None:
        _check_spread(self.mean, self.sd)
        if not self.mean > 0:
            raise ValueError(f"mean={self.mean!r} must be above 0")

    def draw(self, shape: tuple[int, int], *, rng: np.random.Generator) -> FloatArray:
        """Return a value for each patient, of this shape."""
        log_variance = math.log1p((self.sd / self.mean) ** 2)
        log_mean = math.log(self.mean) - log_variance / 2
        return np.exp(log_mean + math.sqrt(log_variance) * rng.standard_normal(shape))

    def nodes(self, n_nodes: int) -> tuple[FloatArray, FloatArray]:
        """Return values and weights of a quadrature over patients, (n_nodes,) each."""
        nodes, weights = _normal_nodes(n_nodes)
        log_variance = math.log1p((self.sd / self.mean) ** 2)
        log_mean = math.log(self.mean) - log_variance / 2
        return np.exp(log_mean + math.sqrt(log_variance) * nodes), weights


@dataclass(frozen=True, slots=True, kw_only=True)
class CovariateEffect:
    """A hazard ratio that goes with a covariate, or with one level of a factor.

    Parameters
    ----------
    covariate : str
        Name of a covariate, a coded factor or ``weight_kg``; with `level` of a factor.
    on : tuple of (from_state, to_state)
        Transitions whose hazard is multiplied.
    hazard_ratio : float
        Per unit of the covariate, or of patients of the level against all others; above 0.
    level : str or None
        A level of the factor; None for a number.
    reference : float
        Value of the covariate at which the ratio is 1.
    arm : str or None
        The ratio acts on this arm's patients alone, on top of the arm's own effects: how the
        treatment works differs with the covariate. None for everybody.

    Examples
    --------
    >>> edges = (("well", "ill"),)
    >>> CovariateEffect(covariate="age", on=edges, hazard_ratio=1.2, reference=50.0).reference
    50.0
    """

    covariate: str
    on: tuple[Edge, ...]
    hazard_ratio: float
    level: str | None = None
    reference: float = 0.0
    arm: str | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.hazard_ratio) and self.hazard_ratio > 0):
            raise ValueError(f"hazard_ratio={self.hazard_ratio!r} must be above 0")
        if not math.isfinite(self.reference):
            raise ValueError(f"reference={self.reference!r} must be a finite number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A factor made of a covariate, such as SLEDAI below 10 or not.

    Parameters
    ----------
    covariate : str
        Name of a number that patients have.
    at : tuple of float
        Where it is cut, increasing; a value at a cut belongs above it.
    levels : tuple of str
        Names of the levels from the lowest, one more than there are cuts.

    Examples
    --------
    >>> Cut(covariate="age", at=(50.0,), levels=("young", "old")).levels
    ('young', 'old')
    """

    covariate: str
    at: tuple[float, ...]
    levels: tuple[str, ...]

    def __post_init__(self) -> None:
        if any(a >= b for a, b in pairwise(self.at)) or not all(map(math.isfinite, self.at)):
            raise ValueError(f"at={self.at} must be finite and increasing")
        if len(self.levels) != len(self.at) + 1 or len(set(self.levels)) < len(self.levels):
            raise ValueError(f"levels={self.levels} must be one name more than at={self.at}")

    def level(self, number: FloatArray) -> IntArray:
        """Return the level of each value, same shape."""
        return np.asarray(np.searchsorted(self.at, number, side="right"))


class Frailty(Protocol):
    """What a patient's hazards are multiplied by, for reasons that nobody measures."""

    @property
    def on(self) -> tuple[Edge, ...]:
        """The transitions that it multiplies, all by the same factor."""
        ...

    def draw(self, n_patients: int, *, rng: np.random.Generator) -> FloatArray:
        """Return a factor for each patient, of mean 1; shape (n_patients,)."""
        ...

    def nodes(self, n_nodes: int) -> tuple[FloatArray, FloatArray]:
        """Return factors and weights of a quadrature over patients, (n_nodes,) each."""
        ...


def _check_variance(variance: float) -> None:
    if not (math.isfinite(variance) and variance > 0):
        raise ValueError(f"variance={variance!r} must be above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class GammaFrailty:
    """A gamma distributed frailty of mean 1.

    Parameters
    ----------
    on : tuple of (from_state, to_state)
        Transitions that share it.
    variance : float
        Above 0.

    References
    ----------
    Vaupel, Manton and Stallard (1979), Demography 16, 439-454: with a baseline cumulative
    hazard H the population's survival is (1 + variance H)^(-1 / variance).

    Examples
    --------
    >>> GammaFrailty(on=(("well", "ill"),), variance=0.5).variance
    0.5
    """

    on: tuple[Edge, ...]
    variance: float

    def __post_init__(self) -> None:
        _check_variance(self.variance)

    def draw(self, n_patients: int, *, rng: np.random.Generator) -> FloatArray:
        """Return a factor for each patient, of mean 1; shape (n_patients,)."""
        return rng.standard_gamma(1 / self.variance, n_patients) * self.variance

    def nodes(self, n_nodes: int) -> tuple[FloatArray, FloatArray]:
        """Return factors and weights of a quadrature over patients, (n_nodes,) each."""
        from scipy.special import roots_genlaguerre

        nodes, weights = roots_genlaguerre(n_nodes, 1 / self.variance - 1)
        return nodes * self.variance, weights / weights.sum()


@dataclass(frozen=True, slots=True, kw_only=True)
class LognormalFrailty:
    """A lognormal frailty of mean 1.

    Parameters
    ----------
    on : tuple of (from_state, to_state)
        Transitions that share it.
    variance : float
        Of the factor itself, not of its logarithm; above 0.

    Examples
    --------
    >>> LognormalFrailty(on=(("well", "ill"),), variance=0.5).variance
    0.5
    """

    on: tuple[Edge, ...]
    variance: float

    def __post_init__(self) -> None:
        _check_variance(self.variance)

    def draw(self, n_patients: int, *, rng: np.random.Generator) -> FloatArray:
        """Return a factor for each patient, of mean 1; shape (n_patients,)."""
        log_variance = math.log1p(self.variance)
        normal = rng.standard_normal(n_patients)
        return np.exp(math.sqrt(log_variance) * normal - log_variance / 2)

    def nodes(self, n_nodes: int) -> tuple[FloatArray, FloatArray]:
        """Return factors and weights of a quadrature over patients, (n_nodes,) each."""
        nodes, weights = _normal_nodes(n_nodes)
        log_variance = math.log1p(self.variance)
        return np.exp(math.sqrt(log_variance) * nodes - log_variance / 2), weights
