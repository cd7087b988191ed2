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
from functools import lru_cache

import numpy as np

from lupusim.calibration.prediction.enlarged_chain import chain_groups
from lupusim.calibration.prediction.entries import Ledger, Reading, Route, enter, reading, route
from lupusim.calibration.prediction.parties import Party
from lupusim.calibration.prediction.sojourns import Lags, Sojourns
from lupusim.calibration.targets.questions import Question
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model import MultiStateModel

N_PANELS = 20
"""From 0 to the latest of some questions; the finer of the two grids has twice as many."""

_EARLY = 0.15  # questions before this share of the horizon get a grid of their own
_NOTHING = 1e-12  # weight of a panel's end that rounding leaves
_TOGETHER = 30_000  # numbers in the kernels of chains that are solved in one stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked of one grid, sorted by the chains that answer it."""

    times: FloatArray  # of the questions, years; (n_times,)
    routes: tuple[Route, ...]  # one for all chains that mass moves through alike
    has_clock: bool  # whether years are counted
    asked: tuple[tuple[int, int, int, Reading], ...]
    """For each question: its own position, that of its route, that of its time, and what it
    counts."""


def is_renewal(model: MultiStateModel) -> bool:
    """Return whether every hazard runs on time in state, from time 0, without study time."""
    fresh = all(start.time_in_state == 0 for start in model.starts)
    return fresh and all(t.is_semi_markov and t.ratio.is_constant for t in model.transitions)


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


def plan(model: MultiStateModel, questions: Sequence[Question], party: Party) -> Plan:
    """Return how some questions are answered on one grid; for all numbers of a model."""
    times = np.unique([question.time for question in questions])
    routes: dict[tuple[object, ...], Route] = {}
    asked: list[tuple[int, int, int, Reading]] = []
    has_clock = False
    for chain, positions, readouts in chain_groups(model, questions):
        own = route(model, chain, party)
        routes.setdefault(own.flow, own)
        has_clock = has_clock or bool(own.counted)
        for position, readout in zip(positions, readouts, strict=True):
            at = int(np.searchsorted(times, questions[position].time))
            asked.append((position, list(routes).index(own.flow), at, reading(own, readout)))
    return Plan(times=times, routes=tuple(routes.values()), has_clock=has_clock, asked=tuple(asked))


def answer_renewal(plan: Plan, kernels: Sojourns, *, shares: FloatArray, lags: Lags) -> FloatArray:
    """Return the answers of models that differ in their numbers only, on one grid.

    Parameters
    ----------
    plan : Plan
        What to answer; times between panels are interpolated.
    kernels : Sojourns
        Of every model and class of a party; the last state is one that nobody leaves.
    shares : (n_models, n_classes) array
        Probabilities of the party's classes.
    lags : Lags
        The grid.

    Returns
    -------
    (n_models, n_questions) array
        Probabilities, or years.
    """
    ledgers = [_ledger(kernels, lags, time, plan.has_clock) for time in plan.times.tolist()]
    answers = np.empty((shares.shape[0], len(plan.asked)))
    for first, routes in _together(plan.routes, kernels.begun.shape):
        entries = enter(routes, kernels.begun, kernels.spread)
        for position, chain, at, counted in plan.asked:
            if first <= chain < first + len(routes):
                there = ledgers[at].read(counted, entries[:, chain - first])
                answers[:, position] = (there.reshape(shares.shape) * shares).sum(axis=1)
    return answers


def _together(
    routes: tuple[Route, ...], shape: tuple[int, ...]
) -> list[tuple[int, tuple[Route, ...]]]:
    """Return the chains in stacks, each with the position of its first.

    SPEED: small stacks cost the same as one chain; large ones must stay in the cache.
    """
    size = shape[0] * shape[2] * max((r.n_left * len(r.entered) for r in routes), default=1)
    n = max(1, _TOGETHER // max(size, 1))
    return [(k, routes[k : k + n]) for k in range(0, len(routes), n)]


def chain_at_the_end(chain: Route, kernels: Sojourns, *, shares: FloatArray) -> FloatArray:
    """Return how probable each entry of a chain is at the end of a grid; (n_models, size).

    The arguments are those of :func:`answer_renewal`.
    """
    entries = enter((chain,), kernels.begun, kernels.spread)[:, 0]
    there = np.zeros((len(entries), chain.size))
    for entry, state, probability in chain.begins:
        there[:, entry] = probability * kernels.stay_from_start[:, state, -1]
    stay = kernels.stay[:, list(chain.states), ::-1]
    there[:, list(chain.entered)] += np.einsum("npi,nip->ni", entries, stay)
    return np.asarray((there.reshape(*shares.shape, -1) * shares[..., None]).sum(axis=1))


def _ledger(kernels: Sojourns, lags: Lags, time: float, has_clock: bool) -> Ledger:
    """Return what those who entered in each panel are worth at a time.

    By cubic interpolation between panel ends.
    """
    there = np.zeros(kernels.stay.shape)
    from_start = np.zeros(kernels.stay_from_start.shape[:2])
    for panel, weight in _near(lags, time):
        there[..., :panel] += weight * kernels.stay[..., :panel][..., ::-1]
        from_start += weight * kernels.stay_from_start[..., panel]
    years, years_from_start = _years(kernels, lags, time) if has_clock else (there, from_start)
    return Ledger(entered=(there, years), begun=(from_start, years_from_start))


def _years(kernels: Sojourns, lags: Lags, time: float) -> tuple[FloatArray, FloatArray]:
    """Return the years spent, by those who entered in each panel and from the start.

    By the trapezoids below the shares.
    """
    stay, still, grid = kernels.stay, kernels.stay_from_start, lags.grid
    spent = grid[1] * (np.cumsum(stay, axis=-1) - stay / 2)
    years, from_start = np.zeros(stay.shape), np.zeros(still.shape[:2])
    for panel, weight in _near(lags, time):
        years[..., :panel] += weight * spent[..., :panel][..., ::-1]
        ends = (still[..., 0] + still[..., panel]) / 2
        from_start += weight * grid[1] * (still[..., : panel + 1].sum(axis=-1) - ends)
    return years, from_start


@lru_cache(maxsize=1024)
def _near(lags: Lags, time: float) -> list[tuple[int, float]]:
    """Return four panel ends about a time, and their weights in a cubic through them.

    Only the one that it falls on, if it falls on one.
    """
    grid = lags.grid
    right = int(np.clip(np.searchsorted(grid, time), 2, grid.size - 2))
    near = range(right - 2, right + 2)
    weights = [
        float(np.prod([(time - grid[o]) / (grid[k] - grid[o]) for o in near if o != k]))
        for k in near
    ]
    return [(k, w) for k, w in zip(near, weights, strict=True) if abs(w) > _NOTHING]
