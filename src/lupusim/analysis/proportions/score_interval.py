"""Intervals that hold every null value which a score test does not reject."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from lupusim.common.arrays import FloatArray

_HALVINGS = 60
_left_out: ContextVar[bool] = ContextVar("intervals left out", default=False)


@contextmanager
def intervals_left_out() -> Iterator[None]:
    """Give NaN for the limits within it, where nobody asks for more than a p-value.

    SPEED: an interval takes a hundred times as long as the test (benchmarks/planning.py).
    """
    before = _left_out.set(True)
    try:
        yield
    finally:
        _left_out.reset(before)


def score_interval(
    z_at: Callable[[FloatArray], FloatArray],
    estimate: FloatArray,
    *,
    limits: tuple[float, float],
    critical: float,
) -> tuple[FloatArray, FloatArray]:
    """Invert a score test whose z falls as the null value rises.

    Parameters
    ----------
    z_at : callable
        Takes null values (n_replicates,), returns z of the same shape.
    estimate : (n_replicates,) array
        Where z is 0; must lie within the limits.
    limits : (low, high)
        The smallest and the largest possible null value.
    critical : float
        Two-sided critical value, above 0.

    Returns
    -------
    lower, upper : (n_replicates,) arrays
        NaN within `intervals_left_out`.
    """
    if _left_out.get():
        unknown = np.full_like(estimate, np.nan)
        return unknown, unknown
    low, high = limits
    lower = _bisect(z_at, np.full_like(estimate, low), estimate, critical)
    upper = _bisect(z_at, estimate, np.full_like(estimate, high), -critical)
    return lower, upper


def _bisect(
    z_at: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray, target: float
) -> FloatArray:
    """Return where the falling `z_at` passes `target`; the end of the bracket if it does not."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_left = z_at(middle) > target
        low, high = np.where(is_left, middle, low), np.where(is_left, high, middle)
    return (low + high) / 2
