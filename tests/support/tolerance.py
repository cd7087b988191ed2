"""The only way in which these tests compare a simulated number with a true one."""

from __future__ import annotations

from collections.abc import Mapping

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


def assert_same_means(found: Mapping[str, float], of_each_trial: Mapping[str, ArrayLike]) -> None:
    """Compare quantities, each beside its ``_mcse``, with those of every trial of another program.

    Trials without a quantity do not count.
    """
    for name, listed in of_each_trial.items():
        values = np.asarray(listed, dtype=float)
        known = values[np.isfinite(values)]
        mcse = np.hypot(found[f"{name}_mcse"], known.std() / np.sqrt(known.size))
        assert_within_mcse(found[name], known.mean(), mcse=mcse)
