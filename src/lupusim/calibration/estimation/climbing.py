"""Climb from many points at once, with some parameters held where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass

_STEP = 1e-6  # of forward differences, on the log and logit scales
NO_GAIN = 1e-9
"""Of twice the log likelihood: what a step gains on the top."""

_SMALL = 96  # numbers in a stack of points: slopes are had with the points themselves
_LONGEST = 2.0  # of one step, in the same units


@dataclass(frozen=True, slots=True, kw_only=True)
class Hill:
    """A likelihood with some of its prior."""

    likelihood: Likelihood  # what to maximize
    prior_weight: float  # what the log prior is multiplied with; 1 for the posterior

    @property
    def pull(self) -> FloatArray:
        """What turns a distance from the prior mean into a residual; (n_parameters,)."""
        return np.asarray(np.sqrt(self.prior_weight) / self.likelihood.free_model.prior_sd)

    def residuals(self, points: FloatArray) -> FloatArray:
        """Return residuals of the targets, with those of the prior behind; (n, n_residuals)."""
        prior = self.pull * (points - self.likelihood.free_model.prior_mean)
        return np.concatenate([self.likelihood.residuals(points), prior], axis=1)

    def parts(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return residuals, and log likelihoods of single patients; (n, ...) each."""
        return self.residuals(points), self.likelihood.of_patients(points)

    def slopes(
        self,
        points: FloatArray,
        parts: tuple[FloatArray, FloatArray],
        moving: BoolArray | None = None,
    ) -> Slopes:
        """Return forward differences; shapes (n, n_residuals, p) and (n, n_patients, p).

        Those of parameters that are not `moving`, (n, p), are 0.
        """
        n, p = points.shape
        rows, columns = np.nonzero(np.ones((n, p)) if moving is None else moving)
        moved = points[rows] + np.eye(p)[columns] * _STEP
        there = self.parts(moved) if rows.size else parts
        return _differences(parts, there, (rows, columns), p)

    def around(self, points: FloatArray, moving: BoolArray) -> tuple[FloatArray, ...]:
        """Return the parts, and behind them the slopes.

        SPEED: in one stack, which costs little more than the parts alone where points are few.
        """
        n, p = points.shape
        rows, columns = np.nonzero(moving)
        moved = points[rows] + np.eye(p)[columns] * _STEP
        first, second = self.parts(np.concatenate([points, moved]))
        near, far = (first[:n], second[:n]), (first[n:], second[n:])
        return (*near, *_differences(near, far, (rows, columns), p))


def _differences(
    near: tuple[FloatArray, FloatArray],
    far: tuple[FloatArray, FloatArray],
    moves: tuple[IntArray, IntArray],
    n_parameters: int,
) -> Slopes:
    """Return slopes from the parts of points, and of some that were moved along a parameter."""
    rows, columns = moves
    first, second = (np.zeros((len(one), n_parameters, one.shape[1])) for one in near)
    for slope, there, here in zip((first, second), far, near, strict=True):
        slope[rows, columns] = (there[: rows.size] - here[rows]) / _STEP
    return first.transpose(0, 2, 1), second.transpose(0, 2, 1)


Slopes: TypeAlias = tuple[FloatArray, FloatArray]
"""Derivatives of residuals, and of the log likelihoods of single patients."""


def heights(parts: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Return twice minus the log posterior, up to a constant; shape (n,)."""
    return np.asarray((parts[0] ** 2).sum(axis=1) - 2 * parts[1].sum(axis=1))


def gradient(parts: tuple[FloatArray, FloatArray], slopes: Slopes) -> FloatArray:
    """Return half the gradient of :func:`heights`; shape (n, n_parameters)."""
    pulled = np.einsum("nrp,nr->np", slopes[0], parts[0])
    return np.asarray(pulled - slopes[1].sum(axis=1))


def curvature(
    height: Callable[[FloatArray], FloatArray], point: FloatArray, step: float
) -> FloatArray:
    """Return second derivatives of a function at one point; (n_parameters, n_parameters).

    Central differences, all points in one stack: for a pair its sum moved both ways together,
    less what each moves alone.

    Parameters
    ----------
    height : callable
        From (n, n_parameters) to (n,).
    point : (n_parameters,) array
        Where.
    step : float
        Of the differences.
    """
    p = point.size
    moves = np.eye(p) * step
    first, second = np.triu_indices(p, 1)
    pairs = moves[first] + moves[second]
    found = height(
        np.concatenate([point[None], point + moves, point - moves, point + pairs, point - pairs])
    )
    alone = found[1 : p + 1] + found[p + 1 : 2 * p + 1] - 2 * found[0]
    together = found[2 * p + 1 :].reshape(2, -1).sum(axis=0) - 2 * found[0]
    bend = np.diag(alone)
    bend[first, second] = bend[second, first] = (together - alone[first] - alone[second]) / 2
    return np.asarray(bend / step**2)


def climb_together(
    hill: Hill, starts: FloatArray, *, n_steps: int, held: BoolArray | None = None
) -> FloatArray:
    """Return where each start has climbed to, shape of `starts`; see :func:`climb_and_look`."""
    return climb_and_look(hill, starts, n_steps=n_steps, held=held)[0]


def climb_and_look(
    hill: Hill,
    starts: FloatArray,
    *,
    n_steps: int,
    held: BoolArray | None = None,
    least_gain: float = NO_GAIN,
) -> tuple[FloatArray, FloatArray]:
    """Return where each start has climbed to, and minus the log likelihood there, (n,).

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
    least_gain : float
        Of twice the log likelihood; a start that gains less in a step is left alone.
    """
    low, high = hill.likelihood.free_model.bounds.T
    moving = np.ones(starts.shape, dtype=bool) if held is None else ~held
    points, damping = starts.copy(), np.full(len(starts), 1e-2)
    is_small = held is not None and starts.size <= _SMALL and not hill.likelihood.patients
    known = hill.around(points, moving) if is_small else hill.parts(points)
    climbing = np.arange(len(starts))
    # SPEED: a hundred starts cost little more than one (benchmarks/calibration.py).
    for _ in range(n_steps):
        now, base = points[climbing], [one[climbing] for one in known]
        parts = base[0], base[1]
        slopes = (base[2], base[3]) if is_small else hill.slopes(now, parts, moving[climbing])
        trial = np.clip(now + _steps(slopes, parts, damping[climbing]), low, high)
        trial = np.where(moving[climbing], trial, now)
        tried = hill.around(trial, moving[climbing]) if is_small else hill.parts(trial)
        gain = heights(parts) - heights((tried[0], tried[1]))
        better = gain > 0
        points[climbing[better]] = trial[better]
        for one, new in zip(known, tried, strict=True):
            one[climbing[better]] = new[better]
        slower = np.where(better, damping[climbing] / 5, damping[climbing] * 4)
        damping[climbing] = np.clip(slower, 1e-9, 1e6)
        climbing = climbing[np.abs(gain) >= least_gain]
        if climbing.size == 0:
            break
    residuals = known[0][:, : -points.shape[1]]  # those of the prior are behind
    return points, hill.likelihood.height(residuals, known[1])


def _steps(slopes: Slopes, parts: tuple[FloatArray, FloatArray], damping: FloatArray) -> FloatArray:
    """Return one damped Gauss-Newton step for each point; (n, n_parameters).

    The curvature of patients is the sum of their scores' squares (Berndt, Hall, Hall and
    Hausman 1974, Annals of Economic and Social Measurement 3:653-665).
    """
    normal = sum(slope.transpose(0, 2, 1) @ slope for slope in slopes)
    assert isinstance(normal, np.ndarray)  # not 0: there are two of them
    ridge = np.einsum("nii->ni", normal).mean(axis=1) * damping + 1e-9
    identity = np.eye(normal.shape[-1])
    uphill = gradient(parts, slopes)[..., None]
    steps = np.linalg.solve(normal + identity * ridge[:, None, None], -uphill)[..., 0]
    return np.asarray(np.clip(steps, -_LONGEST, _LONGEST))
