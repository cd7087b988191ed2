"""Hazards of the generalized gamma family: gamma, lognormal, generalized gamma.

Their survival functions need special functions; those are imported when first used, so
that a worker which simulates Weibull models never loads SciPy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lupusim.arrays import FloatArray
from lupusim.model.hazards.base import check_finite, check_positive

_DEEP_TAIL = 600.0  # beyond this cumulative hazard exp(-H) nears the smallest float


def _log_upper_gamma(order: float, value: FloatArray) -> FloatArray:
    """Return log Q(order, value), also where Q itself underflows."""
    from scipy.special import gammaincc, gammaln

    with np.errstate(divide="ignore", invalid="ignore"):
        direct = np.log(gammaincc(order, value))
        # Abramowitz and Stegun 6.5.32, two terms.
        tail = -value + (order - 1) * np.log(value) - gammaln(order)
        tail += np.log1p(np.maximum((order - 1) / value, -0.5))
    return np.where(direct > -_DEEP_TAIL, direct, np.where(np.isinf(value), -np.inf, tail))


def _inverse_log_upper_gamma(order: float, cumulative: FloatArray) -> FloatArray:
    """Return the value at which -log Q(order, value) reaches `cumulative`."""
    from scipy.special import gammainccinv, gammaincinv, gammaln

    shallow = np.minimum(cumulative, _DEEP_TAIL)
    direct = np.where(
        shallow < 0.5,
        gammaincinv(order, -np.expm1(-np.minimum(shallow, 0.5))),
        gammainccinv(order, np.exp(-np.maximum(shallow, 0.5))),
    )
    if not np.any(cumulative > _DEEP_TAIL):
        return np.asarray(direct)
    tail = np.maximum(cumulative, _DEEP_TAIL)
    value = tail.copy()
    for _ in range(50):  # a contraction: its slope is (order - 1) / value
        correction = np.log1p(np.maximum((order - 1) / value, -0.5))
        value = np.maximum(tail + (order - 1) * np.log(value) - gammaln(order) + correction, 1.0)
    return np.where(cumulative > _DEEP_TAIL, value, direct)


@dataclass(frozen=True, slots=True, kw_only=True)
class GammaHazard:
    r"""Hazard of a gamma distributed time.

    Parameters
    ----------
    shape : float
        Above 0; below 1 the hazard falls with time, above 1 it rises.
    rate : float
        Above 0, per year; the hazard tends to it.
    """

    shape: float
    rate: float

    def __post_init__(self) -> None:
        check_positive(shape=self.shape, rate=self.rate)

    def hazard(self, time: FloatArray) -> FloatArray:
        """Return the hazard, per year; ``inf`` at time 0 where the shape is below 1."""
        from scipy.special import gammaln, xlogy

        value = np.asarray(time * self.rate, dtype=float)
        log_density = xlogy(self.shape - 1, value) - value - gammaln(self.shape)
        with np.errstate(over="ignore"):
            return np.asarray(self.rate * np.exp(log_density - _log_upper_gamma(self.shape, value)))

    def cumulative(self, time: FloatArray) -> FloatArray:
        """Return the cumulative hazard."""
        return -_log_upper_gamma(self.shape, np.asarray(time * self.rate, dtype=float))

    def inverse_cumulative(self, cumulative: FloatArray) -> FloatArray:
        """Return the time at which the cumulative hazard reaches `cumulative`."""
        return _inverse_log_upper_gamma(self.shape, np.asarray(cumulative)) / self.rate

    def mean(self) -> float:
        """Return shape / rate."""
        return self.shape / self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class LognormalHazard:
    """Hazard of a time whose logarithm (of years) is normal.

    Parameters
    ----------
    meanlog, sdlog : float
        Mean and standard deviation of the log time; `sdlog` above 0.
    """

    meanlog: float
    sdlog: float

    def __post_init__(self) -> None:
        check_finite(meanlog=self.meanlog)
        check_positive(sdlog=self.sdlog)

    def _score(self, time: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.asarray((np.log(time) - self.meanlog) / self.sdlog)

    def hazard(self, time: FloatArray) -> FloatArray:
        """Return the hazard, per year; 0 at time 0."""
        from scipy.special import log_ndtr

        score = self._score(time)
        log_density = -0.5 * score**2 - 0.5 * math.log(2 * math.pi) - log_ndtr(-score)
        safe_time = np.where(np.asarray(time) > 0, time, 1.0)
        return np.where(np.asarray(time) > 0, np.exp(log_density) / (safe_time * self.sdlog), 0.0)

    def cumulative(self, time: FloatArray) -> FloatArray:
        """Return the cumulative hazard."""
        from scipy.special import log_ndtr

        return np.asarray(-log_ndtr(-self._score(time)))

    def inverse_cumulative(self, cumulative: FloatArray) -> FloatArray:
        """Return the time at which the cumulative hazard reaches `cumulative`."""
        from scipy.special import ndtri_exp

        with np.errstate(over="ignore"):
            log_survival = -np.asarray(cumulative, dtype=float)
            return np.asarray(np.exp(self.meanlog - self.sdlog * ndtri_exp(log_survival)))

    def mean(self) -> float:
        """Return exp(meanlog + sdlog ** 2 / 2)."""
        return math.exp(self.meanlog + self.sdlog**2 / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralizedGammaHazard:
    r"""Hazard of a generalized gamma time, Prentice's form.

    With :math:`w = (\log t - \mu)/\sigma` and :math:`a = q^{-2}`, the survival is
    :math:`Q(a, a e^{q w})` for :math:`q > 0`, its complement for :math:`q < 0`, and
    lognormal for :math:`q = 0`. Weibull is :math:`q = 1`, gamma :math:`q = \sigma`.

    Parameters
    ----------
    mu : float
        Location of the log time (of years).
    sigma : float
        Scale of the log time, above 0.
    q : float
        Shape.

    References
    ----------
    Prentice (1974), Biometrika 61, 539-544; the parameters are those of R's flexsurv,
    Jackson (2016), Journal of Statistical Software 70(8), table 1.
    """

    mu: float
    sigma: float
    q: float

    def __post_init__(self) -> None:
        check_finite(mu=self.mu, q=self.q)
        check_positive(sigma=self.sigma)

    def _lognormal(self) -> LognormalHazard:
        return LognormalHazard(meanlog=self.mu, sdlog=self.sigma)

    def _argument(self, time: FloatArray) -> tuple[float, FloatArray]:
        order = self.q**-2
        with np.errstate(divide="ignore", over="ignore"):
            return order, order * np.exp(self.q * (np.log(time) - self.mu) / self.sigma)

    def hazard(self, time: FloatArray) -> FloatArray:
        """Return the hazard, per year."""
        if self.q == 0:
            return self._lognormal().hazard(time)
        from scipy.special import gammaln

        order, value = self._argument(time)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            log_time_density = order * np.log(value) - value - gammaln(order)
            scale = math.log(abs(self.q)) - math.log(self.sigma) - np.log(time)
            return np.asarray(np.exp(log_time_density + scale + self.cumulative(time)))

    def cumulative(self, time: FloatArray) -> FloatArray:
        """Return the cumulative hazard."""
        if self.q == 0:
            return self._lognormal().cumulative(time)
        from scipy.special import gammainc

        order, value = self._argument(time)
        if self.q > 0:
            return -_log_upper_gamma(order, value)
        with np.errstate(divide="ignore"):
            return np.asarray(-np.log(gammainc(order, value)))

    def inverse_cumulative(self, cumulative: FloatArray) -> FloatArray:
        """Return the time at which the cumulative hazard reaches `cumulative`."""
        if self.q == 0:
            return self._lognormal().inverse_cumulative(cumulative)
        from scipy.special import gammainccinv, gammaincinv

        order = self.q**-2
        if self.q > 0:
            value = _inverse_log_upper_gamma(order, np.asarray(cumulative))
        else:
            survival = np.exp(-np.asarray(cumulative))
            value = np.where(
                survival < 0.5,
                gammaincinv(order, np.minimum(survival, 0.5)),
                gammainccinv(order, -np.expm1(-np.asarray(cumulative))),
            )
        with np.errstate(divide="ignore", over="ignore"):
            return np.asarray(np.exp(self.mu + self.sigma / self.q * np.log(value / order)))

    def mean(self) -> float:
        """Return the mean; ``inf`` where it does not exist."""
        if self.q == 0:
            return self._lognormal().mean()
        order = self.q**-2
        power = self.sigma / self.q
        if order + power <= 0:
            return math.inf
        log_mean = math.lgamma(order + power) - math.lgamma(order) - power * math.log(order)
        return math.exp(self.mu + log_mean)
