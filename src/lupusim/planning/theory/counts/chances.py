"""The chance that a patient counts as a responder, from the exact engine."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.engines.exact.law import Arc, Law, laws
from lupusim.engines.exact.markov import MarkovGrid, exponentials
from lupusim.engines.exact.solution import solve_law
from lupusim.errors import NoExactSolutionError
from lupusim.model import Clock, MultiStateModel, PiecewiseRatio
from lupusim.model.hazards import ExponentialHazard
from lupusim.planning.theory.counts.cells import (
    Cell,
    Person,
    is_quadrature,
    kinds_of,
    people,
)
from lupusim.trial import Arm, Better, Trial
from lupusim.trial.endpoints import ResponseAtVisits
from lupusim.trial.observation import Consequence

_TOLERANCE = 1e-7
_QUADRATURE = 1e-5  # what two quadratures may differ by: the finer one is far nearer
_STEPS = 512
_MOST_BREAKS = 40
_ROUNDING = 1e-9
_MOST_MISSED = 6  # infusions that may each be missed
_WINDOW_NODES = 12
_LEFT, _STRUCK, _N_ENDS = 0, 1, 2
"""Further states, after those of the model: left the trial; struck by what is a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """When patients are seen, and what counts as a response."""

    times: FloatArray  # study times (years); (n_times,)
    weights: FloatArray | None
    """Of one visit that takes place at any of them; None where all of them are visits; (n_times,).
    """
    counts: FloatArray  # chance that a visit shows a response, by the true state; (n_states + 2,)


def response_chances(trial: Trial, endpoint: ResponseAtVisits, cells: Sequence[Cell]) -> FloatArray:
    """Return the chance of a response by arm and cell, (n_arms, n_cells).

    Who has left, or missed a visit, has none; a state may be misread, visits may come early or
    late; what strikes between and is a failure counts as the endpoint has it.

    Parameters
    ----------
    trial : Trial
        Its patients must be independent of each other and of the date.
    endpoint : ResponseAtVisits
        What is asked of them.
    cells : sequence of Cell
        Kinds of patients.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not know the chance, or not well enough.
    """
    return np.asarray(chances_of_truths([trial], endpoint, cells)[0])


def chances_of_truths(
    truths: Sequence[Trial], endpoint: ResponseAtVisits, cells: Sequence[Cell]
) -> FloatArray:
    """Return the same for trials that differ in what is true alone, (n_truths, n_arms, n_cells).

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not know a chance, or not well enough.
    """
    kinds = kinds_of(truths[0], cells)
    distinct = [cells[kinds.index(kind)] for kind in range(max(kinds) + 1)]
    return _of_cells(truths, endpoint, distinct)[:, :, kinds]


def _of_cells(
    truths: Sequence[Trial], endpoint: ResponseAtVisits, cells: Sequence[Cell]
) -> FloatArray:
    found = _chances(truths, endpoint, cells, fine=True)
    if any(is_quadrature(trial) for trial in truths):
        coarse = _chances(truths, endpoint, cells, fine=False)
        if (apart := float(np.abs(found - coarse).max())) > _QUADRATURE:
            raise NoExactSolutionError(f"two quadratures over patients differ by {apart:.1g}")
    return found


def _chances(
    truths: Sequence[Trial], endpoint: ResponseAtVisits, cells: Sequence[Cell], *, fine: bool
) -> FloatArray:
    watch = _watch(truths[0], endpoint)
    found = np.zeros((len(truths), len(truths[0].arms), len(cells)))
    places: list[tuple[int, int, int]] = []
    shares: list[float] = []
    followed: list[Law] = []
    for truth, trial in enumerate(truths):
        present = _present(trial, endpoint, watch)
        for number, arm in enumerate(trial.arms):
            exits = list(_exits(trial, endpoint, arm))
            for position, cell in enumerate(cells):
                for person in people(trial, cell, fine=fine):
                    for share, law in _laws_of(trial, arm, person):
                        places.append((truth, number, position))
                        shares.append(person.weight * share * present[number])
                        followed.append(law.beside(exits, _N_ENDS))
    chances = _responses(watch, shares_at(followed, watch.times, _keep(watch)))
    np.add.at(found, tuple(np.array(places).T), np.array(shares) * chances)
    return np.clip(found, 0.0, 1.0)


def _keep(watch: Watch) -> FloatArray | None:
    return None if watch.weights is not None else watch.counts


def _responses(watch: Watch, seen: FloatArray) -> FloatArray:
    """Return the chance of a response of each law."""
    if watch.weights is None:
        return np.asarray(seen[:, -1].sum(axis=1))
    return np.asarray(watch.weights @ (seen @ watch.counts).T)


def _present(trial: Trial, endpoint: ResponseAtVisits, watch: Watch) -> FloatArray:
    """Return by arm the chance of being there, where that depends on nothing else."""
    if _leaves_along(trial, endpoint):
        return np.ones(len(trial.arms))
    arms = trial.dropout.in_arms([arm.name for arm in trial.arms])
    return np.asarray(np.exp(-arms * trial.dropout.cumulative(watch.times[-1])))


def _leaves_along(trial: Trial, endpoint: ResponseAtVisits) -> bool:
    """Return whether leaving must be followed beside the disease."""
    window = trial.visit_conduct.window > 0 and not trial.dropout.is_never
    return bool(trial.dropout.by_state or window or _has_failures(trial, endpoint))


def _failures(trial: Trial, endpoint: ResponseAtVisits) -> Iterator[FloatArray]:
    """Yield the hazards by state of what strikes and is a failure."""
    alive = np.array([state not in (trial.arms[0].model.absorbing or ()) for state in trial.states])
    for event in trial.intercurrent_events:
        strategy = event.strategy_of(endpoint.name)
        if strategy.brings(~Consequence.FAILURE):
            raise NoExactSolutionError(f"{event.name} is treated as {strategy.value}")
        if strategy.brings(Consequence.FAILURE):
            yield event.rates(trial.states) * alive


def _has_failures(trial: Trial, endpoint: ResponseAtVisits) -> bool:
    return len(list(_failures(trial, endpoint))) > 0


def _watch(trial: Trial, endpoint: ResponseAtVisits) -> Watch:
    conduct, states = trial.visit_conduct, trial.states
    inside = np.isin(states, endpoint.states).astype(float)
    shown = (conduct.confusion(states) @ inside) * (1 - conduct.missed)
    fewer = endpoint.better is Better.FEWER
    counts = np.concatenate([shown, np.zeros(_N_ENDS)])
    counts[len(states) + _STRUCK] = float(fewer)
    times = np.array(endpoint.visits)
    if len(times) > 1:
        if conduct.window or (fewer and _has_failures(trial, endpoint)):
            raise NoExactSolutionError("several visits at other times than planned")
        return Watch(times=times, weights=None, counts=counts)
    if not conduct.window:
        return Watch(times=times, weights=np.ones(1), counts=counts)
    return Watch(counts=counts, **_within(conduct.window, float(times[0]), trial.follow_up))


def _within(window: float, at: float, follow_up: float) -> dict[str, FloatArray]:
    """Return the times of one visit, uniform around its date but for the ends, and weights."""
    low, high = max(at - window, 0.0), min(at + window, follow_up)
    points, weights = np.polynomial.legendre.leggauss(_WINDOW_NODES)
    times = low + (points + 1) * (high - low) / 2
    masses = weights / 2 * (high - low) / (2 * window)
    ends = np.array([low, high])
    at_ends = np.array([low - (at - window), at + window - high]) / (2 * window)
    kept = at_ends > 0
    times, masses = np.append(times, ends[kept]), np.append(masses, at_ends[kept])
    order = np.argsort(times)
    return {"times": times[order], "weights": masses[order]}


def _laws_of(trial: Trial, arm: Arm, person: Person) -> Iterator[tuple[float, Law]]:
    """Yield the laws that such patients of an arm follow, and their shares."""
    for share, model, name in _treated(arm):
        factors = person.hazard_ratios(model, trial.population, name)
        for part, law in laws(model, None):
            yield share * part, law.times(factors)


def _treated(arm: Arm) -> Iterator[tuple[float, MultiStateModel, str]]:
    """Yield the models of an arm's patients, by which infusions were missed."""
    infusions = arm.infusions
    if infusions is not None and infusions.lots is not None and infusions.lots.sd > 0:
        raise NoExactSolutionError("patients of one lot share their luck")
    if infusions is None or not (infusions.missed and arm.effects):
        yield 1.0, arm.law, arm.name
        return
    if len(infusions.at) > _MOST_MISSED:
        raise NoExactSolutionError(f"each of {len(infusions.at)} infusions may be missed")
    for pattern in product((True, False), repeat=len(infusions.at)):
        given = [time for time, got in zip(infusions.at, pattern, strict=True) if got]
        share = math.prod(1 - infusions.missed if got else infusions.missed for got in pattern)
        if share > 0:
            yield share, arm.law_after(given), arm.name if given else ""


def _exits(trial: Trial, endpoint: ResponseAtVisits, arm: Arm) -> Iterator[Arc]:
    """Yield the ways out of the trial, and into failure."""
    if not _leaves_along(trial, endpoint):
        return
    dropout, n = trial.dropout, len(trial.states)
    struck = np.sum([np.zeros(n), *_failures(trial, endpoint)], axis=0)
    leaves = dropout.in_states(trial.states) * dropout.by_arm.get(arm.name, 1.0)
    hazard = dropout.hazard or ExponentialHazard(rate=dropout.per_year)
    for state in range(n):
        if leaves[state] > 0 and not dropout.is_never:
            yield Arc(
                begin=state,
                end=n + _LEFT,
                hazard=hazard,
                clock=Clock.FORWARD,
                ratio=PiecewiseRatio(ratios=(float(leaves[state]),)),
            )
        if struck[state] > 0:
            yield Arc(
                begin=state,
                end=n + _STRUCK,
                hazard=ExponentialHazard(rate=float(struck[state])),
                clock=Clock.FORWARD,
                ratio=PiecewiseRatio(),
            )


def shares_at(some: Sequence[Law], times: FloatArray, keep: FloatArray | None) -> FloatArray:
    """Return the shares in each state at each time, (n_laws, n_times, n_states).

    Parameters
    ----------
    some : sequence of Law
        All have the same states.
    times : (n_times,) array
        Study times (years), increasing.
    keep : (n_states,) array or None
        At each time only these parts of those in each state go on; None for all.
    """
    found = np.empty((len(some), times.size, some[0].n_states))
    alike = [k for k, law in enumerate(some) if _is_stepwise(law, float(times[-1]))]
    if alike:
        found[alike] = _in_steps([some[k] for k in alike], times, keep)
    for k in sorted(set(range(len(some))) - set(alike)):
        if keep is None or times.size == 1:
            found[k] = solve_law(some[k], times, tolerance=_TOLERANCE).probabilities
            found[k] *= 1.0 if keep is None else keep
        else:
            found[k] = _at_all(some[k], times, keep)
    return found


def _is_stepwise(law: Law, until: float) -> bool:
    """Return whether hazards are constant between some study times, up to one."""
    fresh = all(entry.time_in_state == 0 for entry in law.entries)
    return len(_breaks(law, until)) <= _MOST_BREAKS and all(
        arc.is_constant
        or (bool(arc.kinks) and (arc.is_markov or (fresh and min(arc.kinks) >= until - _ROUNDING)))
        for arc in law.arcs
    )


def _breaks(law: Law, until: float) -> set[float]:
    """Return the study times at which hazards jump."""
    marks = {time for arc in law.arcs for time in arc.ratio.breaks}
    marks |= {time for arc in law.arcs if arc.is_markov for time in arc.kinks}
    return {time for time in marks if 0 < time < until}


def _in_steps(some: Sequence[Law], times: FloatArray, keep: FloatArray | None) -> FloatArray:
    """Return the shares where hazards are constant between some times, for all laws together."""
    # SPEED: few matrix exponentials for thousands of laws (benchmarks/exact.py)
    until = float(times[-1])
    marks = set(times.tolist()).union(*(_breaks(law, until) for law in some))
    shares = np.array([law.start for law in some])[:, None, :]
    found = np.empty((len(some), times.size, some[0].n_states))
    begin, number = 0.0, 0
    for end in sorted(marks):
        if end > begin:
            shares = shares @ exponentials(_growth(some, begin, end))
        if end == times[number]:
            if keep is not None:
                shares = shares * keep
            found[:, number] = shares[:, 0]
            number += 1
        begin = end
    return found


def _growth(some: Sequence[Law], begin: float, end: float) -> FloatArray:
    """Return the integral of each law's generator over a step, (n_laws, n_states, n_states)."""
    n, middle, edges = some[0].n_states, np.array((begin + end) / 2), np.array([begin, end])
    found = np.zeros((len(some), n, n))
    for k, law in enumerate(some):
        for arc in law.arcs:
            rate = arc.hazard.constant_rate
            if rate is not None:
                grown = rate * (end - begin)
            else:  # before its first jump also on a clock of its own
                grown = float(np.diff(arc.cumulative(edges))[0])
            ratio = arc.ratio.ratios[0] if arc.ratio.is_constant else float(arc.ratio.at(middle))
            found[k, arc.begin, arc.end] += grown * ratio
    diagonal = np.arange(n)
    found[:, diagonal, diagonal] = -found.sum(axis=2)
    return found


def _at_all(law: Law, times: FloatArray, keep: FloatArray) -> FloatArray:
    """Return the shares at several times where only some go on at each.

    Raises
    ------
    NoExactSolutionError
        If hazards depend on the time in a state, of which a visit tells nothing.
    """
    if not all(arc.is_markov for arc in law.arcs):
        raise NoExactSolutionError("the time in a state matters, and several visits decide")
    grid = MarkovGrid(law=law, times=times)
    coarse, fine = (_kept(law, grid.matrices(steps), keep) for steps in (_STEPS, 2 * _STEPS))
    if (apart := float(np.abs(fine - coarse).max())) > _TOLERANCE:
        raise NoExactSolutionError(f"two grids of time differ by {apart:.1g}")
    return fine


def _kept(law: Law, matrices: FloatArray, keep: FloatArray) -> FloatArray:
    shares, found = law.start, []
    for matrix in matrices:
        shares = (shares @ matrix) * keep
        found.append(shares)
    return np.array(found)
