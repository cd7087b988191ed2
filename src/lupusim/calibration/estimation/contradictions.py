"""Counts that no patients can have: of one study, whatever the model, or of one model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TypeAlias

import numpy as np

from lupusim.calibration.estimation.joint_counts import ContradictionError, check_joint
from lupusim.calibration.prediction.path_tree import TooManyPathsError, path_tree
from lupusim.calibration.prediction.stays import check_stays
from lupusim.calibration.targets.margins import Margin
from lupusim.calibration.targets.questions import (
    EverAfter,
    EverIn,
    FirstMove,
    InStates,
    LeftWithin,
    Moves,
    Question,
    is_of_stays,
    states_of,
)
from lupusim.calibration.targets.studies import DEATH, Role, Study, Target
from lupusim.errors import EvidenceError, Problem
from lupusim.model import MultiStateModel, Start, Transition
from lupusim.model.hazards import ExponentialHazard

_ELSEWHERE = "(elsewhere)"
_SEPARATE = "separate patients"

Move: TypeAlias = tuple[str, str]
"""From which state to which."""


def contradictions(study: Study) -> list[Problem]:
    """Return the fitted targets of a study that no patients can meet together.

    Whatever the model: the dead stay dead, who has been somewhere has been there ever after,
    nobody is in two states at a time. Targets of different target sets may disagree.
    """
    fitted = [(k, t) for k, t in enumerate(study.targets) if t.role is Role.FIT]
    rates = list(_impossible_rates(study, fitted))
    if rates or study.cohort == _SEPARATE:
        return rates
    counted = [(k, t) for k, t in fitted if _margins([t])]
    pairs = [pair for pair in combinations(counted, 2) if _share_a_set([t for _, t in pair])]
    found = list(_clashes(study, pairs))
    wholes = [[(k, t) for k, t in counted if t.belongs_to(name)] for name in _sets(counted)]
    return found or list(_clashes(study, [whole for whole in wholes if len(whole) > 2]))


def _margins(targets: Sequence[Target]) -> list[Margin]:
    return [
        margin
        for target in targets
        for margin in target.measure.margins(target.measure.observed) or ()
    ]


def _sets(counted: Sequence[tuple[int, Target]]) -> list[str]:
    return list(dict.fromkeys(name for _, target in counted for name in target.sets)) or [""]


def _share_a_set(targets: Sequence[Target]) -> bool:
    one, other = (set(target.sets) for target in targets)
    return not one or not other or bool(one & other)


def _clashes(study: Study, groups: Sequence[Sequence[tuple[int, Target]]]) -> Iterator[Problem]:
    for group in groups:
        size = _size(study, [target for _, target in group], _any_model(study))
        if size == 0:
            continue
        *others, (last, target) = group
        names = ", ".join(repr(other.name) for _, other in others)
        yield Problem(
            key=f"targets.{last}",
            fault=(
                f"{target.name!r} contradicts {names} of the same patients: at least {size:.3g} "
                "of them would have to be counted elsewhere"
            ),
            fix=(
                "Correct the counts, or say 'cohort: separate patients' if they are not of "
                "the same."
            ),
        )


def _size(
    study: Study,
    targets: Sequence[Target],
    model: MultiStateModel,
    *,
    moved: tuple[FirstMove, int] | None = None,
) -> float:
    """Return by how many patients targets contradict each other, 0 if they don't.

    And that as many have `moved`.
    """
    margins = _margins(targets)
    if moved is not None:
        margins.append(Margin(question=moved[0], count=float(moved[1])))
    try:
        tree = path_tree(model, [margin.question for margin in margins])
        check_joint(margins, tree.answers, study.n_patients)
    except TooManyPathsError:
        return 0.0
    except ContradictionError as wrong:
        return 0.0 if wrong.is_partial else wrong.size
    return 0.0


def _never(target: Target, model: MultiStateModel) -> float:
    """Return how many patients are counted as no patient of a model can be: one is no rounding."""
    margins = _margins([target])
    try:
        answers = path_tree(model, [margin.question for margin in margins]).answers
    except TooManyPathsError:
        return 0.0
    says = answers ^ np.array([margin.says_no for margin in margins], dtype=bool)
    counts = np.array([margin.count for margin in margins])
    return float(counts[~says.any(axis=0)].max(initial=0.0))


def _any_model(study: Study) -> MultiStateModel:
    """Return a model in which everything may follow upon everything, but nothing upon death."""
    named = [s for t in study.targets for q in t.measure.questions for s in states_of(q)]
    states = tuple(dict.fromkeys([_ELSEWHERE, *named]))
    alive = [state for state in states if state not in DEATH]
    return MultiStateModel(
        name="any",
        states=states,
        transitions=tuple(
            Transition(from_state=a, to_state=b, hazard=ExponentialHazard(rate=1.0))
            for a in alive
            for b in states
            if a != b
        ),
        starts=tuple(Start(state=state, probability=1 / len(alive)) for state in alive),
        absorbing=tuple(state for state in states if state in DEATH),
    )


def _impossible_rates(study: Study, fitted: Sequence[tuple[int, Target]]) -> Iterator[Problem]:
    """Find rates whose person-years, or whose events, so few patients can't have."""
    n = study.n_patients
    for k, target in fitted:
        moves = target.measure.counted_moves
        if moves is None:
            continue
        until, events = target.measure.questions[0].time, float(target.measure.observed[0])
        years = float(target.measure.denominators[0])
        fault = ""
        if years > (n + 1) * until:
            fault = f"{years:g} person-years are more than {n} patients have in {until:.3g} years"
        elif _is_once(target, until) and (most := _most_movers(study, target, fitted)) < events:
            fault = f"{events:g} patients made the move, but of the study's at most {most} can"
        if fault:
            fix = "Correct the numbers, or those of the other targets that count these patients."
            yield Problem(key=f"targets.{k}", fault=fault, fix=fix)


def _is_once(target: Target, until: float) -> bool:
    """Return whether a patient is counted by a rate once at most."""
    origin, to = target.measure.counted_moves or ((), ())
    first = FirstMove(origin, to, until)
    return target.measure.questions[0] == first or set(to) <= set(DEATH)


def _most_movers(study: Study, rate: Target, fitted: Sequence[tuple[int, Target]]) -> int:
    """Return how many patients can have made a rate's move, by each other target of the study.

    The study's patients need not all have been followed to the end: so the events are as many as
    these, or fewer. A disagreement of one patient is taken for rounding.
    """
    n, events = study.n_patients, math.ceil(float(rate.measure.observed[0]))
    moves = FirstMove(*(rate.measure.counted_moves or ((), ())), rate.measure.questions[0].time)
    others = [t for _, t in fitted if _margins([t]) and _share_a_set([t, rate])]
    if study.cohort == _SEPARATE or events > n:
        return n
    for other in others:
        counts = range(events, n + 1)
        if all(_size(study, [other], _any_model(study), moved=(moves, m)) for m in counts):
            lower = range(events - 1, 0, -1)
            sizes = (_size(study, [other], _any_model(study), moved=(moves, m)) for m in lower)
            return next((m for m, size in zip(lower, sizes, strict=True) if size == 0), 0)
    return n


def impossible_targets(
    studies: Sequence[Study], model: MultiStateModel, target_set: str
) -> list[Problem]:
    """Return the fitted targets that a model can't produce, whatever its numbers."""
    return [
        Problem(
            key=f"{study.name}, {target.name}",
            line=target.line,
            fault=fault,
            fix="Add the transition to the model, or leave the target out.",
        )
        for study in studies
        for target in study.chosen(target_set)
        if (fault := _fault(study, target, model))
    ]


def _fault(study: Study, target: Target, model: MultiStateModel) -> str:
    if missing := _missing(target, model):
        return f"the model {model.name!r} has no transition {missing}, which this target counts"
    if any(map(is_of_stays, target.measure.questions)):
        try:
            check_stays(model)
        except ValueError as wrong:
            return str(wrong).partition(". ")[0]
    size = (_size(study, [target], model) or _never(target, model)) if _margins([target]) else 0.0
    if size == 0:
        return ""
    named = {s for q in target.measure.questions for s in states_of(q)}
    lost = sorted(named & _unreachable(model))
    if lost:
        return f"no transition of the model {model.name!r} leads to {', '.join(lost)}"
    return f"no patient of the model {model.name!r} can be counted so, {size:.3g} here are"


def _missing(target: Target, model: MultiStateModel) -> str:
    """Return a move that is counted though the model can't make it; else nothing."""
    if (moves := target.measure.counted_moves) is None:
        return ""
    begin, end = moves
    if any(t.from_state in begin and t.to_state in end for t in model.transitions):
        return ""
    return f"{' or '.join(begin)} -> {' or '.join(end)}"


def counted_twice(study: Study, targets: Sequence[Target], model: MultiStateModel) -> list[Target]:
    """Return the rates, censored curves and stays of a study whose events others count already.

    The deaths of 81 patients are the same whether they are published as survivors at five
    years, as a curve, or per person-year. Counts of patients are kept first, then curves and
    stays, which tell times, then the rates with the most events.

    Raises
    ------
    EvidenceError
        If the two numbers of the same events differ.
    """
    if study.cohort == _SEPARATE:
        return []
    margins = _margins(targets)
    known = {move for target in targets for move in _counted_moves(_margins([target]), model)}
    of_times = [t for t in targets if t.measure.margins(t.measure.observed) is None]
    of_times.sort(key=lambda t: (t.measure.is_poisson, -float(t.measure.observed[0])))
    repeated = []
    for target in of_times:
        own = _moves(target.measure.questions[0], model)
        if _is_counted(study, target, margins, model) or own & known:
            repeated.append(target)
        else:
            known |= own
    return repeated


def _counted_moves(margins: Sequence[Margin], model: MultiStateModel) -> set[Move]:
    """Return the moves that a target's counts of patients are numbers of."""
    asked = [margin.question for margin in margins if not margin.is_condition]
    there = [q for q in asked if isinstance(q, InStates)]
    if there and all(margin.n is not None for margin in margins):  # who is left is elsewhere
        asked.append(InStates(tuple(s for q in there for s in q.states), there[0].time))
    return {move for question in asked for move in _moves(question, model)}


def _moves(question: Question, model: MultiStateModel) -> set[Move]:
    """Return the moves of a model that an answer is a number of, empty where there is none."""

    def entering(states: Sequence[str]) -> set[Move]:
        return {m for m in every if m[1] in states and m[0] not in states}

    def leaving(states: Sequence[str]) -> set[Move]:
        return {m for m in every if m[0] in states and m[1] not in states}

    every = {(t.from_state, t.to_state) for t in model.transitions}
    match question:
        case Moves() | FirstMove():
            return {m for m in every if m[0] in question.origin and m[1] in question.to}
        case EverIn():
            return entering(question.states)
        case EverAfter():
            return entering(question.then)
        case LeftWithin():
            return leaving(question.states)
        case InStates():  # who can't leave is there for having come, and the other way about
            out, into = leaving(question.states), entering(question.states)
            return into if not out else out if not into else set()
    return set()


def _is_counted(
    study: Study, rate: Target, margins: Sequence[Margin], model: MultiStateModel
) -> bool:
    moves = rate.measure.counted_moves
    if not margins or moves is None or not _happens_once(moves[1], moves[0], model):
        return False
    until = rate.measure.questions[0].time
    events = float(rate.measure.observed[0])
    moved = Margin(question=FirstMove(*moves, until), count=events)
    try:
        tree = path_tree(model, [*(margin.question for margin in margins), moved.question])
    except TooManyPathsError:
        return False
    known = np.column_stack([np.ones(len(tree.answers)), tree.answers[:, :-1]])
    everything = np.column_stack([known, tree.answers[:, -1]])
    if np.linalg.matrix_rank(everything) > np.linalg.matrix_rank(known):
        return False
    try:
        check_joint([*margins, moved], tree.answers, study.n_patients)
    except ContradictionError as wrong:
        fault = (
            f"its {events:g} events are those that the other targets count, too, but the numbers "
            f"differ: at least {wrong.size:.3g} patients would have to be counted elsewhere"
        )
        fix = "Correct the counts, or say 'cohort: separate patients' if they are of others."
        problem = Problem(key=rate.name, line=rate.line, fault=fault, fix=fix)
        raise EvidenceError(study.name, [problem]) from None
    return True


def _happens_once(ends: Sequence[str], origins: Sequence[str], model: MultiStateModel) -> bool:
    """Return whether nobody who has made a move can come back to make it again."""
    reached = set(ends)
    while new := {t.to_state for t in model.transitions if t.from_state in reached} - reached:
        reached |= new
    return not reached & set(origins)


def _unreachable(model: MultiStateModel) -> set[str]:
    """Return the states that nobody ever enters or starts in."""
    entered = {t.to_state for t in model.transitions} | {start.state for start in model.starts}
    return set(model.states) - entered
