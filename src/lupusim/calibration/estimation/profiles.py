"""Profile likelihoods: how far each parameter can go before the targets object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lupusim.calibration.estimation.climbing import Hill, climb_together, gradient
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.estimation.search import TIE_BREAK, Progress
from lupusim.calibration.estimation.tails import Tails
from lupusim.calibration.estimation.walkers import (
    GAIN_OF_PATIENTS,
    LEAST_GAIN,
    N_STEPS,
    Walkers,
    leads,
)
from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass

CRITICAL = 3.841458820694124  # 95 % point of chi-square with one degree of freedom
BOUNDARY = 7.3777589082278725
"""Twice ``-log(0.025)``: where the likelihood is 0.025 of what it is at a bound of the parameter.

Of nothing seen among n it is the limit of Clopper and Pearson (1934, Biometrika 26:404-413); of any
data, a likelihood ratio against the bound this small is had with probability 0.025 at most.
"""

_N_EXPANSIONS = 12
_N_REFINEMENTS = 24
_N_SECANTS = 6  # then every other step halves the bracket
_AT_BOUND = 1e-2  # log or logit units
_MATTERS = 0.2  # of the deviance per unit beyond a bound
_CLOSE = 0.02  # of the deviance to its critical value
_HIGHEST = 0.05  # deviance at a bound where the likelihood has its top


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The profile likelihood of one parameter."""

    name: str  # of the parameter
    estimate: float  # natural scale
    values: FloatArray
    deviances: FloatArray
    """`values` and `deviances`: natural values in increasing order, and by how much twice the log
    likelihood falls below its maximum there, all other parameters refitted; (n_points,)."""
    lower: float
    upper: float
    """`lower` and `upper`: natural values at which that is 3.84; ``nan`` where the parameter
    reaches the bound of the search before: the interval is unbounded on that side."""
    lower_held_by: tuple[str, ...] = ()
    upper_held_by: tuple[str, ...] = ()
    """`lower_held_by` and `upper_held_by`: other parameters that stand at the bound of their own
    search at this limit, and would move it if they could go on."""
    exact_limit: float = float("nan")
    """Where the likelihood is highest at a bound, as of a rate of what nobody had: the only limit,
    exact where the profile's is the chi-square's, which then misses too often."""
    exact_lower: float = float("nan")
    exact_upper: float = float("nan")
    """`exact_lower` and `exact_upper`: where few events stand behind a parameter: limits at which
    the tail of the counts has probability 0.025, if they are further out than the chi-square's."""
    valleys: tuple[float, ...] = ()
    """Other values about which the targets are met nearly as well, beyond values that they exclude:
    the limits lie beyond them."""

    ends_search: bool = False
    """Whether the estimate stands at the bound of its search, and the targets would be met better
    beyond: what is told of it holds only as far as it is searched."""

    @property
    def unbounded(self) -> tuple[str, ...]:
        """The sides without a limit: ``below``, ``above``, both or none."""
        sides = (("below", self.lower), ("above", self.upper))
        return tuple(side for side, limit in sides if np.isnan(limit))


def profile_all(
    likelihood: Likelihood,
    tops: FloatArray,
    *,
    standard_errors: FloatArray,
    information: FloatArray | None = None,
    progress: Progress | None = None,
) -> tuple[Profile, ...]:
    """Return the profile of every parameter, with 95 % limits.

    All parameters and both sides walk outwards together, doubling their steps until the
    deviance passes 3.84 or the bound of the search is reached, then close in by the secant
    of its root, which is nearly straight (Venzon and Moolgavkar 1988, Applied Statistics
    37:87-94, give the limits).

    Parameters
    ----------
    likelihood : Likelihood
        What was maximized.
    tops : (n_parameters,) or (n_tops, n_parameters) array
        Where; behind it other tops that a search found. Those that the data don't exclude are
        gone on from: so a limit lies beyond every valley of its profile that is known.
    standard_errors : (n_parameters,) array
        First guesses of the steps; ``inf`` or ``nan`` where there is none.
    information : (n_parameters, n_parameters) array, optional
        Says how the others move with one parameter: where single patients make refits dear,
        they begin there.
    progress : callable, optional
        Told how many walks to limits are over, of four for each parameter.
    """
    best, *others = np.atleast_2d(tops)
    coarse = likelihood.coarse()
    is_cheap = not likelihood.patients or information is None
    tails = Tails(coarse, standard_errors)
    hill = Hill(likelihood=coarse, prior_weight=TIE_BREAK)
    top = climb_together(hill, best[None], n_steps=N_STEPS)
    height = float(coarse.negative_log_likelihood(top)[0])
    twice = np.repeat(top, 2 * best.size, axis=0)
    walkers = Walkers(
        hill=hill,
        top=height,
        best=top[0],
        tails=tails,
        inside=twice,
        points=twice.copy(),
        seen=[],
        judged=[],
        leads=np.eye(best.size) if information is None or is_cheap else leads(information),
        least_gain=LEAST_GAIN if is_cheap else GAIN_OF_PATIENTS,
        progress=progress,
    )
    guesses = np.where(np.isfinite(standard_errors), standard_errors, 1.0)
    steps = np.clip(1.5 * guesses, 0.1, 1.5) if is_cheap else np.clip(2 * guesses, 0.02, 1.5)
    low, high, found = _bracket(walkers, np.repeat(steps, 2))
    walkers.settled = len(walkers.points)
    limits = _close_in(walkers, low, high, found)
    valleys = _beyond_valleys(walkers, others, limits, found)
    walkers.progress = None
    held = _held_by(walkers, found)
    profiles = [
        replace(
            _profile(likelihood, walkers, k, limits),
            lower_held_by=held[2 * k],
            upper_held_by=held[2 * k + 1],
        )
        for k in range(best.size)
    ]
    ends = _ends_search(walkers)
    exact = np.where(ends, np.nan, _exact_limits(walkers, limits))
    further = _tail_limits(walkers, limits).reshape(-1, 2)
    if progress is not None:
        progress(2 * len(walkers.points), 2 * len(walkers.points))
    return tuple(
        replace(
            profile,
            exact_limit=float(parameter.transform.natural(exact[k])),
            exact_lower=float(parameter.transform.natural(further[k, 0])),
            exact_upper=float(parameter.transform.natural(further[k, 1])),
            ends_search=bool(ends[k]),
            valleys=tuple(
                parameter.transform.natural(np.array([v for a, v in valleys if a == k])).tolist()
            ),
        )
        for k, (profile, parameter) in enumerate(
            zip(profiles, likelihood.free_model.parameters, strict=True)
        )
    )


def _beyond_valleys(
    walkers: Walkers, others: Sequence[FloatArray], limits: FloatArray, found: BoolArray
) -> list[tuple[int, float]]:
    """Move limits beyond other tops that the data don't exclude; return these, (axis, value)."""
    likelihood = walkers.hill.likelihood
    begun, valleys = np.zeros(limits.size), list[tuple[int, float]]()
    for top in others:
        deviance = 2 * float(likelihood.negative_log_likelihood(top[None])[0] - walkers.top)
        gaps = np.repeat(top - walkers.best, 2) * np.tile([-1.0, 1.0], top.size)
        further = found & (gaps > np.abs(limits - walkers.best[walkers.axes])) & (gaps > begun)
        if deviance < CRITICAL and further.any():
            begun[further], walkers.inside[further] = gaps[further], top
            axes = walkers.axes[further].tolist()
            seen = [(axis, float(top[axis]), deviance) for axis in axes]
            walkers.seen += seen
            walkers.judged += seen
            valleys += [(axis, value) for axis, value, _ in seen]
    rows = begun > 0
    if rows.any():
        steps = np.where(rows, np.abs(limits - walkers.best[walkers.axes]) / 2, 0.0)
        low, high, out = _bracket(walkers, steps, walking=rows, begun=begun)
        limits[rows] = _close_in(walkers, low, high, out & rows)[rows]
        found[rows] = out[rows]
    return valleys


def _exact_limits(walkers: Walkers, limits: FloatArray) -> FloatArray:
    """Return limits of parameters whose likelihood is highest at a bound; ``nan`` for others."""
    sides = limits.reshape(-1, 2)
    exact = np.full(len(sides), np.nan)
    at_bound = np.full(limits.size, np.inf)
    bounds = walkers.hill.likelihood.free_model.bounds.ravel()
    for axis, value, deviance in walkers.seen:
        for row in (2 * axis, 2 * axis + 1):
            if abs(value - bounds[row]) < _AT_BOUND:
                at_bound[row] = deviance
    opposite = at_bound.reshape(-1, 2)[:, ::-1].ravel()
    rows = np.isfinite(limits) & (opposite < _HIGHEST)
    if rows.any():
        steps = 1.4 * np.abs(limits - walkers.best[walkers.axes])
        low, high, found = _bracket(walkers, steps, critical=BOUNDARY, walking=rows)
        further = _close_in(walkers, low, high, found & rows, critical=BOUNDARY)
        exact[walkers.axes[rows]] = further[rows]
    return exact


def _tail_limits(walkers: Walkers, limits: FloatArray) -> FloatArray:
    """Return limits by exact tails of parameters that few events decide; ``nan`` for others."""
    bounds = walkers.hill.likelihood.free_model.bounds
    inside = (np.abs(bounds - walkers.best[:, None]) > _AT_BOUND).all(axis=1)
    rows = np.isfinite(limits) & (walkers.tails.few & inside)[walkers.axes]
    if not rows.any():
        return np.full(limits.shape, np.nan)
    walkers.is_exact = True
    steps = 1.2 * np.abs(limits - walkers.best[walkers.axes])
    low, high, found = _bracket(walkers, steps, walking=rows)
    further = _close_in(walkers, low, high, found & rows)
    walkers.is_exact = False
    return further


def _ends_search(walkers: Walkers) -> BoolArray:
    """Return which estimates stand at a bound of their search that the targets would pass."""
    bounds = walkers.hill.likelihood.free_model.bounds
    low, high = (np.abs(walkers.best - bound) < _AT_BOUND for bound in bounds.T)
    pull = _pull(walkers.hill, walkers.best[None])[0]
    ends: BoolArray = (low & (pull > _MATTERS)) | (high & (pull < -_MATTERS))
    return ends


def _held_by(walkers: Walkers, found: BoolArray) -> list[tuple[str, ...]]:
    """Return, for each walker's limit, the other parameters whose bounds decide it."""
    model = walkers.hill.likelihood.free_model
    points = walkers.points
    pull = _pull(walkers.hill, points)
    low, high = (np.abs(points - bound) < _AT_BOUND for bound in model.bounds.T)
    stuck = (low & (pull > _MATTERS)) | (high & (pull < -_MATTERS))
    # A bound that decides the estimate, too, is taken for what is known.
    begun = np.abs(_pull(walkers.hill, walkers.best[None])[0]) > _MATTERS
    stuck &= ~begun
    stuck[np.arange(len(points)), walkers.axes] = False
    return [
        tuple(name for name, is_stuck in zip(model.names, row, strict=True) if is_stuck and out)
        for row, out in zip(stuck.tolist(), found.tolist(), strict=True)
    ]


def _pull(hill: Hill, points: FloatArray) -> FloatArray:
    """Return the slopes of the deviance per log or logit unit; shape of `points`."""
    parts = hill.parts(points)
    return 2 * gradient(parts, hill.slopes(points, parts))


def _bracket(
    walkers: Walkers,
    steps: FloatArray,
    *,
    critical: float = CRITICAL,
    walking: BoolArray | None = None,
    begun: FloatArray | float = 0.0,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return, for each walker, its last step inside, its first outside, and whether it got out.

    Walkers set out from the top, or so far from it as they have `begun`.
    """
    n = steps.size
    directions = np.where(np.arange(n) % 2 == 0, -1.0, 1.0)
    bounds = walkers.hill.likelihood.free_model.bounds[walkers.axes]
    start = walkers.best[walkers.axes]
    room = np.abs(np.where(directions < 0, bounds[:, 0], bounds[:, 1]) - start)
    inside = np.broadcast_to(begun, n).copy()
    outside = np.minimum(inside + steps, room)
    walking = np.ones(n, dtype=bool) if walking is None else walking.copy()
    found = np.zeros(n, dtype=bool)
    for _ in range(_N_EXPANSIONS):
        rows = np.flatnonzero(walking)
        if rows.size == 0:
            break
        deviances = walkers.refit(rows, (start + directions * outside)[rows])
        out = deviances > critical
        found[rows[out]] = True
        stays = rows[~out]
        inside[stays], walkers.inside[stays] = outside[stays], walkers.points[stays]
        walking[rows] = ~out & (outside[rows] < room[rows])
        outside[stays] = np.minimum(outside[stays] * 2, room[stays])
    return inside * directions + start, outside * directions + start, found


def _close_in(
    walkers: Walkers,
    low: FloatArray,
    high: FloatArray,
    found: BoolArray,
    *,
    critical: float = CRITICAL,
) -> FloatArray:
    """Return where the deviance is critical, ``nan`` for walkers that never got out."""
    limits = np.where(found, high, np.nan)
    roots = {(axis, value): _root(deviance) for axis, value, deviance in walkers.judged}
    wanted = np.sqrt(critical)
    rows = np.flatnonzero(found)
    for step in range(_N_REFINEMENTS):
        if rows.size == 0:
            break
        axes = walkers.axes[rows].tolist()
        below = np.array([roots.get((a, v), 0.0) for a, v in zip(axes, low[rows], strict=True)])
        above = np.array([roots[a, v] for a, v in zip(axes, high[rows], strict=True)])
        share = np.clip((wanted - below) / np.maximum(above - below, 1e-9), 0.05, 0.95)
        if step >= _N_SECANTS and step % 2 == 0:
            share = np.full(share.shape, 0.5)
        values = low[rows] + share * (high[rows] - low[rows])
        deviances = walkers.refit(rows, values)
        for axis, value, deviance in zip(axes, values.tolist(), deviances.tolist(), strict=True):
            roots[axis, value] = _root(deviance)
        out = deviances > critical
        limits[rows] = values
        high[rows[out]], low[rows[~out]] = values[out], values[~out]
        walkers.inside[rows[~out]] = walkers.points[rows[~out]]
        rows = rows[np.abs(deviances - critical) > _CLOSE]
    return limits


def _root(deviance: float) -> float:
    return float(np.sqrt(max(deviance, 0.0)))


def _profile(likelihood: Likelihood, walkers: Walkers, axis: int, limits: FloatArray) -> Profile:
    """Return one parameter's profile on its natural scale."""
    parameter = likelihood.free_model.parameters[axis]
    points = {value: deviance for a, value, deviance in walkers.seen if a == axis}
    points[float(walkers.best[axis])] = 0.0
    values = np.array(sorted(points))
    lower, upper = parameter.transform.natural(limits[2 * axis : 2 * axis + 2])
    return Profile(
        name=parameter.name,
        estimate=float(parameter.transform.natural(walkers.best[axis])),
        values=parameter.transform.natural(values),
        deviances=np.maximum([points[value] for value in values.tolist()], 0.0),
        lower=float(lower),
        upper=float(upper),
    )
