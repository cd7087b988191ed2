"""Enlarged chains: a question about a patient's past becomes one about a present state.

The model's states, some made absorbing, some doubled to remember the past, and one that
counts the years spent in a set.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from lupusim.calibration.targets.questions import (
    EverAfter,
    EverIn,
    FirstIn,
    FirstMove,
    InStates,
    Moves,
    Question,
    TimeBeforeMove,
    YearsIn,
)
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model import MultiStateModel

Ways = tuple[tuple[int, int], ...]
"""Where a transition leads in the enlarged chain: from, to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """An enlarged chain."""

    moves: tuple[Ways, ...]  # for each of the model's transitions
    start: FloatArray  # where patients are at study time 0
    counted: tuple[int, ...] = ()
    """States of which the last entry of the chain counts the years; none if empty."""
    ghost: int | None = None  # an entry that counts moves: who moves there stays where he is, too

    @property
    def size(self) -> int:
        """States of the chain, the counter among them."""
        return self.start.size

    @property
    def rate_slopes(self) -> FloatArray:
        """Generator per unit of each transition's rate; shape (n_transitions, size, size)."""
        slopes = np.zeros((len(self.moves), self.size, self.size))
        for k, pairs in enumerate(self.moves):
            for origin, to in pairs:
                slopes[k, origin, to] += 1.0
                if to != self.ghost:
                    slopes[k, origin, origin] -= 1.0
        return slopes

    @property
    def constant(self) -> FloatArray:
        """What is in the generator whatever the rates; shape (size, size)."""
        constant = np.zeros((self.size, self.size))
        constant[list(self.counted), -1] = 1.0
        return constant


def chain_groups(
    model: MultiStateModel, questions: Sequence[Question]
) -> Iterator[tuple[Chain, list[int], list[FloatArray]]]:
    """Yield each chain that is needed, the positions of its questions, and their readouts.

    A readout says which entries of the chain's occupancy add up to the answer.
    """
    groups: dict[object, list[int]] = defaultdict(list)
    for position, question in enumerate(questions):
        groups[_chain_key(question)].append(position)
    for positions in groups.values():
        readouts = [_readout(model, questions[position]) for position in positions]
        yield _chain(model, questions[positions[0]]), positions, readouts


def _chain_key(question: Question) -> object:
    """Return what decides the enlarged chain; the time and the readout don't."""
    match question:
        case InStates():
            return InStates
        case EverIn() | FirstIn():
            return (EverIn, question.states)
        case EverAfter():
            return (EverAfter, question.first, question.then)
        case FirstMove() | TimeBeforeMove():
            return (FirstMove, question.origin, question.to)
        case Moves():
            return (Moves, question.origin, question.to)
        case YearsIn():
            return (YearsIn, question.states)
        case _:
            raise ValueError(f"{question!r} is no question of one chain")


def _chain(model: MultiStateModel, question: Question) -> Chain:
    match question:
        case InStates():
            return _plain_chain(model, ())
        case EverIn() | FirstIn():
            return _plain_chain(model, question.states)
        case EverAfter():
            return _remembering_chain(model, question)
        case FirstMove() | TimeBeforeMove():
            return _counting_chain(model, question)
        case Moves():
            return _noting_chain(model, question)
        case YearsIn():
            return _clocked_chain(model, question)
        case _:
            raise ValueError(f"{question!r} is no question of one chain")


def _start(model: MultiStateModel, size: int) -> FloatArray:
    start = np.zeros(size)
    for entry in model.starts:
        start[model.index(entry.state)] += entry.probability
    return start


def _plain_chain(model: MultiStateModel, stopped: Sequence[str]) -> Chain:
    """Return the model's own chain, with some states made absorbing."""
    moves: list[Ways] = [
        () if t.from_state in stopped else ((model.index(t.from_state), model.index(t.to_state)),)
        for t in model.transitions
    ]
    return Chain(moves=tuple(moves), start=_start(model, len(model.states)))


def _remembering_chain(model: MultiStateModel, question: EverAfter) -> Chain:
    """Return a chain of twice the states: before and after the first visit to `first`."""
    size = len(model.states)
    moves: list[Ways] = []
    for t in model.transitions:
        origin, to = model.index(t.from_state), model.index(t.to_state)
        before = (origin, to + size if t.to_state in question.first else to)
        after: Ways = () if t.from_state in question.then else ((origin + size, to + size),)
        moves.append(after if t.from_state in question.first else (before, *after))
    start = _start(model, 2 * size)
    for state in question.first:
        k = model.index(state)
        start[k], start[k + size] = 0.0, start[k]
    return Chain(moves=tuple(moves), start=start)


def _counting_chain(model: MultiStateModel, question: FirstMove | TimeBeforeMove) -> Chain:
    """Return a chain with a state for those who moved, and one that counts years in `origin`."""
    size = len(model.states)
    moves: list[Ways] = []
    for t in model.transitions:
        moved = t.from_state in question.origin and t.to_state in question.to
        moves.append(((model.index(t.from_state), size if moved else model.index(t.to_state)),))
    counted = tuple(model.index(state) for state in question.origin)
    return Chain(moves=tuple(moves), start=_start(model, size + 2), counted=counted)


def _noting_chain(model: MultiStateModel, question: Moves) -> Chain:
    """Return the model's chain with an entry that counts some moves and stops nobody."""
    size = len(model.states)
    moves: list[Ways] = []
    for t in model.transitions:
        origin, to = model.index(t.from_state), model.index(t.to_state)
        noted = t.from_state in question.origin and t.to_state in question.to
        moves.append(((origin, to), (origin, size)) if noted else ((origin, to),))
    return Chain(moves=tuple(moves), start=_start(model, size + 1), ghost=size)


def _clocked_chain(model: MultiStateModel, question: YearsIn) -> Chain:
    """Return the model's chain with an entry that counts the years in some states."""
    plain = _plain_chain(model, ())
    return Chain(
        moves=plain.moves,
        start=np.append(plain.start, 0.0),
        counted=tuple(model.index(state) for state in question.states),
    )


def _readout(model: MultiStateModel, question: Question) -> FloatArray:
    """Return which entries of the enlarged chain's occupancy add up to the answer."""
    size = len(model.states)
    match question:
        case InStates() | EverIn():
            readout = np.zeros(size)
            readout[[model.index(state) for state in question.states]] = 1.0
        case FirstIn():
            readout = np.zeros(size)
            readout[model.index(question.state)] = 1.0
        case EverAfter():
            readout = np.zeros(2 * size)
            readout[[model.index(state) + size for state in question.then]] = 1.0
        case Moves() | YearsIn():
            readout = np.zeros(size + 1)
            readout[size] = 1.0
        case FirstMove():
            readout = np.zeros(size + 2)
            readout[size] = 1.0
        case TimeBeforeMove():
            readout = np.zeros(size + 2)
            readout[size + 1] = 1.0
        case _:
            raise ValueError(f"{question!r} is no question of one chain")
    return readout
