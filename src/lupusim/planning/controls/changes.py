"""The law of a marker's change at a visit: points that stand for all that may be seen."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.counts.cells import cells_of
from lupusim.planning.theory.counts.chances import response_chances
from lupusim.simulation.control_classes import EvenCells
from lupusim.trial import Better, Endpoint, Trial
from lupusim.trial.endpoints import MissingChange
from lupusim.trial.observation import Marker
from lupusim.trial.population.screening import Screening

_NODES = 24  # of a normal number between two kinks: what is left out is below 1e-8
_REACH = 6.5  # standard deviations
_RARE = 1e-12  # chance of a baseline that is left out
_CELLS, _WIDE = 128, 4.0  # cells of changes, and standard deviations on either side of the middle
_FINE, _COARSE = 64, 40  # nodes between two kinks, where chances may turn soon
_APART = 1e-7  # what two quadratures may differ by: the finer one is far nearer


@dataclass(frozen=True, slots=True, kw_only=True)
class _InState:
    """Being in a state at a visit."""

    name: str
    states: tuple[str, ...]
    visits: tuple[float, ...]
    better: Better = Better.MORE


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLaw:
    """Changes that stand for all there are, with the values at randomization they come from."""

    weight: FloatArray  # chance of each; the rest has no change; (n_arms, n_points)
    change: FloatArray  # (n_arms, n_points)
    baseline: FloatArray  # (n_arms, n_points)


def is_change_known(trial: Trial) -> bool:
    """Return whether the law of the marker's changes is known, of patients who are independent.

    Parameters
    ----------
    trial : Trial
        One that has a marker.
    """
    marker, population = trial.marker, trial.population
    if marker is None or trial.visit_conduct.window or trial.intercurrent_events:
        return False
    starts = {arm.model.starts[0].state for arm in trial.arms}
    if len(starts) > 1 or any(len(arm.model.starts) > 1 for arm in trial.arms):
        return False
    if not marker.baseline:
        return True
    screening = population.screening
    plain = screening is not None and (screening.tests == 1 or not screening.activity.correlation)
    return plain and marker.baseline == "sledai" and marker.sd[starts.pop()] > 0


def are_cells_known(trial: Trial, endpoint: Endpoint) -> bool:
    """Return whether changes of the marker vary in each state, and their law is known.

    Parameters
    ----------
    trial : Trial
        One that may have a marker.
    endpoint : Endpoint
        What is asked of it.
    """
    marker, at = trial.marker, endpoint.due_time
    if marker is None or at is None or endpoint.change_of_marker is None:
        return False
    varies = min(marker.sd.values()) * marker.widening(at) > 0 and marker.with_baseline < 1
    return varies and is_change_known(trial)


def change_law(trial: Trial, endpoint: Endpoint) -> ChangeLaw:
    """Return the law of changes of a marker at a visit.

    Parameters
    ----------
    trial : Trial
        One of which :func:`is_change_known`.
    endpoint : Endpoint
        The change.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not know who is in which state.
    """
    marker, at = trial.marker, endpoint.due_time
    assert marker is not None
    assert at is not None  # of changes both are there
    seen = dict(_seen(trial, marker, at))
    first, chance = _starts(trial, marker)
    start = trial.arms[0].model.starts[0].state
    before = np.maximum(marker.mean[start] + marker.sd[start] * first, marker.lowest)
    parts: list[FloatArray] = []
    for number, arm in enumerate(trial.arms):
        moved, found = marker.change(arm.name, at), []
        for state, share in seen.items():
            mean = marker.mean[state] + moved
            sd = marker.sd[state] * marker.widening(at)
            x, weight = _after(marker, mean, sd, first)
            found.append((share[number] * chance[:, None] * weight, x - before[:, None]))
        known = sum(float(weight.sum()) for weight, _ in found)
        rest = 1 - known if endpoint.change_of_marker is MissingChange.NO_CHANGE else 0.0
        found.append((rest * chance[:, None], np.zeros((before.size, 1))))
        weights = np.concatenate([weight for weight, _ in found], axis=1)
        changes = np.concatenate([change for _, change in found], axis=1)
        own = np.broadcast_to(before[:, None], changes.shape)
        parts.append(np.stack([weights, changes, own]).reshape(3, -1))
    weight, change, baseline = np.stack(parts, axis=1)
    return ChangeLaw(weight=weight, change=change, baseline=baseline)


def change_cells(trial: Trial, endpoint: Endpoint) -> tuple[EvenCells, FloatArray]:
    """Return even cells of changes, the chance of each, and last that of having no change.

    Parameters
    ----------
    trial : Trial
        One of which :func:`are_cells_known`.
    endpoint : Endpoint
        The change.

    Returns
    -------
    EvenCells, (n_arms, n_cells + 1) array

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not know who is in which state, or the chances well enough.
    """
    law = change_law(trial, endpoint)
    known, share = law.weight.sum(axis=1, keepdims=True), law.weight / law.weight.sum()
    middle = float((share * law.change).sum())
    sd = math.sqrt(float((share * (law.change - middle) ** 2).sum()))
    width = 2 * _WIDE * sd / _CELLS
    # many may have no change at all: that is in the middle of a cell, not between two
    start = width * (math.floor((middle - _WIDE * sd) / width) + 0.5)
    edges = np.asarray(start + width * np.arange(1, _CELLS))
    below, roughly = (_below(trial, endpoint, edges, n_nodes) for n_nodes in (_FINE, _COARSE))
    if (apart := float(np.abs(below - roughly).max())) > _APART:
        raise NoExactSolutionError(f"two quadratures over scores differ by {apart:.1g}")
    none = np.zeros_like(known)
    chance = np.diff(np.hstack([none, below, known, none + 1]), axis=1)
    return EvenCells(width=width, number=_CELLS, start=start), np.maximum(chance, 0.0)


def _below(trial: Trial, endpoint: Endpoint, edges: FloatArray, n_nodes: int) -> FloatArray:
    """Return the chance that there is a change below each edge, (n_arms, n_edges)."""
    from scipy.special import ndtr

    marker, at = trial.marker, endpoint.due_time
    assert marker is not None
    assert at is not None  # of changes both are there
    seen, start = dict(_seen(trial, marker, at)), trial.arms[0].model.starts[0].state
    mean, sd = marker.mean[start], marker.sd[start]
    if marker.baseline:
        first, chance = _starts(trial, marker)
    else:
        kinks = [marker.lowest, *(marker.lowest - edges)] if sd > 0 else []
        first, chance = _pieces((np.array(kinks) - mean) / (sd or 1.0), edges.size, n_nodes)
    later = np.maximum(mean + sd * first, marker.lowest) + edges[:, None]
    found = np.empty((len(trial.arms), edges.size))
    for number, arm in enumerate(trial.arms):
        rest = float(endpoint.change_of_marker is MissingChange.NO_CHANGE)
        found[number] = (rest - rest * sum(s[number] for s in seen.values())) * (edges > 0)
        for state, share in seen.items():
            own = marker.sd[state] * marker.widening(at)
            moved = marker.mean[state] + marker.change(arm.name, at)
            center = moved + own * marker.with_baseline * first
            spread = own * math.sqrt(1 - marker.with_baseline**2)
            part = np.where(later >= marker.lowest, ndtr((later - center) / spread), 0.0)
            found[number] += share[number] * (chance * part).sum(axis=1)
    return found


def _pieces(kinks: FloatArray, n_edges: int, n_nodes: int) -> tuple[FloatArray, FloatArray]:
    """Return normal deviates and their chances for each edge, by Gauss and Legendre.

    Parameters
    ----------
    kinks : (1 + n_edges,) array
        Where the value has a kink, and for each edge where its chance jumps; empty for neither.
    n_edges, n_nodes : int
        How many edges, and nodes between kinks.

    Returns
    -------
    deviate, chance : (n_edges, n_points) arrays
    """
    from scipy.special import ndtr

    both = [np.full(n_edges, kinks[0]), kinks[1:]] if kinks.size else []
    ends = np.column_stack([np.full(n_edges, -_REACH), *both, np.full(n_edges, _REACH)])
    ends = np.sort(np.clip(ends, -_REACH, _REACH), axis=1)
    rule = np.polynomial.legendre.leggauss(n_nodes)
    parts = [_between(a[:, None], b[:, None], *rule) for a, b in pairwise(ends.T)]
    mass = np.diff(ndtr(ends), axis=1).T
    weights = [weight * of[:, None] for (_, weight), of in zip(parts, mass, strict=True)]
    return np.hstack([x for x, _ in parts]), np.hstack(weights)


def _seen(trial: Trial, marker: Marker, at: float) -> Iterator[tuple[str, FloatArray]]:
    """Yield for each state in which a value is seen at a visit the chance of that, (n_arms,)."""
    truly = replace(trial, visit_conduct=replace(trial.visit_conduct, misread={}))
    ended = set(trial.arms[0].model.absorbing or ())
    cells = cells_of(trial, ())
    shares = [cell.share for cell in cells]
    for state in trial.states:
        if state not in ended and state in marker.mean:
            inside = _InState(name=state, states=(state,), visits=(at,))
            yield state, response_chances(truly, inside, cells) @ shares


def _starts(trial: Trial, marker: Marker) -> tuple[FloatArray, FloatArray]:
    """Return standard deviates of the value at randomization, and the chance of each."""
    if not marker.baseline:
        start = trial.arms[0].model.starts[0].state
        sd = marker.sd[start]
        kink = (marker.lowest - marker.mean[start]) / sd if sd > 0 else -math.inf
        return _normal(np.array([kink]))
    screening, start = trial.population.screening, trial.arms[0].model.starts[0].state
    assert screening is not None  # else nobody asks
    values, chance = _let_in(screening)
    return (values - marker.mean[start]) / marker.sd[start], chance


def _let_in(screening: Screening) -> tuple[FloatArray, FloatArray]:
    """Return SLEDAI of those let in, and the chance of each: a rounded normal number above 0."""
    activity = screening.activity
    most = math.ceil(activity.sledai_mean + 2 * _REACH * activity.sledai_sd) + 1
    values = np.arange(max(most, 1) + 1.0)
    reaches = np.array([activity.reaches(value) for value in (*values, values[-1] + 1)])
    chance = np.zeros(values.size)
    for grade_a, grade_b, probability in activity.grades():
        met = [m for m in screening.eligible if grade_a >= m.bilag_a and grade_b >= m.bilag_b]
        least = min((m.sledai for m in met), default=math.inf)
        chance += probability * (values >= least) * -np.diff(reaches)
    kept = chance > _RARE * chance.sum()
    return values[kept], chance[kept] / chance[kept].sum()


def _after(
    marker: Marker, mean: float, sd: float, first: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return values in a state, and the chance of each, given the deviate at randomization.

    Returns
    -------
    value, weight : (n_first, n_points) arrays
        Where values have a lowest one, the first point is that.
    """
    center = mean + sd * marker.with_baseline * first[:, None]
    spread = sd * math.sqrt(1 - marker.with_baseline**2)
    if spread == 0:
        return np.maximum(center, marker.lowest), np.ones_like(center)
    x, weight = _normal(((marker.lowest - center) / spread).ravel(), above=True)
    return np.maximum(center + spread * x, marker.lowest), weight


def _normal(kinks: FloatArray, *, above: bool = False) -> tuple[FloatArray, FloatArray]:
    """Return points and chances that stand for a normal number, by Gauss and Legendre.

    Parameters
    ----------
    kinks : (n,) array
        Where what is asked of it has a kink; beyond the reach for nowhere.
    above : bool
        Whether all below the kink is alike, and one point stands for it; then (n, n_points)
        arrays are returned, and otherwise (n_points,) arrays for the first kink.
    """
    from scipy.special import ndtr

    at, mass = np.polynomial.legendre.leggauss(_NODES)
    low = np.clip(kinks, -_REACH, _REACH)[:, None]
    x, weight = _between(low, np.full_like(low, _REACH), at, mass)
    if above:
        return np.hstack([low, x]), np.hstack([ndtr(low), weight * (1 - ndtr(low))])
    y, other = _between(np.full_like(low, -_REACH), low, at, mass)
    points, weights = np.hstack([y, x]), np.hstack([other * ndtr(low), weight * (1 - ndtr(low))])
    return points[0], weights[0] / weights[0].sum()


def _between(
    low: FloatArray, high: FloatArray, at: FloatArray, mass: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return points between two ends, and their normal weights, of sum 1."""
    x = low + (high - low) * (at + 1) / 2
    weight = mass * np.exp(-(x**2) / 2) * (high - low)
    total = weight.sum(axis=1, keepdims=True)
    return x, weight / np.where(total > 0, total, 1.0)
