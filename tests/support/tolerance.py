"""The only way in which these tests compare a simulated number with a true one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

SEED = 20260101
"""One seed for the whole suite, never chosen to make a test pass."""

_LIMIT = 4.0  # standard errors: one false alarm in 16 000


def assert_within_mcse(estimate: ArrayLike, expected: ArrayLike, *, mcse: ArrayLike) -> None:
    """Fail where an estimate lies more than 4 Monte Carlo standard errors from its truth.

    Where the standard error is 0 the two must be equal.
    """
    distance = np.abs(np.asarray(estimate, dtype=float) - np.asarray(expected, dtype=float))
    with np.errstate(divide="ignore", invalid="ignore"):
        in_errors = np.where(distance == 0, 0.0, distance / np.asarray(mcse, dtype=float))
    worst = float(np.max(in_errors))
    assert worst <= _LIMIT, (
        f"{worst:.1f} standard errors apart: estimate {estimate}, expected {expected}, mcse {mcse}"
    )
