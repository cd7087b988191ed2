"""The law of patients whose treatment begins anew on the way: every state once for each course."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import remembered
from lupusim.engines.exact.law import Arc, Law, laws
from lupusim.errors import NoExactSolutionError
from lupusim.model import Clock, MultiStateModel, PiecewiseRatio
from lupusim.model.hazards import PiecewiseExponentialHazard
from lupusim.model.hazards.base import constant_rate, steps


@remembered(16)  # whoever asks whether there is one asks for it next
def laws_by_course(model: MultiStateModel) -> tuple[tuple[float, Law], ...]:
    """Return each latent class's probability and law, of a model whose treatment may restart.

    State `k` in course `c`, from 0 on, is state ``c n + k``, with `n` states of the model.
    Whoever restarts goes over to the next course; the last one may follow itself.

    Parameters
    ----------
    model : MultiStateModel
        Any; one without restarts has one course.

    Raises
    ------
    NoExactSolutionError
        If an effect changes with the time since a restart, and that is not the time in a state.
    """
    courses = _courses(model)
    by_course = [_of_course(courses, number) for number in range(len(courses))]
    return tuple(
        (parts[0][0], _joined(courses, [law for _, law in parts]))
        for parts in zip(*by_course, strict=True)
    )


def _courses(model: MultiStateModel) -> list[MultiStateModel]:
    if not model.restarts_matter:
        return [replace(model, restarts=(), afterwards=None)]
    found = list(model.successive_laws)
    return [*found, found[-1]] if found[-1].restarts_matter else found


def _of_course(courses: Sequence[MultiStateModel], number: int) -> list[tuple[float, Law]]:
    """Return the laws of a course, by class, with the arcs from wherever it may begin."""
    plain = replace(courses[number], restarts=(), afterwards=None)
    if number == 0:
        return list(laws(plain, None))
    from_each = [list(laws(plain, None, state)) for state in courses[number - 1].restarts]
    found = []
    for of_class in zip(*from_each, strict=True):
        arcs = {(arc.begin, arc.end): arc for _, law in of_class for arc in law.arcs}
        share, law = of_class[0]
        found.append((share, replace(law, arcs=tuple(arcs.values()))))
    return found


def _joined(courses: Sequence[MultiStateModel], parts: Sequence[Law]) -> Law:
    n, arcs, within = len(courses[0].states), [], set()
    for course, (model, law) in enumerate(zip(courses, parts, strict=True)):
        begins = {model.index(state) for state in model.restarts if len(courses) > 1}
        following = min(course + 1, len(courses) - 1)
        for arc in law.arcs:
            restarts = arc.end in begins
            end = (following if restarts else course) * n + arc.end
            arcs.append(replace(arc, begin=course * n + arc.begin, end=end))
            if not restarts:
                within.add(end)
    arcs.sort(key=lambda arc: (arc.begin, arc.end))
    whole = Law(n_states=n * len(courses), arcs=tuple(arcs), entries=parts[0].entries).reached()
    within |= {entry.state for entry in whole.entries if entry.time_in_state > 0}
    first = _first_entries(whole)
    timed = (_timed(arc, within, first[arc.begin] if arc.begin < n else None) for arc in whole.arcs)
    return replace(whole, arcs=tuple(timed))


def _first_entries(law: Law) -> FloatArray:
    """Return the study time (years) before which nobody enters each state."""
    found = np.full(law.n_states, np.inf)
    found[[entry.state for entry in law.entries]] = 0.0
    begun = {entry.state for entry in law.entries if entry.time_in_state > 0}
    idle = [0.0 if arc.begin in begun else _idle(arc) for arc in law.arcs]
    for _ in range(law.n_states):
        for arc, wait in zip(law.arcs, idle, strict=True):
            since = 0.0 if arc.clock.is_study_time else found[arc.begin]
            found[arc.end] = min(found[arc.end], max(found[arc.begin], since + wait))
    return found


def _idle(arc: Arc) -> float:
    """Return what a clock shows before a hazard is above 0 (years), as far as that is known."""
    jumps = steps(arc.hazard)
    if jumps is None or not (arc.clock.is_study_time or arc.clock.is_time_in_state):
        return 0.0
    begins = np.array([0.0, *jumps])
    return float(begins[arc.hazard.hazard(begins) > 0].min(initial=np.inf))


def _timed(arc: Arc, within: Set[int], first: float | None) -> Arc:
    """Return an arc on the time in its state, where that is the time of the course.

    Parameters
    ----------
    arc : Arc
        Whose ratio changes with the time of its course.
    within : set of int
        States that are entered, or were, while a course lasts.
    first : float or None
        Study time (years) before which nobody enters its state; None after a restart.
    """
    if first is not None and arc.ratio.breaks and arc.ratio.breaks[-1] <= first:
        arc = replace(arc, ratio=PiecewiseRatio(ratios=arc.ratio.ratios[-1:]))
    jumps = (0.0,) if constant_rate(arc.hazard) is not None else steps(arc.hazard)
    same_clock = arc.is_constant or arc.clock.is_time_in_state or first is not None
    if arc.begin not in within and same_clock and jumps is not None:
        breaks = sorted({time for time in (*jumps, *arc.ratio.breaks) if time > 0})
        begins = np.array([0.0, *breaks])
        rates = arc.hazard.hazard(begins) * arc.ratio.at(begins)
        hazard = PiecewiseExponentialHazard(breaks=breaks, rates=rates.tolist())
        return replace(arc, hazard=hazard, clock=Clock.RESET, ratio=PiecewiseRatio())
    if first is not None or arc.ratio.is_constant:
        return arc
    raise NoExactSolutionError(
        "an effect changes with the time since a restart, and that is not the time in a state"
    )
