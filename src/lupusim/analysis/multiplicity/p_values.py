"""Tests of several hypotheses from their p-values alone, for many trials at once.

Each function takes p-values of shape ``(n_replicates, n_hypotheses)`` or ``(n_hypotheses,)``. The
adjusted p-value of a hypothesis is the smallest family-wise error at which it is rejected. A NaN
p-value (a statistic that could not be computed) counts as 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from lupusim.common.arrays import FloatArray

_ROUNDING = 1e-12  # relative: p-values that sums of weights put a hair above alpha are rejected


def rejected(adjusted: ArrayLike, alpha: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return which hypotheses are rejected at a family-wise error.

    Parameters
    ----------
    adjusted : array-like
        Adjusted p-values of any procedure here.
    alpha : float
        Family-wise error, between 0 and 1.

    Raises
    ------
    ValueError
        If `alpha` is out of range.

    Examples
    --------
    >>> from lupusim.analysis.multiplicity import holm
    >>> rejected(holm([0.01, 0.04]), 0.05).tolist()
    [True, True]
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha!r} must be between 0 and 1, such as 0.025")
    return np.asarray(adjusted, dtype=float) <= alpha * (1 + _ROUNDING)


def bonferroni(p_value: ArrayLike, *, weights: Sequence[float] | None = None) -> FloatArray:
    """Return p-values adjusted by Bonferroni, alpha split by weights (equally by default).

    Parameters
    ----------
    p_value : (..., n_hypotheses) array-like
        One-sided or two-sided p-values.
    weights : sequence of float or None
        Share of alpha of each hypothesis; at most 1 in all.

    Raises
    ------
    ValueError
        If a p-value is not between 0 and 1, or the weights are negative or sum above 1.

    Examples
    --------
    >>> bonferroni([0.01, 0.02]).tolist()
    [0.02, 0.04]
    """
    p = checked_p_values(p_value)
    share = checked_weights(weights, p.shape[-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        adjusted = np.where(share > 0, p / share, 1.0)
    return np.minimum(adjusted, 1.0)


def holm(p_value: ArrayLike) -> FloatArray:
    """Return p-values adjusted by Holm's step-down procedure.

    References
    ----------
    Holm (1979), *Scandinavian Journal of Statistics* 6:65.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    ordered, back = _ordered(p_value)
    n_left = np.arange(ordered.shape[-1], 0, -1)
    stepped = np.maximum.accumulate(ordered * n_left, axis=-1)
    return _returned(np.minimum(stepped, 1.0), back)


def hochberg(p_value: ArrayLike) -> FloatArray:
    """Return p-values adjusted by Hochberg's step-up procedure.

    It needs statistics that are independent or positively dependent.

    References
    ----------
    Hochberg (1988), *Biometrika* 75:800.

    Examples
    --------
    >>> hochberg([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.04, 0.04]
    """
    ordered, back = _ordered(p_value)
    n_left = np.arange(ordered.shape[-1], 0, -1)
    stepped = np.minimum.accumulate((ordered * n_left)[..., ::-1], axis=-1)[..., ::-1]
    return _returned(np.minimum(stepped, 1.0), back)


def hommel(p_value: ArrayLike) -> FloatArray:
    """Return p-values adjusted by Hommel's procedure: closed testing with Simes tests.

    Never less powerful than Hochberg's, under the same conditions.

    References
    ----------
    Hommel (1988), *Biometrika* 75:383; algorithm of Wright (1992), *Biometrics* 48:1005.

    Examples
    --------
    >>> hommel([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.04, 0.04]
    """
    ordered, back = _ordered(p_value)
    n_hypotheses = ordered.shape[-1]
    rank = np.arange(1, n_hypotheses + 1)
    simes = (n_hypotheses * ordered / rank).min(axis=-1, keepdims=True)
    adjusted = np.repeat(simes, n_hypotheses, axis=-1)
    for size in range(n_hypotheses - 1, 1, -1):
        low, high = ordered[..., : n_hypotheses - size + 1], ordered[..., n_hypotheses - size + 1 :]
        simes = (size * high / np.arange(2, size + 1)).min(axis=-1, keepdims=True)
        for_low = np.minimum(size * low, simes)
        for_high = np.broadcast_to(for_low[..., -1:], high.shape)
        adjusted = np.maximum(adjusted, np.concatenate([for_low, for_high], axis=-1))
    return _returned(np.maximum(adjusted, ordered), back)


def fixed_sequence(p_value: ArrayLike) -> FloatArray:
    """Return p-values adjusted by testing in the given order, each only after the one before.

    Examples
    --------
    >>> fixed_sequence([0.01, 0.2, 0.001]).tolist()
    [0.01, 0.2, 0.2]
    """
    adjusted: FloatArray = np.maximum.accumulate(checked_p_values(p_value), axis=-1)
    return adjusted


def checked_p_values(p_value: ArrayLike) -> FloatArray:
    """Return p-values as an array with NaN turned into 1.

    Raises
    ------
    ValueError
        If there is none, or one is not between 0 and 1.
    """
    p = np.asarray(p_value, dtype=float)
    p = np.where(np.isnan(p), 1.0, p)
    if p.ndim == 0 or p.shape[-1] == 0 or np.any((p < 0) | (p > 1)):
        raise ValueError(
            "p_value must be numbers between 0 and 1, one per hypothesis, at least one"
        )
    return p


def checked_weights(weights: Sequence[float] | None, n_hypotheses: int) -> FloatArray:
    """Return weights as an array, equal ones if None.

    Raises
    ------
    ValueError
        If one is negative, they sum above 1, or their number is wrong.
    """
    if weights is None:
        return np.full(n_hypotheses, 1 / n_hypotheses)
    share = np.asarray(weights, dtype=float)
    if share.shape != (n_hypotheses,) or not np.all(share >= 0) or share.sum() > 1 + 1e-9:
        raise ValueError(
            f"weights={share.tolist()!r} must be {n_hypotheses} numbers, none below 0, at most 1 "
            "in all"
        )
    return share


def _ordered(
    p_value: ArrayLike,
) -> tuple[FloatArray, np.ndarray[tuple[int, ...], np.dtype[np.intp]]]:
    p = checked_p_values(p_value)
    order = np.argsort(p, axis=-1, kind="stable")
    return np.take_along_axis(p, order, axis=-1), np.argsort(order, axis=-1, kind="stable")


def _returned(
    adjusted: FloatArray, back: np.ndarray[tuple[int, ...], np.dtype[np.intp]]
) -> FloatArray:
    return np.take_along_axis(adjusted, back, axis=-1)
