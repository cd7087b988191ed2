r"""Answers for models whose hazards run on time in state, many parameter vectors at once.

Markov renewal equations on equal panels of width h. Patients who enter state i within a
panel are taken to enter evenly spread over it, so that with :math:`F_{ij}(u)` the
probability of having moved from i to j within u years of entry, and :math:`\Phi` its
integral, the mass that moves l panels later is

.. math:: \bar K_{ij}(l) = \frac{\Phi((l+1)h) - 2 \Phi(lh) + \Phi((l-1)h)}{h},

an error of order h squared, most of which the difference of two grids takes away. The exact
engine solves one model to a stated error; this solves hundreds at once, for the search, to
about 1e-5 where hazards are finite at study time 0 and 5e-4 where they are not, which is
0.04 patients of 81. The tests compare the two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.arrays import FloatArray, IntArray
from lupusim.calibration.prediction.enlarged_chain import Chain, chain_groups
from lupusim.calibration.targets.questions import Question
from lupusim.frozen import dataclass
from lupusim.model import Clock, MultiStateModel, Transition
from lupusim.model.hazards.base import constant_rate

N_PANELS = 20
"""From 0 to the latest of some questions; the finer of the two grids has twice as many."""

_EARLY = 0.15  # questions before this share of the horizon get a grid of their own
_PARTS = 4  # points within a panel at which F is known
_FIRST = np.array([1e-6, 1e-4, 1e-3, 4e-3, 0.012, 0.03, 0.06, 0.1, 0.16, 0.25])


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernels:
    """Where mass goes after it has entered a state, panel by panel.

    Parameters
    ----------
    begun : (n, n_transitions, n_panels) array
        Moves within each panel, of those who were there at time 0.
    spread : (n, n_transitions, n_panels) array
        Moves l panels later, of those who entered evenly over a panel.
    stay : (n, n_states, n_panels) array
        Share still there at the panel's end, of the latter.
    stay_from_start : (n, n_states, n_panels + 1) array
        Share still there at the panel ends, of those who were there at time 0.
    """

    begun: FloatArray
    spread: FloatArray
    stay: FloatArray
    stay_from_start: FloatArray


def is_renewal(model: MultiStateModel) -> bool:
    """Return whether every hazard runs on time in state, from time 0, without study time."""
    fresh = all(start.time_in_state == 0 for start in model.starts)
    return fresh and all(_resets(t) for t in model.transitions)


def _resets(transition: Transition) -> bool:
    timeless = transition.clock is Clock.RESET or constant_rate(transition.hazard) is not None
    return timeless and transition.ratio.is_constant


def horizons(times: FloatArray) -> list[FloatArray]:
    """Return groups of positions whose times can share a grid, the latest first.

    A panel that is short beside five years is long beside seven weeks.
    """
    groups, left = [], np.argsort(-times, kind="stable")
    while left.size:
        together = times[left] >= _EARLY * times[left[0]]
        groups.append(left[together])
        left = left[~together]
    return groups


def lag_points(horizon: float, n_panels: int) -> tuple[FloatArray, IntArray]:
    """Return times since entry at which hazards are needed, and the positions of the panels.

    The first panel is split finely, since hazards may be infinite at 0.
    """
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
    grid = panels[0][panels[1]]
    kernels = _kernels(model, cumulative.reshape(-1, *cumulative.shape[2:]), panels)
    answers = np.empty((shares.shape[0], len(questions)))
    for chain, positions, readouts in chain_groups(model, questions):
        occupancy = _with_counter(chain, _occupancy(model, chain, kernels), grid)
        course = occupancy.reshape(*shares.shape, *occupancy.shape[1:])
        for position, readout in zip(positions, readouts, strict=True):
            there = ((course @ readout) * shares[:, :, None]).sum(axis=1)
            answers[:, position] = _at(there, grid, questions[position].time)
    return answers


def chain_at_the_end(
    model: MultiStateModel,
    chain: Chain,
    *,
    cumulative: FloatArray,
    shares: FloatArray,
    panels: tuple[FloatArray, IntArray],
) -> FloatArray:
    """Return how probable each entry of a chain is at the end of a grid; (n_models, size).

    The arguments are those of :func:`answer_renewal`.
    """
    kernels = _kernels(model, cumulative.reshape(-1, *cumulative.shape[2:]), panels)
    there = _occupancy(model, chain, kernels)[:, -1]
    return np.asarray((there.reshape(*shares.shape, -1) * shares[..., None]).sum(axis=1))


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


def _occupancy(model: MultiStateModel, chain: Chain, kernels: Kernels) -> FloatArray:
    """Return the chain's occupancy at the panel ends; shape (n, n_panels + 1, size)."""
    n, _, n_panels = kernels.begun.shape
    moves = _reachable_moves(chain)
    entered = sorted({to for _, _, to in moves})
    left = [state for state in entered if any(state == origin for _, origin, _ in moves)]
    begun = np.zeros((n, n_panels, len(entered)))
    spread = np.zeros((n, n_panels, len(left), len(entered)))
    stay = np.ones((n, n_panels, len(entered)))
    stay_from_start = np.ones((n, n_panels + 1, chain.size))
    for k, origin, to in moves:
        state, column = model.index(model.transitions[k].from_state), entered.index(to)
        begun[:, :, column] += chain.start[origin] * kernels.begun[:, k]
        stay_from_start[:, :, origin] = kernels.stay_from_start[:, state]
        if origin in left:
            spread[:, :, left.index(origin), column] += kernels.spread[:, k]
            stay[:, :, entered.index(origin)] = kernels.stay[:, state]
    occupancy = chain.start * stay_from_start
    if entered:
        entries = _entries(begun, spread, [entered.index(state) for state in left])
        for panel in range(n_panels):
            there = np.einsum("npi,npi->ni", entries[:, : panel + 1], stay[:, panel::-1])
            occupancy[:, panel + 1, entered] += there
    return occupancy


def _reachable_moves(chain: Chain) -> list[tuple[int, int, int]]:
    """Return (transition, from, to) of every move that somebody can make."""
    moves = [(k, origin, to) for k, pairs in enumerate(chain.moves) for origin, to in pairs]
    reached = set(np.flatnonzero(chain.start > 0).tolist())
    while new := {to for _, origin, to in moves if origin in reached} - reached:
        reached |= new
    return [move for move in moves if move[1] in reached]


def _entries(begun: FloatArray, spread: FloatArray, left: list[int]) -> FloatArray:
    """Return the mass that enters each state within each panel; shape of `begun`.

    Parameters
    ----------
    begun : (n, n_panels, n_entered) array
        Mass that comes straight from the start.
    spread : (n, n_panels, n_left, n_entered) array
        Moves l panels after entry, out of the states that can be left.
    left : list of int
        Positions of those among the entered states.
    """
    n, n_panels, n_entered = begun.shape
    entries = np.zeros(begun.shape)
    onward = np.tile(np.eye(n_entered), (n, 1, 1))
    onward[:, left] -= spread[:, 0]
    within = np.linalg.inv(onward)
    # SPEED: absorbing states take no part in the sum over the past, the bulk of the work.
    reversed_ = np.ascontiguousarray(spread[:, ::-1]).reshape(n, -1, n_entered)
    past = np.zeros((n, 1, n_panels * len(left)))
    for panel in range(n_panels):
        arriving = begun[:, panel, None]
        if panel and left:
            kernel = reversed_[:, (n_panels - 1 - panel) * len(left) : (n_panels - 1) * len(left)]
            arriving = arriving + past[:, :, : panel * len(left)] @ kernel
        entries[:, panel] = (arriving @ within)[:, 0]
        past[:, 0, panel * len(left) : (panel + 1) * len(left)] = entries[:, panel, left]
    return entries


def _with_counter(chain: Chain, occupancy: FloatArray, times: FloatArray) -> FloatArray:
    """Fill the last entry with the years spent in the counted states."""
    if chain.counted:
        there = occupancy[..., list(chain.counted)].sum(axis=-1)
        steps = (there[:, 1:] + there[:, :-1]) / 2 * np.diff(times)
        occupancy[:, 1:, -1] = np.cumsum(steps, axis=1)
        occupancy[:, 0, -1] = 0.0
    return occupancy


def _kernels(
    model: MultiStateModel, cumulative: FloatArray, panels: tuple[FloatArray, IntArray]
) -> Kernels:
    """Return where the mass of each state goes; the same for every chain."""
    lags, edges = panels
    n = cumulative.shape[0]
    origins = [model.index(t.from_state) for t in model.transitions]
    total = np.zeros((n, len(model.states), lags.size))
    for k, origin in enumerate(origins):
        total[:, origin] += cumulative[:, k]
    survival = np.exp(-total)
    growth = np.diff(total, axis=-1)[:, origins]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(growth > 0, np.diff(cumulative, axis=-1) / growth, 0.0)
    moved = np.zeros(cumulative.shape)
    np.cumsum(-np.diff(survival, axis=-1)[:, origins] * part, axis=-1, out=moved[..., 1:])
    return Kernels(
        begun=np.diff(moved[..., edges], axis=-1),
        spread=np.diff(_mean_over_entry(moved, lags, edges), axis=-1),
        stay=_mean_over_entry(survival, lags, edges)[..., 1:],
        stay_from_start=survival[..., edges],
    )


def _mean_over_entry(function: FloatArray, lags: FloatArray, edges: IntArray) -> FloatArray:
    """Return, at each panel end, the mean of a function of the lag over even entry.

    The first value is 0: nobody has entered before the panel begins.
    """
    steps = (function[..., 1:] + function[..., :-1]) / 2 * np.diff(lags)
    integral = np.concatenate(
        [np.zeros((*function.shape[:-1], 1)), np.cumsum(steps, axis=-1)], axis=-1
    )[..., edges]
    mean = np.diff(integral, axis=-1) / lags[edges[1]]
    return np.concatenate([np.zeros((*function.shape[:-1], 1)), mean], axis=-1)
