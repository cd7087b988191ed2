"""Hazards whose cumulative hazard inverts in closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model.hazards.base import FAMILIES, Hazard, check_finite, check_positive

_FLAT = 1e-150  # a growth so slow counts as none: dividing by it would overflow


@FAMILIES.register("exponential")
@dataclass(frozen=True, slots=True, kw_only=True)
class ExponentialHazard(Hazard):
    r"""Constant hazard :math:`h(t) = \text{rate}`.

    Parameters
    ----------
    rate : float
        Events per year, 0 or above; 0 means that the transition never happens.

    Examples
    --------
    >>> ExponentialHazard(rate=0.5).mean()
    2.0
    """

    steps: ClassVar[tuple[float, ...]] = ()  # it never jumps

    rate: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate >= 0):
            raise ValueError(f"rate={self.rate!r} must be a finite number, 0 or above")

    @property
    def constant_rate(self) -> float:
        """Events per year."""
        return self.rate

    def hazard(self, time: FloatArray) -> FloatArray:
        """Return the hazard, per year."""
        return np.full_like(time, self.rate, dtype=float)

    def cumulative(self, time: FloatArray) -> FloatArray:
        """Return the cumulative hazard."""
        return time * self.rate if self.rate > 0 else np.zeros_like(time, dtype=float)

    def inverse_cumulative(self, cumulative: FloatArray) -> FloatArray:
        """Return the time at which the cumulative hazard reaches `cumulative`."""
        if self.rate == 0:
            return np.where(cumulative > 0, np.inf, 0.0)
        return cumulative * (1 / self.rate)

    def in_years(self, per_year: float) -> ExponentialHazard:
        """Return the hazard whose parameters counted time in units of which a year has so many."""
        return ExponentialHazard(rate=self.rate * per_year)

    def mean(self) -> float:
        """Return 1 / rate."""
        return 1 / self.rate if self.rate > 0 else math.inf


@FAMILIES.register("weibull")
@dataclass(frozen=True, slots=True, kw_only=True)
class WeibullHazard(Hazard):
    r"""Weibull hazard.

    .. math:: h(t) = \frac{k}{\lambda}\left(\frac{t}{\lambda}\right)^{k-1},
              \qquad H(t) = \left(\frac{t}{\lambda}\right)^{k}

    Parameters
    ----------
    shape : float
        :math:`k > 0`; below 1 the hazard falls with time, above 1 it rises.
    scale : float
        :math:`\lambda > 0`, years; 63.2 % would have left by then were this the only way out.

    References
    ----------
    Kalbfleisch and Prentice (2002), *The Statistical Analysis of Failure Time Data*,
    2nd ed., chapter 2.

    Examples
    --------
    >>> hazard = WeibullHazard(shape=1.0, scale=10.0)
    >>> float(hazard.cumulative(np.array(5.0)))
    0.5
    """

    shape: float
    scale: float

    def __post_init__(self) -> None:
        check_positive(shape=self.shape, scale=self.scale)

    def hazard(self, time: FloatArray) -> FloatArray:
        """Return the hazard, per year; ``inf`` at time 0 where the shape is below 1."""
        with np.errstate(divide="ignore"):
            power = np.asarray(time / self.scale) ** (self.shape - 1)
        return np.asarray(self.shape / self.scale * power)

    def cumulative(self, time: FloatArray) -> FloatArray:
        """Return the cumulative hazard."""
        return np.asarray((time / self.scale) ** self.shape)

    @classmethod
    def cumulative_of_many(
        cls, parameters: Mapping[str, FloatArray], time: FloatArray
    ) -> FloatArray:
        """Return the cumulative hazards of many, (n, n_times), of (n,) shapes and scales."""
        with np.errstate(over="ignore"):
            return np.asarray((time / parameters["scale"][:, None]) ** parameters["shape"][:, None])

    def inverse_cumulative(self, cumulative: FloatArray) -> FloatArray:
        """Return the time at which the cumulative hazard reaches `cumulative`."""
        return np.asarray(self.scale * cumulative ** (1 / self.shape))

    def in_years(self, per_year: float) -> WeibullHazard:
        """Return the hazard whose parameters counted time in units of which a year has so many."""
        return WeibullHazard(shape=self.shape, scale=self.scale / per_year)

    def mean(self) -> float:
        """Return scale * Gamma(1 + 1 / shape)."""
        return self.scale * math.gamma(1 + 1 / self.shape)


@FAMILIES.register("gompertz")
@dataclass(frozen=True, slots=True, kw_only=True)
class GompertzHazard(Hazard):
    r"""Gompertz hazard :math:`h(t) = \text{rate}\,e^{\text{shape}\,t}`.

    Parameters
    ----------
    shape : float
        Growth of the log hazard per year; below 0 some patients never leave.
    rate : float
        Hazard at time 0, per year, above 0.

    References
    ----------
    Jackson (2016), flexsurv, Journal of Statistical Software 70(8), table 1.
    """

    shape: float
    rate: float

    def __post_init__(self) -> None:
        check_finite(shape=self.shape)
        check_positive(rate=self.rate)

    def hazard(self, time: FloatArray) -> FloatArray:
        """Return the hazard, per year."""
        return np.asarray(self.rate * np.exp(self.shape * time))

    def cumulative(self, time: FloatArray) -> FloatArray:
        """Return the cumulative hazard."""
        if abs(self.shape) < _FLAT:
            return np.asarray(self.rate * time)
        return np.asarray(self.rate / self.shape * np.expm1(self.shape * time))

    def inverse_cumulative(self, cumulative: FloatArray) -> FloatArray:
        """Return the time at which the cumulative hazard reaches `cumulative`, or ``inf``."""
        if abs(self.shape) < _FLAT:
            return np.asarray(cumulative / self.rate)
        argument = self.shape / self.rate * cumulative
        with np.errstate(divide="ignore"):
            return np.asarray(np.log1p(np.maximum(argument, -1.0)) / self.shape)

    def in_years(self, per_year: float) -> GompertzHazard:
        """Return the hazard whose parameters counted time in units of which a year has so many."""
        return GompertzHazard(shape=self.shape * per_year, rate=self.rate * per_year)

    def mean(self) -> float:
        """Return the mean; ``inf`` where some patients never leave."""
        if self.shape < 0:
            return math.inf
        if abs(self.shape) < _FLAT:
            return 1 / self.rate
        from scipy.special import exp1

        ratio = self.rate / self.shape
        # exp(ratio) * E1(ratio), by its asymptotic partner where exp overflows.
        if ratio > 500:
            return float(1 / self.shape / ratio * (1 - 1 / ratio + 2 / ratio**2))
        return float(math.exp(ratio) * exp1(ratio) / self.shape)


@FAMILIES.register("loglogistic")
@dataclass(frozen=True, slots=True, kw_only=True)
class LoglogisticHazard(Hazard):
    r"""Log-logistic hazard, :math:`S(t) = 1 / (1 + (t / \text{scale})^{\text{shape}})`.

    Parameters
    ----------
    shape : float
        Above 0; above 1 the hazard first rises, then falls.
    scale : float
        Median time, years, above 0.
    """

    shape: float
    scale: float

    def __post_init__(self) -> None:
        check_positive(shape=self.shape, scale=self.scale)

    def hazard(self, time: FloatArray) -> FloatArray:
        """Return the hazard, per year; ``inf`` at time 0 where the shape is below 1."""
        with np.errstate(divide="ignore"):
            odds_slope = self.shape / self.scale * np.asarray(time / self.scale) ** (self.shape - 1)
        return np.asarray(odds_slope / (1 + (time / self.scale) ** self.shape))

    def cumulative(self, time: FloatArray) -> FloatArray:
        """Return the cumulative hazard."""
        return np.asarray(np.log1p((time / self.scale) ** self.shape))

    def inverse_cumulative(self, cumulative: FloatArray) -> FloatArray:
        """Return the time at which the cumulative hazard reaches `cumulative`."""
        with np.errstate(over="ignore"):
            return np.asarray(self.scale * np.expm1(cumulative) ** (1 / self.shape))

    def in_years(self, per_year: float) -> LoglogisticHazard:
        """Return the hazard whose parameters counted time in units of which a year has so many."""
        return LoglogisticHazard(shape=self.shape, scale=self.scale / per_year)

    def mean(self) -> float:
        """Return the mean; ``inf`` where the shape is 1 or below."""
        if self.shape <= 1:
            return math.inf
        angle = math.pi / self.shape
        return self.scale * angle / math.sin(angle)
