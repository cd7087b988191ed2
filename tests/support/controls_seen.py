"""What trials that were simulated say of their control variates."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.simulation.controls import Control
from lupusim.simulation.moments import Moments
from tolerance import assert_within_mcse


def assert_pays(
    control: Control, values: FloatArray, claims: FloatArray, *, at_most: float
) -> None:
    """Fail unless means are those that are known, and the error is less than that of counting.

    Parameters
    ----------
    control : Control
        Of the trials.
    values : (n_replicates, n_values) array
        Its values.
    claims : (n_replicates,) array
        Whether each trial claims an effect.
    at_most : float
        What part of the error of counted trials may be left.
    """
    error = np.sqrt(values.var(axis=0) / len(values) + np.diag(control.known_to))
    assert_within_mcse(values.mean(axis=0), 0.0, mcse=error)
    share, mcse = Moments.of(claims, values, control.known_to).share()
    plain = claims.std() / np.sqrt(claims.size)
    assert mcse < at_most * plain
    assert_within_mcse(share, claims.mean(), mcse=plain)
