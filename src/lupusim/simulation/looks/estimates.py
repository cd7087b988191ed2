"""Estimates once a sequential trial has stopped: naive, and median-unbiased."""

from __future__ import annotations

import numpy as np

from lupusim.analysis.group_sequential import after_stopping
from lupusim.analysis.group_sequential.stopping import Crossing, GroupSequential
from lupusim.common.arrays import FloatArray
from lupusim.simulation.looks.look_statistics import LookStatistics
from lupusim.simulation.looks.true_effect import accuracy
from lupusim.trial import Trial

_REACH = 8.0  # z beyond this is moved by as much as z at it
_POINTS = 161
_LEAST_GAIN = 1e-3
_MOST_KNOWN = 64
_known: dict[tuple[str, bytes], FloatArray] = {}


def estimates_at_stop(
    trial: Trial, seen: LookStatistics, stop: Crossing, fraction: FloatArray
) -> dict[str, FloatArray]:
    """Return how near the truth the estimates are; nothing where no truth is asked for.

    `bias`, `coverage` and so on of the naive estimate, which ignores that the trial could
    have stopped at other looks. For group-sequential bounds also `unbiased_estimate`,
    `unbiased_bias` and `unbiased_coverage` of the median-unbiased estimate and its interval by
    the stage-wise ordering, at the looks' planned or mean information.

    References
    ----------
    Jennison and Turnbull (2000), *Group Sequential Methods*, chapter 8.
    """
    if trial.analysis is None or trial.analysis.truth is None:
        return {}
    row = np.arange(stop.look.size)
    naive = seen.verdict_at(stop.look)
    found = accuracy(trial, naive)
    rule = trial.stopping.group_sequential if trial.stopping else None
    if rule is None:
        return found
    test, better = trial.analysis.test, trial.primary.better
    sign, at_stop = test.benefit_sign(better), seen.z[row, stop.look]
    z = test.distance(naive.estimate, naive.standard_error, at_stop, better)
    moved = _moved(rule, _typical(fraction), stop, z)
    middle, low, high = (naive.estimate + sign * one * naive.standard_error for one in moved)
    truth = found["true_effect"]
    covers = (np.minimum(low, high) <= truth) & (truth <= np.maximum(low, high))
    estimated = np.isfinite(naive.known_estimate)
    known = estimated & np.isfinite(truth)
    found["unbiased_estimate"] = np.where(estimated, middle, np.nan)
    found["unbiased_bias"] = np.where(known, middle - truth, np.nan)
    found["unbiased_squared_error"] = found["unbiased_bias"] ** 2
    found["unbiased_coverage"] = np.where(known, covers.astype(float), np.nan)
    return found


def _typical(fraction: FloatArray) -> FloatArray:
    """Return the looks' information: the planned one, or its mean in hundredths."""
    if (fraction == fraction[0]).all():
        return np.asarray(fraction[0], dtype=float)
    # in hundredths the blocks of a run share few tables
    return np.asarray(fraction.mean(axis=0).round(2), dtype=float)


def _moved(
    rule: GroupSequential, fraction: FloatArray, stop: Crossing, z: FloatArray
) -> FloatArray:
    """Return by how much z moves to the estimate and the interval's ends, (3, n_replicates)."""
    grid = np.linspace(-_REACH, _REACH, _POINTS)
    table = _table(rule, fraction)
    inside = np.clip(z, -_REACH, _REACH)
    moved = np.zeros((3, z.size))
    for look in range(table.shape[0]):
        here = stop.look == look
        for part in range(3):
            moved[part, here] = np.interp(inside[here], grid, table[look, part])
    return moved


def _table(rule: GroupSequential, fraction: FloatArray) -> FloatArray:
    """Return the moves on the z scale of each look on a grid of z, (n_looks, 3, grid)."""
    key = (repr(rule), fraction.tobytes())
    if key not in _known:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[key] = _computed(rule, fraction)
    return _known[key]


def _computed(rule: GroupSequential, fraction: FloatArray) -> FloatArray:
    grid = np.linspace(-_REACH, _REACH, _POINTS)
    rising = np.maximum.accumulate(fraction + _LEAST_GAIN * np.arange(fraction.size))
    design = rule.plan(rising)
    table = np.empty((fraction.size, 3, grid.size))
    for look in range(fraction.size):
        after = after_stopping(design, look + 1, grid)
        root = np.sqrt(rising[look])
        for part, effect in enumerate((after.estimate, after.lower, after.upper)):
            table[look, part] = effect * root - grid
    return table
