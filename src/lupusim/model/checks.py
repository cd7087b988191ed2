"""What can be wrong with a model; all of it is found at once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from lupusim.common.spelling import nearest
from lupusim.errors import Problem
from lupusim.model.hazards.base import constant_rate

if TYPE_CHECKING:
    from lupusim.model.multistate import Edge, MultiStateModel
    from lupusim.model.transitions import Transition

_SUM_TOLERANCE = 1e-9
_DAYS = 365.2425  # of a year
MOST_IN_A_DAY = 1e7  # moves: faster ones are lost in the rounding of an engine
_MOST_STATES = 128  # arrays of states hold one byte for each patient


def model_problems(model: MultiStateModel) -> list[Problem]:
    """Return everything that is wrong with a model, in the order of its file."""
    return [
        *_state_problems(model),
        *_start_problems(model),
        *_transition_problems(model),
        *_class_problems(model),
        *_covariate_problems(model),
        *_reach_problems(model),
        *_restart_problems(model),
    ]


def _state_problems(model: MultiStateModel) -> Iterator[Problem]:
    if not model.states:
        yield Problem(key="states", fault="there is no state", fix="Name at least one.")
    if len(model.states) > _MOST_STATES:
        fault = f"there are {len(model.states)} states"
        yield Problem(key="states", fault=fault, fix=f"Use at most {_MOST_STATES}.")
    for state, count in Counter(model.states).items():
        if count > 1:
            fix = "Name each state once."
            yield Problem(key="states", fault=f"{state!r} stands {count} times", fix=fix)
        if "->" in state:
            fault = f"{state!r} holds '->', which leads from a state to the next"
            yield Problem(key="states", fault=fault, fix="Write it in words.")
    for state in model.absorbing or ():
        if state not in model.states:
            yield _unknown_state("absorbing", state, model)


def _unknown_state(key: str, state: str, model: MultiStateModel) -> Problem:
    return Problem(
        key=key, fault=f"{state!r} is not a state of the model", fix=nearest(state, model.states)
    )


def probability_problems(key: str, probabilities: Mapping[str, float]) -> Iterator[Problem]:
    """Yield what is wrong with probabilities that should be 0 or above and sum to 1."""
    for name, probability in probabilities.items():
        if not (math.isfinite(probability) and probability >= 0):
            yield Problem(
                key=f"{key}.{name}",
                fault=f"{probability!r} is not a probability",
                fix="Give a number from 0 to 1.",
            )
    total = sum(probabilities.values())
    if math.isfinite(total) and abs(total - 1) > _SUM_TOLERANCE:
        yield Problem(
            key=key,
            fault=f"the probabilities sum to {total:.10g}, not to 1",
            fix="Change one of them.",
        )


def _start_problems(model: MultiStateModel) -> Iterator[Problem]:
    for start in model.starts:
        if start.state not in model.states:
            yield _unknown_state(f"start.{start.state}", start.state, model)
        if not (math.isfinite(start.time_in_state) and start.time_in_state >= 0):
            yield Problem(
                key=f"start.{start.state}.time_in_state",
                fault=f"{start.time_in_state!r} is not a time",
                fix="Give 0 or above.",
            )
    shares = {f"{k}": start.probability for k, start in enumerate(model.starts)}
    yield from probability_problems("start", shares)


def _transition_problems(model: MultiStateModel) -> Iterator[Problem]:
    seen: set[Edge] = set()
    for k, transition in enumerate(model.transitions):
        key = f"transitions.{k}"
        for end, state in (("from", transition.from_state), ("to", transition.to_state)):
            if state not in model.states:
                yield _unknown_state(f"{key}.{end}", state, model)
        yield from _edge_problems(key, transition, seen, model)
        seen.add((transition.from_state, transition.to_state))


def in_a_day(transition: Transition) -> float:
    """Return the cumulative hazard of the first day."""
    rate = constant_rate(transition.hazard)
    if rate is not None:  # SPEED: asked of every draw of a model (benchmarks/table.py)
        return rate / _DAYS
    with np.errstate(over="ignore", invalid="ignore"):
        return float(transition.hazard.cumulative(np.array(1 / _DAYS)))


def _edge_problems(
    key: str, transition: Transition, seen: set[Edge], model: MultiStateModel
) -> Iterator[Problem]:
    label = transition.label
    if transition.from_state == transition.to_state:
        yield Problem(
            key=key, fault=f"{label} leads back to its own state", fix="Leave it out: staying is."
        )
    if in_a_day(transition) > MOST_IN_A_DAY:
        yield Problem(
            key=f"{key}.hazard",
            fault=f"{label} would happen {in_a_day(transition):.2g} times in a day",
            fix="Give a slower hazard: 1e6 a year is at once for any patient.",
        )
    if (transition.from_state, transition.to_state) in seen:
        yield Problem(
            key=key, fault=f"{label} is given twice", fix="Give one hazard for each transition."
        )
    if transition.from_state in (model.absorbing or ()):
        yield Problem(
            key=f"{key}.from",
            fault=f"{label} leaves {transition.from_state!r}, which is absorbing",
            fix="Remove the transition, or the state from 'absorbing'.",
        )


def _known_edge_problems(
    key: str, edges: Iterable[Edge], model: MultiStateModel
) -> Iterator[Problem]:
    labels = [t.label for t in model.transitions]
    for from_state, to_state in edges:
        label = f"{from_state} -> {to_state}"
        if label not in labels:
            yield Problem(
                key=f"{key}.{label}",
                fault="the model has no such transition",
                fix=nearest(label, labels),
            )


def _class_problems(model: MultiStateModel) -> Iterator[Problem]:
    for k, latent_class in enumerate(model.classes):
        key = f"classes.{k}.hazard_ratios"
        yield from _known_edge_problems(key, latent_class.hazard_ratios, model)
        for (from_state, to_state), ratio in latent_class.hazard_ratios.items():
            if not (math.isfinite(ratio) and ratio >= 0):
                yield Problem(
                    key=f"{key}.{from_state} -> {to_state}",
                    fault=f"{ratio!r} is not a hazard ratio",
                    fix="Give a number, 0 or above.",
                )
    if model.classes:
        names = [latent_class.name for latent_class in model.classes]
        if len(set(names)) < len(names):
            yield Problem(
                key="classes", fault=f"names {names} repeat", fix="Give each class its own name."
            )
        shares = {str(k): c.probability for k, c in enumerate(model.classes)}
        yield from probability_problems("classes", shares)


def _covariate_problems(model: MultiStateModel) -> Iterator[Problem]:
    for name, log_ratios in model.covariates.items():
        yield from _known_edge_problems(f"covariates.{name}", log_ratios, model)
        for (from_state, to_state), log_ratio in log_ratios.items():
            if not math.isfinite(log_ratio):
                yield Problem(
                    key=f"covariates.{name}.{from_state} -> {to_state}",
                    fault=f"{log_ratio!r} is not a log hazard ratio",
                    fix="Give a finite number.",
                )


def _restart_problems(model: MultiStateModel) -> Iterator[Problem]:
    for state in model.restarts:
        if state not in model.states:
            yield _unknown_state("restarts", state, model)
    following = model.afterwards
    if following is None:
        return
    if not model.restarts:
        fault = "nothing ever leads there: there are no restarts"
        yield Problem(key="afterwards", fault=fault, fix="Name the states that restart.")
    if shape_of(following) != shape_of(model):
        fault = f"{following.name!r} has not the states, transitions and classes of {model.name!r}"
        yield Problem(key="afterwards", fault=fault, fix="Use the same, in the same order.")


def shape_of(model: MultiStateModel) -> tuple[object, ...]:
    """Return what two laws must share for a patient to go from one to the other."""
    edges = tuple((t.from_state, t.to_state) for t in model.transitions)
    return model.states, edges, tuple(c.name for c in model.latent_classes)


def _can_fire(transition: Transition) -> bool:
    return constant_rate(transition.hazard) != 0


def _reach_problems(model: MultiStateModel) -> Iterator[Problem]:
    reached = {start.state for start in model.starts if start.probability > 0}
    if not reached <= set(model.states):
        return
    edges = [(t.from_state, t.to_state) for t in model.transitions if _can_fire(t)]
    while new := {end for begin, end in edges if begin in reached and end not in reached}:
        reached |= new
    for state in model.states:
        if state not in reached:
            yield Problem(
                key="states",
                fault=f"nobody can ever reach {state!r}",
                fix="Add a transition or a start that leads there, or remove the state.",
            )
