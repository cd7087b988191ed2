"""How large a trial becomes after a look at what it has shown so far."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray


def promising_information(
    z: FloatArray,
    fraction: FloatArray,
    bound: FloatArray,
    *,
    least: float,
    power: float,
) -> FloatArray:
    r"""Return the total information that brings a promising trial to a conditional power.

    With the planned information as unit, the last look rejects where
    :math:`\sqrt t z_1 + \sqrt{1-t} z_2 \ge c`, and :math:`z_2` of a second stage with
    information :math:`I` has mean :math:`z_1 \sqrt{I/t}` at the trend seen.

    Parameters
    ----------
    z, fraction : (n_replicates,) arrays
        z and information fraction at the look.
    bound : (n_replicates,) array
        z bound of the last look.
    least, power : float
        The promising zone; outside it nothing is changed.

    Returns
    -------
    (n_replicates,) array
        1 where nothing is changed, else above 1.

    References
    ----------
    Mehta and Pocock (2011), *Statistics in Medicine* 30:3267, equation 7.
    """
    from scipy.special import ndtr, ndtri

    t = np.clip(fraction, 1e-9, 1 - 1e-9)
    needed = (bound - np.sqrt(t) * z) / np.sqrt(1 - t)
    trend = z / np.sqrt(t)
    conditional = ndtr(trend * np.sqrt(1 - t) - needed)
    promising = (conditional >= least) & (conditional < power) & (trend > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        second = ((ndtri(power) + needed) / trend) ** 2
    return np.where(promising, np.maximum(t + second, 1.0), 1.0)


def blinded_size(
    pooled_rate: FloatArray,
    *,
    difference: float,
    power: float,
    tail: float,
    ratio: tuple[int, int],
) -> FloatArray:
    """Return patients in all for a difference of two rates, from the rate of both arms together.

    Parameters
    ----------
    pooled_rate : (n_replicates,) array
        Share of responders on both arms.
    difference, power : float
        What is to be found, and with which power.
    tail : float
        One-sided error.
    ratio : tuple of two ints
        Allocation, control first.

    References
    ----------
    Gould (1992), *Statistics in Medicine* 11:55.

    Examples
    --------
    >>> size = blinded_size(np.array([0.5]), difference=0.2, power=0.9, tail=0.025, ratio=(1, 1))
    >>> size.round(1).tolist()
    [262.7]
    """
    from scipy.special import ndtri

    control, treated = ratio
    balance = (control + treated) ** 2 / (control * treated)
    quantiles = ndtri(1 - tail) + ndtri(power)
    size: FloatArray = balance * pooled_rate * (1 - pooled_rate) * (quantiles / difference) ** 2
    return size
