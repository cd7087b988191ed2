"""Maximum likelihood from many starting points, and the table of the optima it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lupusim.calibration.estimation.climbing import Hill, climb_together, curvature, heights
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.common.sobol import sobol_points

N_STARTS = 24
TIE_BREAK = 1e-6
"""Weight of the prior in the search: too small to move what the targets say, enough to
choose one point of a ridge along which they say nothing."""

_FIRST_TIE_BREAK = 1e-2
_SAME_FIT = 1e-3  # log likelihood units
_SAME_POINT = 0.02  # on the log and logit scales
_SAME_CLUSTER = 0.05
_N_STEPS = 8
_MANY = 3  # clusters that are finished together first
_N_TOGETHER = 25
_N_FEW = 6  # steps with a part of the patients
_N_LONG = 40  # steps of a climb towards patients
_N_NEWTON = 30
_NEWTON_STEP = 1e-3
_FLAT = 1e-6  # curvature of a plateau, from which no step leads anywhere
_SMALLEST_GAIN = 1e-7  # of twice the log likelihood
_BENDS = 1e-2  # of twice the log likelihood: a step that gains more meets another curvature
_N_ROUNDS = 2  # of as many steps again, for one start of each cluster
_SPREAD = 2.0  # starting points cover this many prior standard deviations either way

Progress = Callable[[int, int], None]
"""Told how many starting points are done, of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimum:
    """A point where the search ended."""

    free: FloatArray  # on the unbounded scale; (n_parameters,)
    negative_log_likelihood: float  # its kernel there
    n_starts: int  # how many starting points led there
    converged: bool
    """Whether the search stopped because nothing improved, not because it ran out of steps."""


def starting_points(likelihood: Likelihood, *, n_starts: int, seed: int) -> FloatArray:
    """Return the present values and scrambled Sobol points; shape (n_starts, n_parameters).

    Sobol points fill the box of two prior standard deviations around the prior mean, cut to
    the bounds. Where the counts are impossible at all of these, and no step leads away (a prior
    on another scale), they fill the bounds.
    """
    model = likelihood.free_model
    n_parameters = len(model.parameters)
    n_doublings = int(np.ceil(np.log2(max(n_starts, 2))))
    rng = stream(seed, "calibration", "starts")
    unit = sobol_points(n_parameters, n_doublings, rng=rng)[: n_starts - 1]
    points = model.prior_mean + _SPREAD * model.prior_sd * (2 * unit - 1)
    low, high = model.bounds.T
    gap = 1e-3 * (high - low)
    found = np.asarray(np.clip(np.vstack([model.prior_mean, points]), low + gap, high - gap))
    if likelihood.patients or not likelihood.is_impossible(found).all():
        return found
    return np.asarray(np.vstack([found[0], low + gap + unit * (high - low - 2 * gap)]))


def climb(
    likelihood: Likelihood, start: FloatArray, *, prior_weight: float = TIE_BREAK
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
    prior_weight : float
        What the log prior is multiplied with; 1 finds the mode of the posterior.
    """
    from scipy.optimize import least_squares

    hill = Hill(likelihood=likelihood, prior_weight=prior_weight)
    if likelihood.patients:
        rough = replace(hill, likelihood=likelihood.coarse())
        return _newton(hill, rough, climb_together(rough, start[None], n_steps=_N_LONG)[0])
    low, high = likelihood.free_model.bounds.T

    path = _Path(hill)
    found = least_squares(
        path.residuals, start, path.slopes, bounds=(low, high), xtol=1e-9, ftol=1e-11, gtol=1e-9
    )
    return np.asarray(found.x), bool(found.status > 0)


class _Path:
    """Residuals along a climb. SPEED: slopes are had with them, and kept until they are asked."""

    def __init__(self, hill: Hill) -> None:
        self.hill = hill
        self.point, self.slope = np.empty(0), np.empty((0, 0))

    def residuals(self, point: FloatArray) -> FloatArray:
        """Return the residuals at a point, those of the prior behind."""
        hill = self.hill
        found, self.slope = hill.likelihood.with_slopes(point)
        self.point = point.copy()
        return np.append(found, hill.pull * (point - hill.likelihood.free_model.prior_mean))

    def slopes(self, point: FloatArray) -> FloatArray:
        """Return their derivatives."""
        if not np.array_equal(point, self.point):
            self.residuals(point)
        return np.vstack([self.slope, np.diag(self.hill.pull)])


def _newton(hill: Hill, rough: Hill, point: FloatArray) -> tuple[FloatArray, bool]:
    """Return the optimum near a point by Newton's steps, and whether nothing improved any more.

    SPEED: the curvature is that of the rougher hill, and kept while steps gain little.
    """
    low, high = hill.likelihood.free_model.bounds.T
    height = float(heights(hill.parts(point[None]))[0])
    gain = np.inf
    for _ in range(_N_NEWTON):
        slope = _slope(hill, point)
        if gain > _BENDS:
            eigenvalues, directions = np.linalg.eigh(
                curvature(lambda points: heights(rough.parts(points)), point, _NEWTON_STEP)
            )
        largest = max(float(np.abs(eigenvalues).max()), _FLAT)
        scale = np.maximum(np.abs(eigenvalues), 1e-6 * largest)
        step = -directions @ (directions.T @ slope / scale)
        hoped = -float(slope @ step) / 2
        step *= np.minimum(1.0, 1.0 / max(float(np.abs(step).max()), 1e-300))
        if hoped < _SMALLEST_GAIN:
            return point, True
        for shares in (np.ones(1), 0.5 ** np.arange(1, 12)):
            tried = np.clip(point + step * shares[:, None], low, high)
            found = heights(hill.parts(tried))
            best = int(found.argmin())
            gain = height - float(found[best])
            if gain > hoped / 4:
                break
        if gain < _SMALLEST_GAIN:
            return point, True
        point, height = tried[best], float(found[best])
    return point, False


def _slope(hill: Hill, point: FloatArray) -> FloatArray:
    """Return the gradient of twice the negative log posterior."""
    moves = np.eye(point.size) * _NEWTON_STEP
    up, down = heights(hill.parts(np.concatenate([point + moves, point - moves]))).reshape(2, -1)
    return np.asarray((up - down) / (2 * _NEWTON_STEP))


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
    near, clusters = _near_tops(likelihood, starts)
    if len(clusters) > _MANY and not likelihood.patients:
        # SPEED: on a ridge they climb long, and cost little more together than one of them.
        hill = Hill(likelihood=likelihood, prior_weight=TIE_BREAK)
        near, clusters = _go_on(hill, near, clusters, n_steps=_N_TOGETHER)
    ends: list[tuple[float, FloatArray, bool, int]] = []
    for k, members in enumerate(clusters):
        free, converged = climb(likelihood, near[members[0]])
        height = float(likelihood.negative_log_likelihood(free)[0])
        ends.append((height, free, converged, len(members)))
        if progress is not None:
            progress(k + 1, len(clusters))
    return _distinct(ends)


def _near_tops(likelihood: Likelihood, starts: FloatArray) -> tuple[FloatArray, list[list[int]]]:
    """Return where the starts have climbed to on a coarse grid, and which of them have met.

    SPEED: where all patients cost much, a part of them says which few starts go on with all.
    """
    few = likelihood.few()
    if few is None:
        return _gather(Hill(likelihood=likelihood.coarse(), prior_weight=_FIRST_TIE_BREAK), starts)
    hill = Hill(likelihood=few, prior_weight=_FIRST_TIE_BREAK)
    near, clusters = _go_on(hill, starts.copy(), [[k] for k in range(len(starts))], n_steps=_N_FEW)
    hill = Hill(likelihood=likelihood.coarse(), prior_weight=TIE_BREAK)
    return _go_on(hill, near, clusters[:_MANY], n_steps=_N_STEPS)


def _gather(hill: Hill, starts: FloatArray) -> tuple[FloatArray, list[list[int]]]:
    """Return where the starts have climbed to, and which of them have met.

    Those that have met climb on as one.
    """
    near = climb_together(hill, starts, n_steps=_N_STEPS)
    clusters = _clusters(near, hill.likelihood.negative_log_likelihood(near))
    for _ in range(_N_ROUNDS):
        near, clusters = _go_on(hill, near, clusters, n_steps=_N_STEPS)
    return near, clusters


def _go_on(
    hill: Hill, near: FloatArray, clusters: list[list[int]], *, n_steps: int
) -> tuple[FloatArray, list[list[int]]]:
    """Return where one start of each cluster has climbed to, and which of them have met."""
    first = [members[0] for members in clusters]
    near[first] = climb_together(hill, near[first], n_steps=n_steps)
    heights = hill.likelihood.negative_log_likelihood(near[first])
    joined = _clusters(near[first], heights)
    return near, [[m for k in group for m in clusters[k]] for group in joined]


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
