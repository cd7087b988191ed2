"""Distributions of parameters that are not known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import field
from typing import Protocol

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import POSITIVE, check_ranges


class Distribution(Protocol):
    """What is known of a parameter."""

    @property
    def mean(self) -> float:
        """Its expectation."""
        ...

    def draw(self, n_draws: int, *, rng: np.random.Generator) -> FloatArray:
        """Return so many independent draws."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GammaDistribution:
    """Of costs and rates, by mean and standard deviation; both above 0."""

    mean: float = field(metadata=POSITIVE)
    sd: float = field(metadata=POSITIVE)

    def __post_init__(self) -> None:
        check_ranges(self)

    def draw(self, n_draws: int, *, rng: np.random.Generator) -> FloatArray:
        """Return so many independent draws."""
        shape = (self.mean / self.sd) ** 2
        return np.asarray(rng.gamma(shape, self.mean / shape, n_draws))


@dataclass(frozen=True, slots=True, kw_only=True)
class BetaDistribution:
    """Of probabilities and utilities, by mean and standard deviation."""

    mean: float = field(metadata=POSITIVE)
    sd: float = field(metadata=POSITIVE)

    def __post_init__(self) -> None:
        check_ranges(self)
        if not (self.mean < 1 and self.sd**2 < self.mean * (1 - self.mean)):
            raise ValueError(
                f"mean={self.mean!r} must be below 1, sd={self.sd!r} below "
                f"{math.sqrt(max(self.mean * (1 - self.mean), 0)):.4g}"
            )

    def draw(self, n_draws: int, *, rng: np.random.Generator) -> FloatArray:
        """Return so many independent draws."""
        total = self.mean * (1 - self.mean) / self.sd**2 - 1
        return np.asarray(rng.beta(self.mean * total, (1 - self.mean) * total, n_draws))


@dataclass(frozen=True, slots=True, kw_only=True)
class LognormalDistribution:
    """Of hazard ratios, by median and the standard deviation of the logarithm; both above 0."""

    median: float = field(metadata=POSITIVE)
    sdlog: float = field(metadata=POSITIVE)

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def mean(self) -> float:
        """Its expectation."""
        return self.median * math.exp(self.sdlog**2 / 2)

    def draw(self, n_draws: int, *, rng: np.random.Generator) -> FloatArray:
        """Return so many independent draws."""
        return np.asarray(self.median * np.exp(self.sdlog * rng.standard_normal(n_draws)))


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalDistribution:
    """Of what may be below 0, by mean and standard deviation (above 0)."""

    mean: float
    sd: float = field(metadata=POSITIVE)

    def __post_init__(self) -> None:
        check_ranges(self)

    def draw(self, n_draws: int, *, rng: np.random.Generator) -> FloatArray:
        """Return so many independent draws."""
        return np.asarray(rng.normal(self.mean, self.sd, n_draws))


@dataclass(frozen=True, slots=True, kw_only=True)
class UniformDistribution:
    """Anything from `low` to `high` alike."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"low={self.low!r} must be below high={self.high!r}")

    @property
    def mean(self) -> float:
        """Its expectation."""
        return 0.5 * (self.low + self.high)

    def draw(self, n_draws: int, *, rng: np.random.Generator) -> FloatArray:
        """Return so many independent draws."""
        return np.asarray(rng.uniform(self.low, self.high, n_draws))


DISTRIBUTIONS: dict[str, Callable[..., Distribution]] = {
    "gamma": GammaDistribution,
    "beta": BetaDistribution,
    "lognormal": LognormalDistribution,
    "normal": NormalDistribution,
    "uniform": UniformDistribution,
}
"""By the name that files give them."""
