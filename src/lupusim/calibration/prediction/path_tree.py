"""Paths of patients as a study tells them apart: who was where, and who had been where.

Counts of the same patients at several times belong to one multinomial over such paths. A
path is a row of answers to yes-or-no questions, in the order of their times. The model's
states are enlarged by what has to be remembered for the questions; at each time patients
part by their answers, so that all possible paths are the leaves of a tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from lupusim.calibration.prediction.enlarged_chain import Chain, Ways
from lupusim.calibration.targets.questions import (
    InStates,
    Memory,
    Question,
    is_memory,
)
from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model import MultiStateModel

Remembered: TypeAlias = tuple[int, tuple[int, ...]]
"""A state, and for each question about the past how far a patient has come."""

MOST_PATHS = 3000
"""More are not told apart: a study that needs them is taken apart by pairs of times."""


class TooManyPathsError(Exception):
    """A study tells more paths apart than can be summed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTree:
    """Every path that a model allows, as far as some questions tell paths apart."""

    chain: Chain  # the model's states with what is remembered of the past
    start_states: tuple[int, ...]  # entry of the chain for each of the model's starts
    times: FloatArray  # of the questions, study time in years, increasing, above 0; (n_times,)
    parents: tuple[FloatArray, ...]
    """For each time the node before, for each of the nodes there; (n_nodes,)."""
    masks: tuple[BoolArray, ...]
    """For each time the entries of the chain that belong to each node; (n_nodes, size)."""
    answers: BoolArray
    """The answers of each path, a path for each node of the last time; (n_paths, n_questions)."""


def path_tree(model: MultiStateModel, questions: Sequence[Question]) -> PathTree:
    """Return every path of a model that some yes-or-no questions tell apart.

    Parameters
    ----------
    model : MultiStateModel
        Its transitions say what is possible; whether their hazards are 0 is not asked.
    questions : sequence of Question
        Of the kinds InStates, EverIn, EverAfter and FirstMove.

    Raises
    ------
    TooManyPathsError
        If there are more than `MOST_PATHS`.
    """
    memories = tuple(dict.fromkeys(_timeless(q) for q in questions if is_memory(q)))
    starts = [_first(model, memories, start.state) for start in model.starts]
    numbers, moves = _enlarge(model, memories, starts)
    probabilities = np.zeros(len(numbers))
    for entry, start in zip(starts, model.starts, strict=True):
        probabilities[numbers[entry]] += start.probability
    says = np.array([[_says(model, memories, q, r) for q in questions] for r in numbers])
    chain = Chain(moves=moves, start=probabilities)
    times = np.unique([question.time for question in questions])
    parents, masks, answers = _grow(chain, questions, says, times)
    return PathTree(
        chain=chain,
        start_states=tuple(numbers[entry] for entry in starts),
        times=times,
        parents=parents,
        masks=masks,
        answers=answers,
    )


def _timeless(question: Memory) -> Memory:
    return replace(question, time=0.0)


def _first(model: MultiStateModel, memories: Sequence[Memory], state: str) -> Remembered:
    """Return where somebody starts, and what being there means."""
    return model.index(state), tuple(memory.begins(state) for memory in memories)


def _enlarge(
    model: MultiStateModel, memories: Sequence[Memory], starts: Iterable[Remembered]
) -> tuple[dict[Remembered, int], tuple[Ways, ...]]:
    """Return the entries of the enlarged chain that can be reached, and each transition's moves."""
    numbers: dict[Remembered, int] = {}
    pairs: list[list[tuple[int, int]]] = [[] for _ in model.transitions]
    waiting = list(dict.fromkeys(starts))
    for entry in waiting:
        numbers[entry] = len(numbers)
    while waiting:
        state, come = here = waiting.pop()
        for k in model.outgoing(model.states[state]):
            t = model.transitions[k]
            now = tuple(
                memory.moved(c, t.from_state, t.to_state)
                for memory, c in zip(memories, come, strict=True)
            )
            there = (model.index(t.to_state), now)
            if there not in numbers:
                numbers[there] = len(numbers)
                waiting.append(there)
            pairs[k].append((numbers[here], numbers[there]))
    return numbers, tuple(tuple(sorted(some)) for some in pairs)


def _says(
    model: MultiStateModel, memories: Sequence[Memory], question: Question, entry: Remembered
) -> bool:
    """Return the answer of a patient who is in an entry of the chain at the question's time."""
    state, come = entry
    if is_memory(question):
        return come[memories.index(_timeless(question))] >= question.enough
    if isinstance(question, InStates):
        return model.states[state] in question.states
    raise ValueError(f"{question!r} is no yes-or-no question")


def _grow(
    chain: Chain, questions: Sequence[Question], says: BoolArray, times: FloatArray
) -> tuple[tuple[FloatArray, ...], tuple[BoolArray, ...], BoolArray]:
    """Return parents, masks and answers of the tree, time by time."""
    leads = _closure(chain)
    nodes = [(chain.start > 0, {})]  # type: list[tuple[BoolArray, dict[int, bool]]]
    all_parents, all_masks = [], []
    for time in times:
        asked = [k for k, question in enumerate(questions) if question.time == time]
        parents, grown = [], []
        for number, (here, known) in enumerate(nodes):
            there = here if time == 0 else leads[here].any(axis=0)
            rows, group = np.unique(says[:, asked], axis=0, return_inverse=True)
            for k, row in enumerate(rows.tolist()):
                mask = there & (group.ravel() == k)
                if mask.any():
                    parents.append(number)
                    grown.append((mask, known | dict(zip(asked, row, strict=True))))
        if len(grown) > MOST_PATHS:
            raise TooManyPathsError
        nodes = grown
        all_parents.append(np.array(parents))
        all_masks.append(np.array([mask for mask, _ in grown]))
    answers = np.array([[known[k] for k in range(len(questions))] for _, known in nodes])
    return tuple(all_parents), tuple(all_masks), answers.astype(bool)


def _closure(chain: Chain) -> BoolArray:
    """Return which entries can be reached from which, the entry itself included."""
    reach = np.eye(chain.size, dtype=bool)
    for pairs in chain.moves:
        for origin, to in pairs:
            reach[origin, to] = True
    for _ in range(int(np.ceil(np.log2(max(chain.size, 2))))):
        reach = (reach.astype(int) @ reach.astype(int)) > 0
    return reach
