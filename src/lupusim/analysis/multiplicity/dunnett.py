"""Many arms against one control."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from lupusim.common.arrays import FloatArray


def dunnett(
    statistic: ArrayLike,
    *,
    n_control: int,
    n_arms: Sequence[int],
    degrees_of_freedom: float = np.inf,
    sided: int = 1,
) -> FloatArray:
    r"""Return single-step Dunnett p-values.

    The chance that the largest of the statistics (with two sides, of their absolute values)
    exceeds one, when no arm differs from the control. Given the control's mean and the pooled
    variance the arms are independent, so the chance is a double integral of a product of normal
    distribution functions.

    Parameters
    ----------
    statistic : (..., n_arms) array-like
        t or z of each arm against the control, large in favor of the arm.
    n_control, n_arms : int, sequence of int
        Patients of the control and of each arm; only their ratios matter.
    degrees_of_freedom : float
        Of the pooled variance; infinite for z.
    sided : int
        1 or 2.

    Raises
    ------
    ValueError
        If a size is below 1, the sizes and statistics differ in number, or the degrees of
        freedom are not above 0.

    References
    ----------
    Dunnett (1955), *Journal of the American Statistical Association* 50:1096.

    Examples
    --------
    >>> dunnett([2.0, 2.5], n_control=50, n_arms=(50, 50)).round(4).tolist()
    [0.0414, 0.0117]
    """
    t = np.asarray(statistic, dtype=float)
    arms = np.asarray(n_arms, dtype=float)
    if t.ndim == 0 or arms.shape != t.shape[-1:] or np.any(arms < 1) or n_control < 1:
        raise ValueError(
            f"n_arms={n_arms!r} must be a size of at least 1 for each statistic, "
            f"n_control={n_control!r} at least 1"
        )
    if not degrees_of_freedom > 0:
        raise ValueError(f"degrees_of_freedom={degrees_of_freedom!r} must be above 0")
    loading = np.sqrt(arms / (arms + n_control))  # correlation of a statistic with the control
    flat = np.abs(t.ravel()) if sided == 2 else t.ravel()
    beyond = np.concatenate(
        [
            1 - _none_above(flat[start : start + 256], loading, degrees_of_freedom, sided)
            for start in range(0, flat.size, 256)
        ]
    )
    p_value: FloatArray = np.clip(beyond, 0.0, 1.0).reshape(t.shape)
    return p_value


def _none_above(
    bound: FloatArray, loading: FloatArray, degrees_of_freedom: float, sided: int
) -> FloatArray:
    """Return the probability that no statistic exceeds a bound, for each of ``(n,)`` bounds."""
    from scipy.special import ndtr

    shared, shared_weight = _panels(-8.5, 8.5)
    shared_weight = shared_weight * np.exp(-0.5 * shared**2) / np.sqrt(2 * np.pi)
    sd, sd_weight = _pooled_sd(degrees_of_freedom)
    threshold = bound[:, None] * sd
    below = np.ones((*threshold.shape, shared.size))
    for one in loading:
        own = np.sqrt(1 - one**2)
        within = ndtr((threshold[:, :, None] - one * shared) / own)
        if sided == 2:
            within -= ndtr((-threshold[:, :, None] - one * shared) / own)
        below *= within
    result: FloatArray = below @ shared_weight @ sd_weight
    return result


def _pooled_sd(degrees_of_freedom: float) -> tuple[FloatArray, FloatArray]:
    """Return points and weights for the pooled standard deviation over the true one."""
    from scipy.special import gammaincinv, gammaln

    if np.isinf(degrees_of_freedom):
        return np.ones(1), np.ones(1)
    half = degrees_of_freedom / 2
    low, high = gammaincinv(half, [1e-14, 1 - 1e-14])
    sd, weight = _panels(float(np.sqrt(low / half)), float(np.sqrt(high / half)))
    log_density = np.log(2 * sd) + half * np.log(half) - gammaln(half)
    log_density += (half - 1) * np.log(sd**2) - half * sd**2
    return sd, weight * np.exp(log_density)


def _panels(low: float, high: float) -> tuple[FloatArray, FloatArray]:
    point, weight = np.polynomial.legendre.leggauss(64)
    half = (high - low) / 2
    return low + half * (1 + point), half * weight
