"""Answer questions about models: many Markov models at once, any other by the exact engine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lupusim.calibration.prediction.markov import (
    answer_markov,
    is_piecewise_constant,
    piecewise_rates,
)
from lupusim.calibration.prediction.mesh import N_PANELS
from lupusim.calibration.prediction.mesh_answers import answer_on_mesh
from lupusim.calibration.targets.questions import (
    EverAfter,
    EverIn,
    FirstMove,
    InStates,
    Moves,
    Question,
    TimeBeforeMove,
    YearsIn,
)
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.model import Edge, MultiStateModel, Transition

_MOVED = "(moved)"


def answer(
    models: Sequence[MultiStateModel],
    questions: Sequence[Question],
    *,
    tolerance: float = 1e-6,
) -> FloatArray:
    """Return what each model answers to each question.

    Parameters
    ----------
    models : sequence of MultiStateModel
        Same states and transitions, other numbers.
    questions : sequence of Question
        What to answer.
    tolerance : float
        Absolute error allowed to the exact engine where hazards depend on time in state.

    Returns
    -------
    (n_models, n_questions) array
        Probabilities, or years.
    """
    if all(is_piecewise_constant(t) for t in models[0].transitions):
        ratios = np.array([[m.class_ratios(c) for c in m.latent_classes] for m in models])
        base = np.stack([piecewise_rates(m) for m in models], axis=1)
        shares = np.array([[c.probability for c in m.latent_classes] for m in models])
        rates = base[:, :, None, :] * ratios
        return answer_markov(models[0], questions, rates=rates, shares=shares)
    return np.array([answer_any(model, questions, tolerance) for model in models])


def answer_any(
    model: MultiStateModel, questions: Sequence[Question], tolerance: float
) -> FloatArray:
    """Answer by the exact engine, with one solution for all times of one kind of question."""
    groups: dict[Question, list[int]] = defaultdict(list)
    for position, question in enumerate(questions):
        kind = InStates((), 0.0) if isinstance(question, InStates) else _timeless(question)
        groups[kind].append(position)
    answers = np.empty(len(questions))
    for kind, positions in groups.items():
        times = np.array([questions[p].time for p in positions])
        stops, where = np.unique(times, return_inverse=True)
        if isinstance(kind, InStates):
            asked = [questions[p] for p in positions]
            answers[positions] = _occupancy(model, asked, stops, where, tolerance)
        else:
            answers[positions] = _history(model, kind, stops, tolerance)[where]
    return answers


def _timeless(question: Question) -> Question:
    return replace(question, time=0.0)


def _occupancy(
    model: MultiStateModel,
    asked: Sequence[Question],
    stops: FloatArray,
    where: IntArray,
    tolerance: float,
) -> FloatArray:
    from lupusim.engines.exact import solve

    probabilities = solve(model, stops, tolerance=tolerance).probabilities
    sums = [
        sum(probabilities[row, model.index(state)] for state in getattr(question, "states", ()))
        for question, row in zip(asked, where, strict=True)
    ]
    return np.array(sums, dtype=float)


def _history(
    model: MultiStateModel, kind: Question, stops: FloatArray, tolerance: float
) -> FloatArray:
    from lupusim.engines import exact

    match kind:
        case EverIn():
            return exact.ever(model, kind.states, stops, tolerance=tolerance)
        case EverAfter():
            both = exact.ever_after(model, kind.first, kind.then, stops, tolerance=tolerance)
            first = exact.ever(model, kind.first, stops, tolerance=tolerance)
            return np.where(first > 0, first * both, 0.0)
        case FirstMove():
            return _first_moves(model, kind, stops, tolerance)
        case TimeBeforeMove():
            counting = _counting_model(model, kind)
            here = [state for state in kind.origin if state in counting.states]
            return _years(counting, here, stops)
        case YearsIn():
            return _years(model, kind.states, stops)
        case Moves():
            return _moves(model, kind, stops)
        case _:
            raise ValueError(f"{kind!r} is not a question about the past")


def _years(model: MultiStateModel, states: Sequence[str], stops: FloatArray) -> FloatArray:
    """Return the mean years spent in some states by each time."""
    from lupusim.engines import exact

    columns = [model.index(state) for state in states]
    return np.array([exact.time_in_state(model, float(s))[columns].sum() for s in stops])


def _first_moves(
    model: MultiStateModel, kind: FirstMove, stops: FloatArray, tolerance: float
) -> FloatArray:
    """Return the probability of a first move by each time; 0 where the model has no such move."""
    from lupusim.engines import exact

    counting = _counting_model(model, kind)
    ends = tuple(s for s in counting.states if s.startswith(_MOVED))
    if not ends:
        return np.zeros(stops.size)
    first: FloatArray = exact.ever(counting, ends, stops, tolerance=tolerance)
    return first


def _moves(model: MultiStateModel, kind: Moves, stops: FloatArray) -> FloatArray:
    """Return the mean number of moves by each time, on a mesh finer than that of a search."""
    numbers: FloatArray = answer_on_mesh(
        model,
        [replace(kind, time=float(stop)) for stop in stops],
        [[t.hazard] for t in model.transitions],
        ratios=np.array([[model.class_ratios(c) for c in model.latent_classes]]),
        shares=np.array([[c.probability for c in model.latent_classes]]),
        n_panels=4 * N_PANELS,
    )[0]
    return numbers


def _counting_model(
    model: MultiStateModel, question: FirstMove | TimeBeforeMove
) -> MultiStateModel:
    """Return the model in which each counted move ends in an absorbing state of its own."""
    renamed = {
        (t.from_state, t.to_state): f"{_MOVED} {t.from_state} to {t.to_state}"
        for t in model.transitions
        if t.from_state in question.origin and t.to_state in question.to
    }
    moved = [
        replace(t, to_state=renamed.get((t.from_state, t.to_state), t.to_state))
        for t in model.transitions
    ]
    reached = {start.state for start in model.starts}
    while new := {t.to_state for t in moved if t.from_state in reached} - reached:
        reached |= new
    states = tuple(s for s in (*model.states, *renamed.values()) if s in reached)
    kept = tuple(t for t in moved if t.from_state in reached)
    classes = tuple(
        replace(c, hazard_ratios=_renamed_ratios(c.hazard_ratios, renamed, kept))
        for c in model.classes
    )
    absorbing = tuple(s for s in (*(model.absorbing or ()), *renamed.values()) if s in reached)
    return replace(
        model, states=states, transitions=kept, classes=classes, absorbing=absorbing, covariates={}
    )


def _renamed_ratios(
    ratios: Mapping[Edge, float], renamed: Mapping[Edge, str], kept: Sequence[Transition]
) -> dict[Edge, float]:
    edges = {(t.from_state, t.to_state) for t in kept}
    moved = {(e[0], renamed.get(e, e[1])): ratio for e, ratio in ratios.items()}
    return {edge: ratio for edge, ratio in moved.items() if edge in edges}
