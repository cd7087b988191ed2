"""The chance that a patient counts as a responder, from the exact engine."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.engines.exact.law import Arc, Law, laws
from lupusim.errors import NoExactSolutionError
from lupusim.model import Clock, MultiStateModel, PiecewiseRatio
from lupusim.model.hazards import ExponentialHazard
from lupusim.planning.theory.counts.alike import AlikeArms, alike_arms
from lupusim.planning.theory.counts.cells import (
    Cell,
    Person,
    is_quadrature,
    kinds_of,
    people,
)
from lupusim.planning.theory.counts.shares import Kin, shares_at
from lupusim.trial import Arm, Better, Trial
from lupusim.trial.endpoints import ResponseAtVisits
from lupusim.trial.observation import Consequence

_QUADRATURE = 1e-5  # what two quadratures may differ by: the finer one is far nearer
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
    alike = list(alike_arms(truths))
    found = _chances(alike, endpoint, cells, fine=True)
    if any(is_quadrature(arms.trial) for arms in alike):
        coarse = _chances(alike, endpoint, cells, fine=False)
        if (apart := float(np.abs(found - coarse).max())) > _QUADRATURE:
            raise NoExactSolutionError(f"two quadratures over patients differ by {apart:.1g}")
    return found


def _chances(
    alike: Sequence[AlikeArms], endpoint: ResponseAtVisits, cells: Sequence[Cell], *, fine: bool
) -> FloatArray:
    watch = _watch(alike[0].trial, endpoint)
    parts: list[tuple[AlikeArms, int, FloatArray]] = []
    followed: list[Kin] = []
    for arms in alike:
        present = _present(arms.trial, endpoint, watch)[arms.number]
        exits = list(_exits(arms.trial, endpoint, arms.arm))
        for position, cell in enumerate(cells):
            for person in people(arms.trial, cell, fine=fine):
                for share, law, classes in laws_of(arms, person):
                    parts.append((arms, position, person.weight * (share * classes) * present))
                    followed.append(arms.followed(law.beside(exits, _N_ENDS)))
    chances = _responses(watch, shares_at(followed, watch.times, _keep(watch)))
    n_truths = max(int(arms.truths.max()) for arms in alike) + 1
    found = np.zeros((n_truths, len(alike[0].trial.arms), len(cells)))
    begin = 0
    for arms, position, shares in parts:
        end = begin + shares.size
        found[arms.truths, arms.number, position] += (shares * chances[begin:end])[arms.place]
        begin = end
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


def laws_of(arms: AlikeArms, person: Person) -> Iterator[tuple[float, Law, FloatArray]]:
    """Yield the laws that such patients follow: share by infusions missed, law, and class's share.

    The last is (n_arms,).

    Raises
    ------
    NoExactSolutionError
        If patients of one lot share their luck, or too many infusions may be missed.
    """
    for share, model, name in _treated(arms.arm):
        factors = person.hazard_ratios(model, arms.trial.population, name)
        for (_, law), classes in zip(laws(model, None), arms.class_shares.T, strict=True):
            yield share, law.times(factors), classes


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
