"""When a patient first enters a set of states: in closed form, or from the exact engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.errors import NoExactSolutionError
from lupusim.model import MultiStateModel

if TYPE_CHECKING:
    from lupusim.engines.exact.law import Law
    from lupusim.trial import Trial
    from lupusim.trial.endpoints import EventTime

# the engine's laws are imported where they are asked for: a start-up needs none of them

_TOLERANCE = 1e-7
_RENEWAL = 1e-6  # where hazards depend on the time in a state
_QUADRATURE = 1e-5  # what two quadratures over patients may differ by
_EVERY = 4  # of the times asked about, one is worked out there


def is_solved(model: MultiStateModel, ends: Sequence[str]) -> bool:
    """Return whether the law of the first entry into `ends` is known to many digits, at once.

    It is where patients go there straight from where they start, or where hazards are constant
    or depend on the time in a state alone.
    """
    try:
        return is_direct(model, ends) or _renews(model, ends)
    except NoExactSolutionError:
        return False


def is_at_once(model: MultiStateModel, ends: Sequence[str]) -> bool:
    """Return whether all patients go straight into `ends` if they go anywhere."""
    try:
        return bool(ends) and is_direct(model, ends)
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
    by_event = _ever(model, events, times)
    if not others:
        return by_event, np.zeros_like(by_event)
    return by_event, _ever(model, (*events, *others), times) - by_event


def _ever(model: MultiStateModel, events: Sequence[str], times: FloatArray) -> FloatArray:
    """Return the chance to have entered one of `events` by each time."""
    from lupusim.engines.exact import ever

    if _is_constant(model):
        return ever(model, events, times, tolerance=_TOLERANCE)
    # SPEED: renewal equations take their time; a hazard is nearly straight between their dates
    some = np.unique(np.append(times[::_EVERY], times[-1]))
    free = 1 - ever(model, events, some, tolerance=_RENEWAL)
    return np.asarray(1 - np.exp(np.interp(times, some, np.log(free))))


def first_entries_in(
    trial: Trial, arm: int, endpoint: EventTime, times: FloatArray, levels: Mapping[str, str]
) -> tuple[FloatArray, FloatArray]:
    """Return the same for the patients of an arm, whom covariates and frailties may tell apart.

    Parameters
    ----------
    trial : Trial
        If these act on hazards, patients go straight into one of the ends.
    arm : int
        Position of the arm.
    endpoint : EventTime
        Its events, and those that compete.
    times : (n_times,) array
        Study times (years), rising from 0.
    levels : mapping of str to str
        Of factors that act; patients of other levels are left out.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not reach its tolerance, or two quadratures over patients differ.
    """
    model, population = trial.arms[arm].law, trial.population
    if not (population.effects or population.frailties):
        return first_entries(model, endpoint.events, endpoint.competing, times)
    wanted = {model.index(state) for state in endpoint.events}
    fine, coarse = (
        _straight(_mixed(trial, arm, levels, fine=fine), wanted, times) for fine in (True, False)
    )
    if (apart := float(np.abs(np.subtract(fine, coarse)).max())) > _QUADRATURE:
        raise NoExactSolutionError(f"two quadratures over patients differ by {apart:.1g}")
    return fine


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
