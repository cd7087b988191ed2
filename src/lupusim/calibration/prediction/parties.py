"""Classes of patients whom the same transitions are closed to, and how they leave states."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.prediction.sojourns import Exits
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.model import MultiStateModel
from lupusim.model.hazards.base import constant_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Latent classes whom the same transitions are closed to, whatever the free numbers are.

    SPEED: who never enters a remission needs no equations for relapses, which are half of
    the work where one class of two responds (benchmarks/calibration.py).
    """

    classes: list[int]  # which
    closed: frozenset[int]  # transitions that they never make
    left: list[int]
    """States that they can come to and leave; those where some only start are behind."""
    steady: Exits
    aging: Exits
    """`steady` and `aging`: how: with constant hazards, and with others. Classes that leave a state
    alike do so once."""
    way_of: IntArray
    """Position of each class's way among those of `steady`, then `aging`; 0 where there is none."""
    state_of: IntArray  # the same of states
    later_way_of: IntArray
    later_state_of: IntArray
    """The same two among ways and states of those alone who entered after the start."""


def parties(
    free_model: FreeModel,
    ratios: FloatArray,
    among: Collection[int],
    idle: frozenset[int] = frozenset(),
) -> tuple[Party, ...]:
    """Return the parties of some classes.

    Parameters
    ----------
    free_model : FreeModel
        The model; a ratio that is free closes nothing.
    ratios : (n_classes, n_transitions) array
        What multiplies the hazards of each class, as the model's file has it.
    among : collection of int
        Which classes are asked for.
    idle : frozenset of int
        Transitions out of states that nobody leaves as far as is asked: closed to all.
    """
    model = free_model.model
    free = {(c, what) for c, what, *_ in free_model.class_places}
    table: list[list[object]] = [
        [
            (c, t.label) if (c, t.label) in free else ratio
            for t, ratio in zip(model.transitions, row, strict=True)
        ]
        for c, row in enumerate(ratios.tolist())
    ]
    closed = [frozenset(k for k, ratio in enumerate(row) if ratio == 0) for row in table]
    kinds = dict.fromkeys(closed[c] for c in sorted(among))
    return tuple(
        _party(model, table, [c for c in sorted(among) if closed[c] == kind], kind | idle)
        for kind in kinds
    )


def _party(
    model: MultiStateModel, table: list[list[object]], classes: list[int], closed: frozenset[int]
) -> Party:
    reached = {model.index(start.state) for start in model.starts}
    ways = [
        (k, model.index(t.from_state), model.index(t.to_state))
        for k, t in enumerate(model.transitions)
        if k not in closed
    ]
    while new := {to for _, origin, to in ways if origin in reached} - reached:
        reached |= new
    entered = {to for _, origin, to in ways if origin in reached}
    left = sorted({o for _, o, _ in ways if o in reached}, key=lambda s: (s not in entered, s))
    own = {state: [k for k, origin, _ in ways if origin == state] for state in left}
    kinds: dict[bool, list[int]] = {True: [], False: []}
    for state in left:
        is_steady = all(constant_rate(model.transitions[k].hazard) is not None for k in own[state])
        kinds[is_steady].append(state)
    tables = [_exits(table, classes, kinds[kind], own, entered) for kind in (True, False)]
    numbers = np.zeros((2, len(classes), len(model.transitions)), dtype=int)
    states = np.zeros((2, len(classes), len(left)), dtype=int)
    n_ways, n_states = np.zeros(2, dtype=int), np.zeros(2, dtype=int)
    for exits, begins in tables:
        for (position, state), (way, number) in begins.items():
            n_own, at = len(own[state]), left.index(state)
            numbers[:, position, own[state]] = (n_ways + way)[:, None] + np.arange(n_own)
            states[:, position, at] = n_states + number
        n_ways += [exits.ways.size, exits.n_later_ways]
        n_states += [exits.n_states, exits.n_later]
    is_later = [state in entered for state in left]
    return Party(
        classes=classes,
        closed=closed,
        left=left,
        steady=tables[0][0],
        aging=tables[1][0],
        way_of=numbers[0],
        state_of=states[0],
        later_way_of=np.where(_of_states(own, entered, numbers[1].shape[1]), numbers[1], 0),
        later_state_of=states[1][:, is_later],
    )


def _of_states(own: dict[int, list[int]], states: Collection[int], n: int) -> BoolArray:
    """Return which of n transitions lead out of some states."""
    mine = [k for state, ways in own.items() if state in states for k in ways]
    return np.asarray(np.isin(np.arange(n), mine))


def _exits(
    table: Sequence[Sequence[object]],
    classes: list[int],
    states: list[int],
    own: dict[int, list[int]],
    entered: Collection[int],
) -> tuple[Exits, dict[tuple[int, int], tuple[int, int]]]:
    """Return how states are left, and for each class and state its first way and its number."""
    rows: list[tuple[int, int, int]] = []
    begins: dict[tuple[int, int], tuple[int, int]] = {}
    n_states = n_later = 0
    for state in states:
        known: dict[tuple[object, ...], tuple[int, int]] = {}
        for position, c in enumerate(classes):
            row = tuple(table[c][k] for k in own[state])
            if row not in known:
                known[row] = len(rows), n_states
                rows += [(c, k, n_states) for k in own[state]]
                n_states, n_later = n_states + 1, n_later + (state in entered)
            begins[position, state] = known[row]
    of, ways, numbers = np.array(rows, dtype=int).reshape(-1, 3).T
    return Exits(classes=of, ways=ways, states=numbers, n_later=n_later), begins
