"""The law of a sum of independent parts, by Fourier inversion."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lupusim.common.arrays import FloatArray

ComplexArray = NDArray[np.complex128]

NODES = 40
"""Enough for a sum of many parts, which is nearly normal: what is left out is below 1e-12."""
MANY_NODES = 160
"""Enough for a sum of any parts behind a step of scale 0.15 standard deviations, to 1e-6."""
SCALE = 0.15
"""Of the logistic law behind smoothed steps, with the spread of a log-rank statistic given its sum.
"""
_MANY = 60  # patients whose sum is nearly normal
_STEP = 0.1875  # of a unit spread; the sum comes back at 2 pi / step, 33 standard deviations off
_LARGEST = 300.0  # argument beyond which sinh would overflow: the factor is 0 there


def n_nodes(n_patients: int) -> int:
    """Return at how many frequencies the sum over so many patients must be known."""
    return NODES if n_patients >= _MANY else MANY_NODES


def frequencies(spread: float, n_nodes: int = NODES) -> FloatArray:
    """Return the frequencies at which a sum of a given standard deviation must be known.

    Returns
    -------
    (n_nodes,) array
        Middles of cells of equal width, from 0 on.
    """
    return np.asarray((np.arange(n_nodes) + 0.5) * (_STEP / spread))


def step_means(
    log_law: ComplexArray, nodes: FloatArray, thresholds: FloatArray, scale: float
) -> FloatArray:
    r"""Return the mean of smoothed steps of sums that are independent of their smoothing.

    The step at a threshold :math:`a` is :math:`h(s) = 1 / (1 + e^{(s - a)/b})`, the chance
    that :math:`s + b L \leq a` for a logistic :math:`L`, whose characteristic function is
    :math:`\pi b t / \sinh(\pi b t)`. So by inversion

    .. math:: E\,h(S) = \frac{1}{2} - \frac{1}{\pi} \int_0^\infty
        \operatorname{Im}\left(e^{-ita} \varphi_S(t)\right)
        \frac{\pi b t}{\sinh \pi b t} \frac{dt}{t}.

    Parameters
    ----------
    log_law : (n_sums, n_nodes) complex array
        Logarithm of the characteristic function of each sum.
    nodes : (n_nodes,) array
        From :func:`frequencies`.
    thresholds : (n_steps,) array
        Where the steps are.
    scale : float
        How smooth they are, above 0.

    Returns
    -------
    (n_sums, n_steps) array

    References
    ----------
    Gil-Pelaez (1951), *Biometrika* 38, 481-482.

    Examples
    --------
    >>> nodes = frequencies(1.0)
    >>> normal = (-(nodes**2) / 2 + 0j)[None, :]
    >>> step_means(normal, nodes, np.array([0.0, 1.0]), 1e-3).round(4).tolist()
    [[0.5, 0.8413]]
    """
    return np.asarray(0.5 - (np.exp(log_law) @ turned(nodes, thresholds, scale)).imag)


def step_slopes(
    slopes: ComplexArray, nodes: FloatArray, thresholds: FloatArray, scale: float
) -> FloatArray:
    """Return by how much the mean of steps moves where a characteristic function does.

    Parameters
    ----------
    slopes : (..., n_nodes) complex array
        Of the characteristic function of the sum, in anything.
    nodes, thresholds, scale
        As for :func:`step_means`.

    Returns
    -------
    (..., n_steps) array
    """
    return np.asarray(-(slopes @ turned(nodes, thresholds, scale)).imag)


def turned(nodes: FloatArray, thresholds: FloatArray, scale: float) -> ComplexArray:
    """Return what a characteristic function is to be multiplied by, (n_nodes, n_steps).

    The mean of a step is a half less the imaginary part of the sum over all frequencies.
    """
    width = nodes[1] - nodes[0]
    smooth = np.minimum(math.pi * scale * nodes, _LARGEST)
    weight = width / (math.pi * nodes) * smooth / np.sinh(smooth)
    return np.asarray(np.exp(-1j * nodes[:, None] * thresholds) * weight[:, None])
