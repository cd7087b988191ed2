"""Deviance residuals of counts: their squares sum to twice a distance of log likelihoods."""

from __future__ import annotations

import numpy as np

from lupusim.arrays import FloatArray


def deviance_residuals(observed: FloatArray, expected: FloatArray) -> FloatArray:
    r"""Return signed roots of :math:`2 (n \log(n / \mu) - n + \mu)`; shape of `expected`.

    Near :math:`\mu = n` the root is taken of a series, because the difference of the two
    sides would lose half of the digits just where the search ends.
    """
    n = np.broadcast_to(observed, expected.shape)
    safe = np.where(n > 0, n, 1.0)
    gap = (expected - n) / safe
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = np.sqrt(np.maximum(2 * safe * (gap - np.log1p(gap)), 0.0))
    series = np.sqrt(safe) * np.abs(gap) * np.sqrt(1 - gap * 2 / 3 + gap**2 / 2)
    some = np.where(np.abs(gap) < 1e-3, series, exact) * np.sign(gap)
    return np.asarray(np.where(n > 0, some, np.sqrt(2 * np.maximum(expected, 0.0))))
