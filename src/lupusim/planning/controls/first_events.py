"""When a patient first enters a set of states: in closed form, or from the exact engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lupusim.common.arrays import FloatArray, read_only
from lupusim.errors import NoExactSolutionError
from lupusim.model import MultiStateModel
from lupusim.planning.controls.event_law import ever_by
from lupusim.planning.theory.counts.cells import is_quadrature

if TYPE_CHECKING:
    from lupusim.engines.exact.law import Law
    from lupusim.trial import Trial
    from lupusim.trial.endpoints import EventTime

# the engine's laws are imported where they are asked for: a start-up needs none of them

_TOLERANCE = 1e-7
_RENEWAL = 1e-6  # where hazards depend on the time in a state
_QUADRATURE = 1e-5  # what two quadratures over patients may differ by
_EVERY = 4  # of the times asked about, one is worked out there
_NOBODY = 1e-300  # chance still to be free, whose logarithm is finite
_known: deque[tuple[MultiStateModel, tuple[str, ...], FloatArray, FloatArray]] = deque(maxlen=16)


def is_solved(model: MultiStateModel, ends: Sequence[str]) -> bool:
    """Return whether the law of the first entry into `ends` is known to many digits, at once.

    It is where patients go there straight from where they start, or where hazards are constant
    or depend on the time in a state alone.
    """
    try:
        return is_direct(model, ends) or _renews(model, ends)
    except NoExactSolutionError:
        return False


def is_mixed(model: MultiStateModel, ends: Sequence[str], *, few: bool) -> bool:
    """Return whether the law of the first entry into `ends` is known of patients who differ.

    It is where all go straight there if they go anywhere, or where hazards are constant but for
    what multiplies them.

    Parameters
    ----------
    model : MultiStateModel
        Of an arm.
    ends : sequence of str
        States.
    few : bool
        Whether few kinds of patients differ: hazards may depend on the time in a state, since
        each kind has a renewal equation to solve.
    """
    try:
        if not ends or is_direct(model, ends):
            return bool(ends)
        return _renews(model, ends) and (few or _is_constant(model))
    except NoExactSolutionError:
        return False


def is_direct(model: MultiStateModel, ends: Sequence[str]) -> bool:
    """Return whether all moves out of the states in which patients start lead to `ends`."""
    wanted = {model.index(state) for state in ends}
    for _, law in _laws(model):
        starts = {entry.state for entry in law.entries}
        if starts & wanted or any(arc.end not in wanted for arc in law.arcs if arc.begin in starts):
            return False
    return True


def _renews(model: MultiStateModel, ends: Sequence[str]) -> bool:
    kinds = [law for _, law in _laws(model)]
    wanted = {model.index(state) for state in ends}
    begins = {entry.state for law in kinds for entry in law.entries}
    arcs = [arc for law in kinds for arc in law.arcs]
    return not begins & wanted and (
        all(arc.is_constant for arc in arcs) or all(arc.renews for arc in arcs)
    )


def _is_constant(model: MultiStateModel) -> bool:
    return all(arc.is_constant for _, law in _laws(model) for arc in law.arcs)


def _laws(model: MultiStateModel) -> list[tuple[float, Law]]:
    from lupusim.engines.exact.law import laws

    return list(laws(model, None))


def first_entries(
    model: MultiStateModel, events: Sequence[str], others: Sequence[str], times: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the chance to have entered one of `events`, or one of `others`, first by each time.

    Parameters
    ----------
    model : MultiStateModel
        One that :func:`is_solved`.
    events, others : sequence of str
        States; those of `others` end a history.
    times : (n_times,) array
        Study times (years), rising from 0.

    Returns
    -------
    by_event, by_other : (n_times,) arrays

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not reach its tolerance.
    """
    if is_direct(model, (*events, *others)):
        return _straight(_laws(model), {model.index(state) for state in events}, times)
    return _either(partial(_ever, model, times=times), events, others)


def _either(
    ever_in: Callable[[Sequence[str]], FloatArray], events: Sequence[str], others: Sequence[str]
) -> tuple[FloatArray, FloatArray]:
    """Return the chances to have entered `events`, and `others`, which end a history."""
    by_event = ever_in(events)
    if not others:
        return by_event, np.zeros_like(by_event)
    return by_event, ever_in((*events, *others)) - by_event


def _ever(model: MultiStateModel, events: Sequence[str], times: FloatArray) -> FloatArray:
    """Return the chance to have entered one of `events` by each time."""
    # SPEED: null twins and other designs have the same arms (benchmarks/table.py)
    for of_model, what, when, chance in _known:
        if of_model is model and what == tuple(events) and np.array_equal(when, times):
            return chance
    chance = read_only(_solved(model, events, times))
    _known.appendleft((model, tuple(events), times, chance))
    return chance


def _solved(model: MultiStateModel, events: Sequence[str], times: FloatArray) -> FloatArray:
    from lupusim.engines.exact import ever

    if _is_constant(model):
        return ever(model, events, times, tolerance=_TOLERANCE)
    # SPEED: renewal equations take their time; a hazard is nearly straight between their dates
    some = _some_of(times)
    return _between(some, ever(model, events, some, tolerance=_RENEWAL), times)


def _some_of(times: FloatArray) -> FloatArray:
    return np.unique(np.append(times[::_EVERY], times[-1]))


def _between(known: FloatArray, chance: FloatArray, times: FloatArray) -> FloatArray:
    """Return a chance at all times from that at some, between which a hazard is nearly straight."""
    free = np.log(np.maximum(1 - chance, _NOBODY))
    return np.asarray(1 - np.exp(np.interp(times, known, free)))


def first_entries_in(
    trial: Trial,
    arm: int,
    endpoint: EventTime,
    times: FloatArray,
    levels: Mapping[str, str],
    *,
    roughly: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Return the same for the patients of an arm, whom covariates and frailties may tell apart.

    Parameters
    ----------
    trial : Trial
        If these act on hazards, its arms' models are such that :func:`is_mixed`.
    arm : int
        Position of the arm.
    endpoint : EventTime
        Its events, and those that compete.
    times : (n_times,) array
        Study times (years), rising from 0.
    levels : mapping of str to str
        Of factors that act; patients of other levels are left out.
    roughly : bool
        Whether no second quadrature over patients is asked for.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not reach its tolerance, or two quadratures over patients differ.
    """
    model, population = trial.arms[arm].law, trial.population
    if not (population.effects or population.frailties or model.covariates):
        return first_entries(model, endpoint.events, endpoint.competing, times)
    finest, *coarse = (
        _of_mixture(list(_mixed(trial, arm, levels, fine=fine)), model, endpoint, times)
        for fine in ((True,) if roughly or not is_quadrature(trial) else (True, False))
    )
    apart = max((float(np.abs(np.subtract(finest, one)).max()) for one in coarse), default=0.0)
    if apart > _QUADRATURE:
        raise NoExactSolutionError(f"two quadratures over patients differ by {apart:.1g}")
    return finest


def _mixed(
    trial: Trial, arm: int, levels: Mapping[str, str], *, fine: bool
) -> Iterator[tuple[float, Law]]:
    """Yield the share and the law of each kind of an arm's patients of some levels."""
    from lupusim.planning.theory.counts.alike import alike_arms
    from lupusim.planning.theory.counts.cells import cells_of, people
    from lupusim.planning.theory.counts.chances import laws_of

    (arms,) = (one for one in alike_arms([trial]) if one.number == arm)
    cells = [cell for cell in cells_of(trial, ()) if levels.items() <= cell.levels.items()]
    whole = sum(cell.share for cell in cells) if levels else 1.0
    for cell in cells:
        for person in people(trial, cell, fine=fine):
            for share, law, classes in laws_of(arms, person):
                yield float(cell.share / whole * person.weight * share * classes[0]), law


def _of_mixture(
    mixed: Sequence[tuple[float, Law]],
    model: MultiStateModel,
    endpoint: EventTime,
    times: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return the same of kinds of patients with their shares."""
    if is_direct(model, (*endpoint.events, *endpoint.competing)):
        return _straight(mixed, {model.index(state) for state in endpoint.events}, times)
    some = _some_of(times)

    def ever_in(states: Sequence[str]) -> FloatArray:
        from lupusim.engines.exact.solution import mixture, solve_law

        ends = {model.index(state) for state in states}
        if _is_constant(model):
            return _between(some, ever_by(mixed, ends, some), times)
        parts = [
            (share, solve_law(law.stopped(frozenset(ends)), some, tolerance=_RENEWAL))
            for share, law in mixed
        ]
        return _between(some, mixture(some, parts).probabilities[:, min(ends)], times)

    return _either(ever_in, endpoint.events, endpoint.competing)


def _straight(
    laws: Iterable[tuple[float, Law]], wanted: Set[int], times: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the same of patients whose first move is into one of the ends."""
    found = np.zeros((2, times.size))
    for share, law in laws:
        breaks = [b for arc in law.arcs for b in arc.ratio.breaks if 0 < b < times[-1]]
        grid = np.unique(np.concatenate([times, breaks]))
        middle = (grid[1:] + grid[:-1]) / 2
        for entry in law.entries:
            steps = np.zeros((2, grid.size - 1))  # of the cumulative hazard of either end
            for arc in law.arcs:
                if arc.begin == entry.state:
                    begin = arc.clock.reading(0.0, entry.time_in_state)
                    hazard = np.diff(arc.cumulative(begin + grid))
                    steps[int(arc.end not in wanted)] += hazard * arc.ratio.at(middle)
            total = steps.sum(axis=0)
            left = -np.diff(np.exp(-np.append(0.0, np.cumsum(total))))
            parts = left * steps / np.where(total > 0, total, 1.0)
            reached = np.concatenate([np.zeros((2, 1)), np.cumsum(parts, axis=1)], axis=1)
            found += share * entry.probability * reached[:, np.searchsorted(grid, times)]
    return found[0], found[1]
