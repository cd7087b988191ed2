"""Maximum likelihood from many starting points, and the table of the optima it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lupusim.arrays import BoolArray, FloatArray
from lupusim.calibration.likelihood import Likelihood
from lupusim.rng import stream

N_STARTS = 24
TIE_BREAK = 1e-6
"""Weight of the prior in the search: too small to move what the targets say, enough to
choose one point of a ridge along which they say nothing."""

_FIRST_TIE_BREAK = 1e-2
_SAME_FIT = 1e-3  # log likelihood units
_SAME_POINT = 0.02  # on the log and logit scales
_SAME_CLUSTER = 0.05
_N_STEPS = 25
_STEP = 1e-6  # of forward differences, on the log and logit scales
_SPREAD = 2.0  # starting points cover this many prior standard deviations either way

Progress = Callable[[int, int], None]
"""Told how many starting points are done, of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimum:
    """A point where the search ended.

    Parameters
    ----------
    free : (n_parameters,) array
        On the unbounded scale.
    negative_log_likelihood : float
        Its kernel there.
    n_starts : int
        How many starting points led there.
    converged : bool
        Whether the search stopped because nothing improved, not because it ran out of steps.
    """

    free: FloatArray
    negative_log_likelihood: float
    n_starts: int
    converged: bool


def starting_points(likelihood: Likelihood, *, n_starts: int, seed: int) -> FloatArray:
    """Return the present values and scrambled Sobol points; shape (n_starts, n_parameters).

    Sobol points fill the box of two prior standard deviations around the prior mean, cut to
    the bounds (Sobol 1967; scrambling after Owen 1998, as scipy does it).
    """
    from scipy.stats import qmc

    model = likelihood.free_model
    n_parameters = len(model.parameters)
    # The sampler's own generator would be unnamed; ours is a stream of this seed.
    sampler = qmc.Sobol(n_parameters, rng=stream(seed, "calibration", "starts"))
    unit = sampler.random_base2(int(np.ceil(np.log2(max(n_starts, 2)))))[: n_starts - 1]
    points = model.prior_mean + _SPREAD * model.prior_sd * (2 * unit - 1)
    low, high = model.bounds.T
    gap = 1e-3 * (high - low)
    return np.asarray(np.clip(np.vstack([model.prior_mean, points]), low + gap, high - gap))


def climb(
    likelihood: Likelihood,
    start: FloatArray,
    *,
    held: BoolArray | None = None,
    tie_break: float = TIE_BREAK,
) -> tuple[FloatArray, bool]:
    """Return the nearest optimum to a start, and whether the search converged.

    Trust-region least squares on deviance residuals (Branch, Coleman and Li 1999, as
    scipy.optimize.least_squares has it).

    Parameters
    ----------
    likelihood : Likelihood
        What to maximize.
    start : (n_parameters,) array
        Where to begin, inside the bounds.
    held : (n_parameters,) boolean array, optional
        Parameters that stay where they are, for a profile.
    tie_break : float
        Weight of the prior.
    """
    from scipy.optimize import least_squares

    model = likelihood.free_model
    moving = np.ones(start.size, dtype=bool) if held is None else ~held
    pull = np.sqrt(tie_break) / model.prior_sd

    def whole(part: FloatArray) -> FloatArray:
        point = start.copy()
        point[moving] = part
        return point

    def residuals(part: FloatArray) -> FloatArray:
        point = whole(part)
        return np.concatenate([likelihood.residuals(point)[0], pull * (point - model.prior_mean)])

    def slopes(part: FloatArray) -> FloatArray:
        return np.vstack([likelihood.jacobian(whole(part)), np.diag(pull)])[:, moving]

    if not moving.any():
        return start.copy(), True
    low, high = model.bounds[moving].T
    found = least_squares(
        residuals, start[moving], slopes, bounds=(low, high), xtol=1e-9, ftol=1e-11, gtol=1e-9
    )
    return whole(found.x), bool(found.status > 0)


def climb_together(
    likelihood: Likelihood, starts: FloatArray, *, tie_break: float, n_steps: int
) -> FloatArray:
    """Return where each start has climbed to after so many steps; shape of `starts`.

    Levenberg-Marquardt (Marquardt 1963) for all starts in one stack, with points cut to the
    bounds. It gets near; :func:`climb` finishes.
    """
    model = likelihood.free_model
    low, high = model.bounds.T
    pull = np.sqrt(tie_break) / model.prior_sd
    points, damping = starts.copy(), np.full(len(starts), 1e-2)
    residuals = _pulled(likelihood, points, pull)
    # SPEED: a hundred starts cost little more than one (benchmarks/calibration.py).
    for _ in range(n_steps):
        slopes = _stacked_slopes(likelihood, points, residuals, pull)
        normal = slopes.transpose(0, 2, 1) @ slopes
        gradient = (slopes.transpose(0, 2, 1) @ residuals[..., None])[..., 0]
        ridge = np.einsum("nii->ni", normal) * damping[:, None] + 1e-9
        step = np.linalg.solve(
            normal + np.eye(points.shape[1]) * ridge[:, None, :], -gradient[..., None]
        )
        trial = np.clip(points + np.clip(step[..., 0], -2.0, 2.0), low, high)
        tried = _pulled(likelihood, trial, pull)
        better = (tried**2).sum(axis=1) < (residuals**2).sum(axis=1)
        points[better], residuals[better] = trial[better], tried[better]
        damping = np.clip(np.where(better, damping / 5, damping * 4), 1e-9, 1e6)
    return points


def _pulled(likelihood: Likelihood, points: FloatArray, pull: FloatArray) -> FloatArray:
    """Return residuals with those of the tie-breaking prior behind them."""
    prior = pull * (points - likelihood.free_model.prior_mean)
    return np.concatenate([likelihood.residuals(points), prior], axis=1)


def _stacked_slopes(
    likelihood: Likelihood, points: FloatArray, residuals: FloatArray, pull: FloatArray
) -> FloatArray:
    """Return forward differences of the residuals at each point; (n, n_residuals, n_parameters)."""
    n, n_parameters = points.shape
    moved = points[:, None, :] + np.eye(n_parameters) * _STEP
    there = _pulled(likelihood, moved.reshape(-1, n_parameters), pull)
    slopes = (there.reshape(n, n_parameters, -1) - residuals[:, None, :]) / _STEP
    return slopes.transpose(0, 2, 1)


def search(
    likelihood: Likelihood,
    *,
    seed: int,
    n_starts: int = N_STARTS,
    progress: Progress | None = None,
) -> tuple[Optimum, ...]:
    """Return the distinct optima reached from Sobol starting points, best first.

    All starts climb together on a coarse grid; one of each cluster is then finished by
    scipy's trust-region least squares at full accuracy.

    Parameters
    ----------
    likelihood : Likelihood
        What to maximize.
    seed : int
        Names the starting points.
    n_starts : int
        How many.
    progress : callable, optional
        Told after every cluster that is finished.
    """
    starts = starting_points(likelihood, n_starts=n_starts, seed=seed)
    coarse = likelihood.coarse()
    near = climb_together(coarse, starts, tie_break=_FIRST_TIE_BREAK, n_steps=_N_STEPS)
    heights = coarse.negative_log_likelihood(near)
    clusters = _clusters(near, heights)
    ends: list[tuple[float, FloatArray, bool, int]] = []
    for k, members in enumerate(clusters):
        free, converged = climb(likelihood, near[members[0]])
        height = float(likelihood.negative_log_likelihood(free)[0])
        ends.append((height, free, converged, len(members)))
        if progress is not None:
            progress(k + 1, len(clusters))
    return _distinct(ends)


def _clusters(points: FloatArray, heights: FloatArray) -> list[list[int]]:
    """Return groups of points that have climbed to the same place, the best of each first."""
    clusters: list[list[int]] = []
    for k in np.argsort(heights, kind="stable").tolist():
        for members in clusters:
            if np.abs(points[members[0]] - points[k]).max() < _SAME_CLUSTER:
                members.append(k)
                break
        else:
            clusters.append([k])
    return clusters


def _distinct(ends: list[tuple[float, FloatArray, bool, int]]) -> tuple[Optimum, ...]:
    """Return one optimum for each group of ends that are the same point."""
    optima: list[Optimum] = []
    counts: list[int] = []
    for height, free, converged, n_starts in sorted(ends, key=lambda end: end[0]):
        for k, known in enumerate(optima):
            near = float(np.abs(known.free - free).max(initial=0.0)) < _SAME_POINT
            if near and height - known.negative_log_likelihood < _SAME_FIT:
                counts[k] += n_starts
                break
        else:
            new = Optimum(
                free=free, negative_log_likelihood=height, n_starts=1, converged=converged
            )
            optima.append(new)
            counts.append(n_starts)
    return tuple(
        Optimum(
            free=o.free,
            negative_log_likelihood=o.negative_log_likelihood,
            n_starts=n,
            converged=o.converged,
        )
        for o, n in zip(optima, counts, strict=True)
    )
