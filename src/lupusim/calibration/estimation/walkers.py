"""Walkers from the top of a likelihood to the limits of each parameter, in one stack."""

from __future__ import annotations

import numpy as np

from lupusim.calibration.estimation.climbing import Hill, climb_and_look
from lupusim.calibration.estimation.search import Progress
from lupusim.calibration.estimation.tails import Tails
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass

N_STEPS = 10
"""Of a refit, at most."""

LEAST_GAIN = 1e-4
"""Of the deviance, for the other parameters to be refitted further; a limit is one to 0.02."""

GAIN_OF_PATIENTS = 1e-3
"""The same, of single patients."""

_NEAR = (2.0, 16.0)
"""Deviances of which an exact tail is asked: below and above them it decides the same."""


@dataclass(slots=True, kw_only=True)
class Walkers:
    """One walker for each parameter and side, all refitted in one stack."""

    hill: Hill  # the likelihood
    top: float  # its smallest negative log likelihood
    best: FloatArray  # where that is; (n_parameters,)
    tails: Tails  # exact, of parameters that few events decide
    inside: FloatArray
    points: FloatArray
    """`inside` and `points`: the last point of each walker below the critical value, and the
    present one; (2 n_parameters, n_parameters)."""
    seen: list[tuple[int, float, float]]
    judged: list[tuple[int, float, float]]
    """`seen` and `judged`: parameter, value and deviance of every point; and what limits are judged
    by."""
    leads: FloatArray
    """How all parameters move with one, a row for each: where refits begin; (n_parameters,
    n_parameters)."""
    least_gain: float  # of twice the log likelihood: a refit that gains less in a step is over
    progress: Progress | None = None
    """Told how many walks are over, of two for each walker: outwards, and back to its limit."""
    settled: int = 0  # walks that are over before those under way
    is_exact: bool = False
    """Whether exact tails judge them, where they are nearer to the estimate's."""

    @property
    def axes(self) -> IntArray:
        """Which parameter each walker profiles; (n_walkers,)."""
        return np.arange(len(self.points)) // 2

    def refit(self, rows: IntArray, values: FloatArray) -> FloatArray:
        """Put the walkers of some rows at values, refit the rest, return what judges them.

        Their deviances; or the chi-square of an exact tail, if it is asked for and less.
        """
        axes, each = self.axes[rows], np.arange(rows.size)
        low, high = self.hill.likelihood.free_model.bounds.T
        moved = values - self.inside[rows, axes]
        starts = np.clip(self.inside[rows] + moved[:, None] * self.leads[axes], low, high)
        starts[each, axes] = values
        held = np.zeros(starts.shape, dtype=bool)
        held[each, axes] = True
        self.points[rows], found = climb_and_look(
            self.hill, starts, n_steps=N_STEPS, held=held, least_gain=self.least_gain
        )
        deviances = np.asarray(2 * (found - self.top))
        self.seen += list(zip(axes.tolist(), values.tolist(), deviances.tolist(), strict=True))
        for k, row in enumerate(rows.tolist()):
            if self.is_exact and _NEAR[0] < deviances[k] < _NEAR[1]:
                point, is_upper = self.points[row], bool(row % 2)
                exact = self.tails.deviance(point, int(axes[k]), is_upper=is_upper)
                deviances[k] = min(deviances[k], exact)
        self.judged += list(zip(axes.tolist(), values.tolist(), deviances.tolist(), strict=True))
        if self.progress is not None:
            n = len(self.points)
            self.progress(self.settled + n - rows.size, 2 * n)
        return deviances


def leads(information: FloatArray) -> FloatArray:
    """Return how the best values of all parameters move with one, a row for each."""
    p = len(information)
    leads = np.eye(p)
    for axis in range(p):
        rest = np.arange(p) != axis
        own = np.linalg.pinv(information[np.ix_(rest, rest)], rcond=1e-9, hermitian=True)
        leads[axis, rest] = -own @ information[rest, axis]
    return leads
