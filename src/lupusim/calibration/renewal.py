r"""Answers for models whose hazards run on time in state, many parameter vectors at once.

Markov renewal equations on equal panels of width h. Patients who enter state i within a
panel are taken to enter evenly spread over it, so that with :math:`F_{ij}(u)` the
probability of having moved from i to j within u years of entry, and :math:`\Phi` its
integral, the mass that moves l panels later is

.. math:: \bar K_{ij}(l) = \frac{\Phi((l+1)h) - 2 \Phi(lh) + \Phi((l-1)h)}{h},

an error of order h squared, most of which the difference of two grids takes away. The exact
engine solves one model to a stated error; this solves hundreds to about 1e-5, for the
search. The tests compare the two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.arrays import FloatArray, IntArray
from lupusim.calibration.enlarged import Chain, chain_groups
from lupusim.calibration.questions import Question
from lupusim.model import Clock, MultiStateModel, Transition
from lupusim.model.hazards import ExponentialHazard

PANELS_PER_YEAR = 4
_PARTS = 4  # points within a panel at which F is known
_FIRST = np.array([1e-6, 1e-4, 1e-3, 4e-3, 0.012, 0.03, 0.06, 0.1, 0.16, 0.25])


def is_renewal(model: MultiStateModel) -> bool:
    """Return whether every hazard runs on time in state, from time 0, without study time."""
    fresh = all(start.time_in_state == 0 for start in model.starts)
    return fresh and all(_resets(t) for t in model.transitions)


def _resets(transition: Transition) -> bool:
    timeless = transition.clock is Clock.RESET or isinstance(transition.hazard, ExponentialHazard)
    return timeless and transition.ratio.is_constant


def lag_points(horizon: float, panels_per_year: int) -> tuple[FloatArray, IntArray]:
    """Return times since entry at which hazards are needed, and the positions of the panels.

    The first panel is split finely, since hazards may be infinite at 0.
    """
    n_panels = max(1, round(horizon * panels_per_year))
    width = horizon / n_panels
    even = np.arange(n_panels * _PARTS + 1) / _PARTS * width
    lags = np.unique(np.concatenate([even, _FIRST * width]))
    return lags, np.searchsorted(lags, np.arange(n_panels + 1) * width)


def answer_renewal(
    model: MultiStateModel,
    questions: Sequence[Question],
    *,
    cumulative: FloatArray,
    shares: FloatArray,
    panels: tuple[FloatArray, IntArray],
) -> FloatArray:
    """Return the answers of models that differ in their numbers only, on one grid.

    Parameters
    ----------
    model : MultiStateModel
        States, transitions and starts.
    questions : sequence of Question
        What to answer; their times are rounded to panels by linear interpolation.
    cumulative : (n_models, n_classes, n_transitions, n_lags) array
        Cumulative hazards at the lags.
    shares : (n_models, n_classes) array
        Probabilities of the classes.
    panels : (lags, positions)
        As :func:`lag_points` gives them.

    Returns
    -------
    (n_models, n_questions) array
        Probabilities, or years.
    """
    lags, edges = panels
    answers = np.empty((shares.shape[0], len(questions)))
    flat = cumulative.reshape(-1, *cumulative.shape[2:])
    for chain, positions, readouts in chain_groups(model, questions):
        occupancy = _occupancy(chain, flat, lags, edges)
        course = occupancy.reshape(*shares.shape, *occupancy.shape[1:])
        for position, readout in zip(positions, readouts, strict=True):
            there = ((course @ readout) * shares[:, :, None]).sum(axis=1)
            answers[:, position] = _at(there, lags[edges], questions[position].time)
    return answers


def _at(course: FloatArray, grid: FloatArray, time: float) -> FloatArray:
    """Return columns of a course at a time, by cubic interpolation between panel ends."""
    right = int(np.clip(np.searchsorted(grid, time), 2, grid.size - 2))
    near = np.arange(right - 2, right + 2)
    weights = np.ones(4)
    for k in range(4):
        for other in range(4):
            if other != k:
                weights[k] *= (time - grid[near[other]]) / (grid[near[k]] - grid[near[other]])
    return np.asarray(course[:, near] @ weights)


def _occupancy(
    chain: Chain, cumulative: FloatArray, lags: FloatArray, edges: IntArray
) -> FloatArray:
    """Return the chain's occupancy at the panel ends; shape (n, n_panels + 1, size)."""
    n, n_panels = cumulative.shape[0], edges.size - 1
    begun, spread, stay = _kernels(chain, cumulative, lags, edges)
    entries = np.zeros((n, n_panels, chain.size))
    moved_within = np.linalg.inv(np.eye(chain.size) - spread[:, 0])
    flat = np.ascontiguousarray(spread[:, ::-1]).reshape(n, -1, chain.size)
    for panel in range(n_panels):
        arriving = begun[:, panel]
        if panel:
            past = entries[:, :panel].reshape(n, 1, -1)
            kernel = flat[:, (n_panels - 1 - panel) * chain.size : (n_panels - 1) * chain.size]
            arriving = arriving + (past @ kernel)[:, 0]
        entries[:, panel] = (arriving[:, None, :] @ moved_within)[:, 0]
    occupancy = np.empty((n, n_panels + 1, chain.size))
    occupancy[:] = chain.start * stay[0]
    for panel in range(n_panels):
        there = np.einsum("npi,npi->ni", entries[:, : panel + 1], stay[1][:, panel::-1])
        occupancy[:, panel + 1] += there
    return _with_counter(chain, occupancy, lags[edges])


def _with_counter(chain: Chain, occupancy: FloatArray, times: FloatArray) -> FloatArray:
    """Fill the last entry with the years spent in the counted states."""
    if chain.counted:
        there = occupancy[..., list(chain.counted)].sum(axis=-1)
        steps = (there[:, 1:] + there[:, :-1]) / 2 * np.diff(times)
        occupancy[:, 1:, -1] = np.cumsum(steps, axis=1)
        occupancy[:, 0, -1] = 0.0
    return occupancy


def _kernels(
    chain: Chain, cumulative: FloatArray, lags: FloatArray, edges: IntArray
) -> tuple[FloatArray, FloatArray, tuple[FloatArray, FloatArray]]:
    """Return masses that move per panel, and the probabilities of still being there.

    Returns
    -------
    begun : (n, n_panels, size)
        Moves of those who start at time 0.
    spread : (n, n_panels, size, size)
        Moves after l panels of those who entered evenly over one.
    stay : arrays (n, n_panels + 1, size) and (n, n_panels, size)
        Still there at the panel ends: those who started, those who entered evenly.
    """
    n, size, n_panels = cumulative.shape[0], chain.size, edges.size - 1
    total = np.zeros((n, size, lags.size))
    arcs = [(k, origin, to) for k, pairs in enumerate(chain.moves) for origin, to in pairs]
    for k, origin, _ in arcs:
        total[:, origin] += cumulative[:, k]
    survival = np.exp(-total)
    drop = -np.diff(survival, axis=-1)
    growth = np.diff(total, axis=-1)
    spread, begun = np.zeros((n, n_panels, size, size)), np.zeros((n, n_panels, size))
    width = lags[edges[1]]
    for k, origin, to in arcs:
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(
                growth[:, origin] > 0, np.diff(cumulative[:, k], axis=-1) / growth[:, origin], 0.0
            )
        moved = np.cumsum(drop[:, origin] * part, axis=-1)
        moved = np.concatenate([np.zeros((n, 1)), moved], axis=-1)
        begun[:, :, to] += chain.start[origin] * np.diff(moved[:, edges], axis=-1)
        spread[:, :, origin, to] += np.diff(_mean_over_entry(moved, lags, edges, width), axis=-1)
    here = np.moveaxis(_mean_over_entry(survival, lags, edges, width)[..., 1:], 1, 2)
    return begun, spread, (np.moveaxis(survival[:, :, edges], 1, 2), here)


def _mean_over_entry(
    function: FloatArray, lags: FloatArray, edges: IntArray, width: float
) -> FloatArray:
    """Return, at each panel end, the mean of a function of the lag over even entry.

    The first value is 0: nobody has entered before the panel begins.
    """
    steps = (function[..., 1:] + function[..., :-1]) / 2 * np.diff(lags)
    integral = np.concatenate(
        [np.zeros((*function.shape[:-1], 1)), np.cumsum(steps, axis=-1)], axis=-1
    )[..., edges]
    mean = np.diff(integral, axis=-1) / width
    return np.concatenate([np.zeros((*function.shape[:-1], 1)), mean], axis=-1)
