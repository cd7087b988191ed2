r"""Where patients are without any model, beside where a fitted model puts them.

The product of the matrices of observed moves, :math:`\prod (I + d\hat A)` (Aalen and Johansen
1978, Scandinavian Journal of Statistics 5:141-150), with Greenwood's covariance carried along
(Andersen, Borgan, Gill and Keiding 1993, equation 4.4.20).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lupusim.calibration.patients.histories import CENSORED, Panel, Stays
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.model import MultiStateModel

_NORMAL = 1.959963984540054
SHARES = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
"""Of the moves, or visits: times of a table."""

_MOST_PATTERNS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """Shares of patients in each state."""

    times: FloatArray  # study time, years; (n_times,)
    shares: FloatArray
    errors: FloatArray
    """`shares` and `errors`: estimates and their standard errors; (n_times, n_states)."""


def aalen_johansen(stays: Stays, n_states: int, times: FloatArray) -> Occupancy:
    """Return the Aalen-Johansen estimate of the shares in each state.

    Parameters
    ----------
    stays : Stays
        Those first watched begin at study time 0.
    n_states : int
        States of the model.
    times : (n_times,) array
        Study times, years, increasing.
    """
    begins = stays.begin == stays.begin.min()
    share = np.bincount(stays.state[begins], minlength=n_states) / begins.sum()
    spread = np.zeros((n_states, n_states))
    moved = stays.to != CENSORED
    shares, errors, k = [], [], 0
    events = np.unique(stays.end[moved])
    for time in times.tolist():
        while k < events.size and events[k] <= time:
            share, spread = _step(stays, share, spread, events[k])
            k += 1
        shares.append(share)
        errors.append(np.sqrt(np.maximum(spread.diagonal(), 0.0)))
    return Occupancy(times=times, shares=np.array(shares), errors=np.array(errors))


def _step(
    stays: Stays, share: FloatArray, spread: FloatArray, time: float
) -> tuple[FloatArray, FloatArray]:
    """Return shares and their covariance after the moves at one time."""
    n = share.size
    watched = (stays.begin < time) & (stays.end >= time)
    at_risk = np.bincount(stays.state[watched], minlength=n)
    now = (stays.end == time) & (stays.to != CENSORED)
    moves = np.zeros((n, n))
    np.add.at(moves, (stays.state[now], stays.to[now]), 1.0)
    rates = moves / np.maximum(at_risk, 1)[:, None]
    step = np.eye(n) + rates - np.diag(rates.sum(axis=1))
    spread = step.T @ spread @ step
    for origin in np.flatnonzero(moves.sum(axis=1)).tolist():
        leaves = step[origin]
        noise = (np.diag(leaves) - np.outer(leaves, leaves)) / at_risk[origin]
        spread = spread + share[origin] ** 2 * noise
    return share @ step, spread


def table_times(stays: Stays) -> FloatArray:
    """Return the times by which a tenth, a quarter, half ... of all moves have happened."""
    ends = stays.end[stays.to != CENSORED]
    if ends.size == 0:
        return np.array([stays.end.max()])
    return np.unique(np.quantile(ends, SHARES))


def model_shares(model: MultiStateModel, stays: Stays | Panel, times: FloatArray) -> FloatArray:
    """Return where the model puts patients with these covariates; (n_times, n_states)."""
    from lupusim.engines.exact import solve

    patterns, weights = _patterns(stays)
    shares = [
        weight * solve(model, times, tolerance=1e-5, covariates=pattern).probabilities
        for pattern, weight in zip(patterns, weights, strict=True)
    ]
    return np.asarray(np.sum(shares, axis=0))


def _patterns(stays: Stays | Panel) -> tuple[list[Mapping[str, float]], FloatArray]:
    """Return covariates of patients when first seen, and how frequent each pattern is.

    Of many different patterns evenly spaced ones stand for all.
    """
    _, first = np.unique(stays.patient, return_index=True)
    names = list(stays.covariates)
    if not names:
        return [{}], np.ones(1)
    table = np.array([stays.covariates[name][first] for name in names]).T
    rows, counts = np.unique(table, axis=0, return_counts=True)
    if len(rows) > _MOST_PATTERNS:
        ordered = table[np.lexsort(table.T[::-1])]
        rows = ordered[_evenly(len(ordered))]
        return [dict(zip(names, row, strict=True)) for row in rows.tolist()], np.full(
            len(rows), 1 / len(rows)
        )
    found: list[Mapping[str, float]] = [dict(zip(names, row, strict=True)) for row in rows.tolist()]
    return found, np.asarray(counts / counts.sum())


def _evenly(n: int) -> IntArray:
    return ((np.arange(_MOST_PATTERNS) + 0.5) * n / _MOST_PATTERNS).astype(int)


def comparison_rows(model: MultiStateModel, stays: Stays) -> list[dict[str, object]]:
    """Return a row per time and state: Aalen-Johansen with its 95 % band, and the model."""
    times = table_times(stays)
    seen = aalen_johansen(stays, len(model.states), times)
    expected = model_shares(model, stays, times)
    rows: list[dict[str, object]] = []
    for k, time in enumerate(times.tolist()):
        for j, state in enumerate(model.states):
            share, error = float(seen.shares[k, j]), float(seen.errors[k, j])
            low, high = max(share - _NORMAL * error, 0.0), min(share + _NORMAL * error, 1.0)
            rows.append(
                {
                    "time": time,
                    "state": state,
                    "aalen_johansen": share,
                    "lower": low,
                    "upper": high,
                    "model": float(expected[k, j]),
                }
            )
    return rows
