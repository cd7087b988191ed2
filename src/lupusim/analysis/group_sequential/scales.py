r"""Say the same thing as a z, a p-value, an effect, a conditional or a predictive power.

With the information fraction :math:`t`, the z of a look :math:`z`, the final bound :math:`c` and
the drift :math:`\theta` (expected z at the maximum information), the final z given the look is
normal with mean :math:`z\sqrt t + \theta(1 - t)` and variance :math:`1 - t` (Lan and Wittes 1988,
*Biometrics* 44:579). Averaged over a normal belief on the drift it is normal again: every scale is
:math:`\Phi((a + b z - c) / s)` and can be turned round.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftBelief:
    """A normal belief on the drift before the trial.

    Parameters
    ----------
    mean, sd : float
        Of the expected z at the maximum information. An infinite `sd` knows nothing.

    Raises
    ------
    ValueError
        If the mean is not finite or `sd` is not above 0.

    Examples
    --------
    >>> belief = DriftBelief(mean=3.0, sd=1.0)
    >>> float(z_from_predictive_power(0.2, 0.5, bound=1.96, belief=belief).round(3))
    0.289
    """

    mean: float = 0.0
    sd: float = np.inf

    def __post_init__(self) -> None:
        if not (np.isfinite(self.mean) and self.sd > 0):
            raise ValueError(f"mean={self.mean!r} must be finite and sd={self.sd!r} above 0")


def p_value_from_z(z: ArrayLike) -> FloatArray:
    """Return the one-sided p-value of a z, same shape.

    Examples
    --------
    >>> round(float(p_value_from_z(1.96)), 4)
    0.025
    """
    from scipy.special import ndtr

    p_value: FloatArray = ndtr(-np.asarray(z, dtype=float))
    return p_value


def z_from_p_value(p_value: ArrayLike) -> FloatArray:
    """Return the z of a one-sided p-value, same shape.

    Examples
    --------
    >>> round(float(z_from_p_value(0.025)), 3)
    1.96
    """
    from scipy.special import ndtri

    z: FloatArray = -ndtri(np.asarray(p_value, dtype=float))
    return z


def effect_from_z(z: ArrayLike, information: ArrayLike) -> FloatArray:
    """Return the effect whose estimate has this z: ``z / sqrt(information)``.

    Examples
    --------
    >>> float(effect_from_z(1.96, 100.0))
    0.196
    """
    effect: FloatArray = np.asarray(z, dtype=float) / np.sqrt(np.asarray(information, dtype=float))
    return effect


def z_from_effect(effect: ArrayLike, information: ArrayLike) -> FloatArray:
    """Return the z of an estimated effect: ``effect * sqrt(information)``.

    Examples
    --------
    >>> float(z_from_effect(0.2, 100.0))
    2.0
    """
    z: FloatArray = np.asarray(effect, dtype=float) * np.sqrt(np.asarray(information, dtype=float))
    return z


def conditional_power(
    z: ArrayLike, fraction: ArrayLike, *, bound: ArrayLike, drift: ArrayLike | None = None
) -> FloatArray:
    """Return the probability that the last look rejects, given a look.

    Parameters
    ----------
    z, fraction : array-like
        z and information fraction of the look, between 0 and 1; broadcast.
    bound : array-like
        z bound of the last look.
    drift : array-like or None
        Expected z at the maximum information for the patients to come; None takes the trend
        seen so far, ``z / sqrt(fraction)``.

    Raises
    ------
    ValueError
        If a fraction is not between 0 and 1.

    Examples
    --------
    >>> round(float(conditional_power(1.0, 0.5, bound=1.96)), 4)
    0.2201
    """
    return _under_drift(fraction, drift).power(z, bound)


def z_from_conditional_power(
    power: ArrayLike, fraction: ArrayLike, *, bound: ArrayLike, drift: ArrayLike | None = None
) -> FloatArray:
    """Return the z of a look that has a conditional power; arguments as there.

    Examples
    --------
    >>> round(float(z_from_conditional_power(0.2, 0.5, bound=1.96)), 3)
    0.965
    """
    return _under_drift(fraction, drift).z(power, bound)


def predictive_power(
    z: ArrayLike, fraction: ArrayLike, *, bound: ArrayLike, belief: DriftBelief | None = None
) -> FloatArray:
    """Return the conditional power averaged over what the look leaves unknown of the drift.

    Parameters
    ----------
    z, fraction, bound : array-like
        As for `conditional_power`.
    belief : DriftBelief or None
        Belief before the trial; None knows nothing.

    Raises
    ------
    ValueError
        If a fraction is not between 0 and 1.

    References
    ----------
    Spiegelhalter, Freedman and Blackburn (1986), *Controlled Clinical Trials* 7:8.

    Examples
    --------
    >>> round(float(predictive_power(1.0, 0.5, bound=1.96)), 4)
    0.2926
    """
    return _under_belief(fraction, belief or DriftBelief()).power(z, bound)


def z_from_predictive_power(
    power: ArrayLike, fraction: ArrayLike, *, bound: ArrayLike, belief: DriftBelief | None = None
) -> FloatArray:
    """Return the z of a look that has a predictive power; arguments as there.

    Examples
    --------
    >>> round(float(z_from_predictive_power(0.2, 0.5, bound=1.96)), 3)
    0.791
    """
    return _under_belief(fraction, belief or DriftBelief()).z(power, bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forecast:
    """The final z given a look: mean ``constant + slope * z`` and standard deviation `sd`."""

    constant: FloatArray
    slope: FloatArray
    sd: FloatArray

    def power(self, z: ArrayLike, bound: ArrayLike) -> FloatArray:
        from scipy.special import ndtr

        mean = self.constant + self.slope * np.asarray(z, dtype=float)
        power: FloatArray = ndtr((mean - np.asarray(bound, dtype=float)) / self.sd)
        return power

    def z(self, power: ArrayLike, bound: ArrayLike) -> FloatArray:
        from scipy.special import ndtri

        mean = np.asarray(bound, dtype=float) + self.sd * ndtri(np.asarray(power, dtype=float))
        z: FloatArray = (mean - self.constant) / self.slope
        return z


def _under_drift(fraction: ArrayLike, drift: ArrayLike | None) -> _Forecast:
    t = _checked_fraction(fraction)
    sd = np.sqrt(1 - t)
    if drift is None:
        return _Forecast(constant=np.zeros_like(t), slope=1 / np.sqrt(t), sd=sd)
    return _Forecast(constant=np.asarray(drift, dtype=float) * (1 - t), slope=np.sqrt(t), sd=sd)


def _under_belief(fraction: ArrayLike, belief: DriftBelief) -> _Forecast:
    t = _checked_fraction(fraction)
    precision = 1 / belief.sd**2
    variance = 1 / (precision + t)  # of the drift, after the look
    return _Forecast(
        constant=(1 - t) * variance * precision * belief.mean,
        slope=np.sqrt(t) * (1 + (1 - t) * variance),
        sd=np.sqrt((1 - t) + (1 - t) ** 2 * variance),
    )


def _checked_fraction(fraction: ArrayLike) -> FloatArray:
    t = np.asarray(fraction, dtype=float)
    if not np.all((t > 0) & (t < 1)):
        raise ValueError(f"fraction={fraction!r} must be above 0 and below 1")
    return t
