"""Chances of the binomial law."""

from __future__ import annotations

from math import comb

import numpy as np

from lupusim.common.arrays import FloatArray


def binomial(n: int, proportion: float) -> FloatArray:
    """Return the probabilities of 0, 1, ..., `n` responders; shape (n + 1,)."""
    from scipy.special import bdtr

    cumulative = bdtr(np.arange(n + 1), n, proportion)
    if n > 1000:  # differences of the distribution function: the coefficients overflow
        return np.asarray(np.diff(cumulative, prepend=0.0))
    x = np.arange(n + 1)
    choose = np.array([float(comb(n, int(k))) for k in x])
    with np.errstate(under="ignore"):
        return np.asarray(choose * proportion**x * (1 - proportion) ** (n - x))
