"""Hazards of the generalized gamma family: gamma, lognormal, generalized gamma.

Their survival functions need special functions; those are imported when first used, so
that a worker which simulates Weibull models never loads SciPy.
"""

from __future__ import annotations

import math

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model.hazards.base import FAMILIES, Hazard, check_finite, check_positive

_DEEP_TAIL = 600.0  # beyond this cumulative hazard exp(-H) nears the smallest float
_FRACTION_TERMS = 200  # of a continued fraction; in the deep tail enough for orders up to 10**4
_NEWTON_STEPS = 12


def _log_upper_gamma(order: float, value: FloatArray) -> FloatArray:
    """Return log Q(order, value), also where Q is nearly 1 or underflows."""
    from scipy.special import gammainc, gammaincc

    with np.errstate(divide="ignore"):
        direct = np.asarray(np.log(gammaincc(order, value)))
    near_one = direct > -0.5
    if near_one.any():
        direct = np.where(
            near_one, np.log1p(-np.where(near_one, gammainc(order, value), 0)), direct
        )
    deep = direct < -_DEEP_TAIL
    if deep.any():
        tail = _log_upper_gamma_tail(order, np.where(deep, value, np.inf))
        direct = np.where(deep, tail, direct)
    return direct


def _log_upper_gamma_tail(order: float, value: FloatArray) -> FloatArray:
    """Return log Q(order, value) for values far above the order, ``-inf`` at infinity.

    By Legendre's continued fraction, Abramowitz and Stegun 6.5.31 in its even part, from
    its tail to its head.
    """
    from scipy.special import gammaln

    finite = np.isfinite(value)
    safe = np.where(finite, value, order + 1.0)
    denominator = safe + 2 * _FRACTION_TERMS + 1 - order
    for term in range(_FRACTION_TERMS, 0, -1):
        denominator = safe + 2 * term - 1 - order - term * (term - order) / denominator
    tail = -safe + order * np.log(safe) - gammaln(order) - np.log(denominator)
    return np.where(finite, tail, -np.inf)


def _inverse_log_upper_gamma(order: float, cumulative: FloatArray) -> FloatArray:
    """Return the value at which -log Q(order, value) reaches `cumulative`."""
    from scipy.special import gammainccinv, gammaincinv

    shallow = np.minimum(cumulative, _DEEP_TAIL)
    direct = np.where(
        shallow < 0.5,
        gammaincinv(order, -np.expm1(-np.minimum(shallow, 0.5))),
        gammainccinv(order, np.exp(-np.maximum(shallow, 0.5))),
    )
    if not np.any(cumulative > _DEEP_TAIL):
        return np.asarray(direct)
    deep = (cumulative > _DEEP_TAIL) & np.isfinite(cumulative)
    target = np.where(deep, cumulative, _DEEP_TAIL)
    value = gammainccinv(order, np.exp(-_DEEP_TAIL)) + (target - _DEEP_TAIL)
    for _ in range(_NEWTON_STEPS):
        missing = target + _log_upper_gamma_tail(order, value)
        value = value + missing / _unit_hazard(order, value)
    return np.where(deep, value, np.where(np.isinf(cumulative), np.inf, direct))


def _unit_hazard(order: float, value: FloatArray) -> FloatArray:
    """Return the hazard of the gamma distribution with rate 1, in its far tail."""
    from scipy.special import gammaln

    log_density = (order - 1) * np.log(value) - value - gammaln(order)
    return np.asarray(np.exp(log_density - _log_upper_gamma_tail(order, value)))


@FAMILIES.register("gamma")
@dataclass(frozen=True, slots=True, kw_only=True)
class GammaHazard(Hazard):
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

    def in_years(self, per_year: float) -> GammaHazard:
        """Return the hazard whose parameters counted time in units of which a year has so many."""
        return GammaHazard(shape=self.shape, rate=self.rate * per_year)

    def mean(self) -> float:
        """Return shape / rate."""
        return self.shape / self.rate


@FAMILIES.register("lognormal")
@dataclass(frozen=True, slots=True, kw_only=True)
class LognormalHazard(Hazard):
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

    def in_years(self, per_year: float) -> LognormalHazard:
        """Return the hazard whose parameters counted time in units of which a year has so many."""
        return LognormalHazard(meanlog=self.meanlog - math.log(per_year), sdlog=self.sdlog)

    def mean(self) -> float:
        """Return exp(meanlog + sdlog ** 2 / 2)."""
        return math.exp(self.meanlog + self.sdlog**2 / 2)


@FAMILIES.register("generalized_gamma")
@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralizedGammaHazard(Hazard):
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
        """Return the hazard, per year; at time 0 its limit, which may be 0 or ``inf``."""
        if self.q == 0:
            return self._lognormal().hazard(time)
        from scipy.special import gammaln, xlogy

        order, value = self._argument(time)
        power = 1 / (self.q * self.sigma)
        log_factor = math.log(abs(self.q) / self.sigma) + order * math.log(order) - power * self.mu
        with np.errstate(invalid="ignore", over="ignore"):
            log_density = log_factor - gammaln(order) + xlogy(power - 1, time) - value
            hazard = np.exp(log_density + self.cumulative(time))
        return np.where(np.isinf(value) & (self.q < 0), 0.0, hazard)

    def cumulative(self, time: FloatArray) -> FloatArray:
        """Return the cumulative hazard."""
        if self.q == 0:
            return self._lognormal().cumulative(time)
        from scipy.special import gammainc, gammaincc

        order, value = self._argument(time)
        if self.q > 0:
            return -_log_upper_gamma(order, value)
        survival = gammainc(order, value)
        with np.errstate(divide="ignore"):
            direct = -np.log(survival)
        gone = np.where(survival > 0.5, gammaincc(order, value), 0.0)
        return np.where(survival > 0.5, -np.log1p(-gone), direct)

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

    def in_years(self, per_year: float) -> GeneralizedGammaHazard:
        """Return the hazard whose parameters counted time in units of which a year has so many."""
        return GeneralizedGammaHazard(mu=self.mu - math.log(per_year), sigma=self.sigma, q=self.q)

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
