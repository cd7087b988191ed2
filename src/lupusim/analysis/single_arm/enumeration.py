"""All that can happen to the responders of one arm, look by look, with its probability."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.analysis.group_sequential.stopping import is_futile
from lupusim.analysis.numerics.binomial import binomial_row
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LookChances:
    """What becomes of a trial of one arm, exactly."""

    success: FloatArray
    failure: FloatArray
    """`success` and `failure`: probability of stopping at each look with success, and without;
    (n_looks,)."""
    patients: FloatArray  # in the analysis of each look; (n_looks,)

    @property
    def power(self) -> float:
        """Probability of success at any look."""
        return float(self.success.sum())

    @property
    def stops_early(self) -> float:
        """Probability of stopping before the last look."""
        return float((self.success + self.failure)[:-1].sum())

    @property
    def expected_patients(self) -> float:
        """Patients in the analysis at which the trial stops, on average."""
        return float((self.success + self.failure) @ self.patients)


def look_chances(
    p_values: Sequence[FloatArray], efficacy: FloatArray, futility: FloatArray, *, rate: float
) -> LookChances:
    """Return what becomes of a trial whose patients respond with probability `rate`.

    Parameters
    ----------
    p_values : sequence of (n_k + 1,) arrays
        For each look the one-sided p-value of 0 to n_k responders; n_k never falls.
    efficacy, futility : (n_looks,) arrays
        Bounds on the z scale: success at or above, failure at or below; the last look ends.
    rate : float
        From 0 to 1.
    """
    from scipy.special import ndtri

    reached = np.ones(1)
    success, failure = np.zeros(len(p_values)), np.zeros(len(p_values))
    for k, p_value in enumerate(p_values):
        reached = np.convolve(reached, binomial_row(p_value.size - reached.size, rate))
        z = -ndtri(p_value)
        wins = z >= efficacy[k]
        loses = ~wins & (is_futile(z, futility[k]) | (k == len(p_values) - 1))
        success[k], failure[k] = reached[wins].sum(), reached[loses].sum()
        reached = np.where(wins | loses, 0.0, reached)
    patients = np.array([p_value.size - 1.0 for p_value in p_values])
    return LookChances(success=success, failure=failure, patients=patients)
