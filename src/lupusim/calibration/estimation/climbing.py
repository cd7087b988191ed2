"""Climb from many points at once, with some parameters held where they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lupusim.arrays import BoolArray, FloatArray
from lupusim.calibration.estimation.likelihood import Likelihood

_STEP = 1e-6  # of forward differences, on the log and logit scales
_NO_GAIN = 1e-9  # of twice the log likelihood
_LONGEST = 2.0  # of one step, in the same units


@dataclass(frozen=True, slots=True, kw_only=True)
class Hill:
    """A likelihood with some of its prior.

    Parameters
    ----------
    likelihood : Likelihood
        What to maximize.
    prior_weight : float
        What the log prior is multiplied with; 1 for the posterior.
    """

    likelihood: Likelihood
    prior_weight: float

    @property
    def pull(self) -> FloatArray:
        """What turns a distance from the prior mean into a residual; (n_parameters,)."""
        return np.asarray(np.sqrt(self.prior_weight) / self.likelihood.free_model.prior_sd)

    def residuals(self, points: FloatArray) -> FloatArray:
        """Return residuals of the targets, with those of the prior behind; (n, n_residuals)."""
        prior = self.pull * (points - self.likelihood.free_model.prior_mean)
        return np.concatenate([self.likelihood.residuals(points), prior], axis=1)

    def slopes(self, points: FloatArray, residuals: FloatArray) -> FloatArray:
        """Return forward differences; shape (n, n_residuals, n_parameters)."""
        n, n_parameters = points.shape
        moved = points[:, None, :] + np.eye(n_parameters) * _STEP
        there = self.residuals(moved.reshape(-1, n_parameters))
        slopes = (there.reshape(n, n_parameters, -1) - residuals[:, None, :]) / _STEP
        return slopes.transpose(0, 2, 1)


def climb_together(
    hill: Hill, starts: FloatArray, *, n_steps: int, held: BoolArray | None = None
) -> FloatArray:
    """Return where each start has climbed to; shape of `starts`.

    Levenberg-Marquardt (Marquardt 1963) for all starts in one stack, with points cut to the
    bounds. A start that gains no more is left where it is.

    Parameters
    ----------
    hill : Hill
        What to climb.
    starts : (n, n_parameters) array
        Where from, inside the bounds.
    n_steps : int
        At most so many steps.
    held : (n, n_parameters) boolean array, optional
        Parameters that stay where they are.
    """
    low, high = hill.likelihood.free_model.bounds.T
    moving = np.ones(starts.shape, dtype=bool) if held is None else ~held
    points, damping = starts.copy(), np.full(len(starts), 1e-2)
    residuals = hill.residuals(points)
    climbing = np.arange(len(starts))
    # SPEED: a hundred starts cost little more than one (benchmarks/calibration.py).
    for _ in range(n_steps):
        now, base = points[climbing], residuals[climbing]
        slopes = hill.slopes(now, base) * moving[climbing, None, :]
        trial = np.clip(now + _steps(slopes, base, damping[climbing]), low, high)
        trial = np.where(moving[climbing], trial, now)
        tried = hill.residuals(trial)
        gain = (base**2).sum(axis=1) - (tried**2).sum(axis=1)
        better = gain > 0
        points[climbing[better]], residuals[climbing[better]] = trial[better], tried[better]
        slower = np.where(better, damping[climbing] / 5, damping[climbing] * 4)
        damping[climbing] = np.clip(slower, 1e-9, 1e6)
        climbing = climbing[np.abs(gain) >= _NO_GAIN]
        if climbing.size == 0:
            break
    return points


def _steps(slopes: FloatArray, residuals: FloatArray, damping: FloatArray) -> FloatArray:
    """Return one damped Gauss-Newton step for each point; (n, n_parameters)."""
    normal = slopes.transpose(0, 2, 1) @ slopes
    gradient = slopes.transpose(0, 2, 1) @ residuals[..., None]
    ridge = np.einsum("nii->ni", normal).mean(axis=1) * damping + 1e-9
    identity = np.eye(normal.shape[-1])
    steps = np.linalg.solve(normal + identity * ridge[:, None, None], -gradient)[..., 0]
    return np.asarray(np.clip(steps, -_LONGEST, _LONGEST))
