"""Classes of patients whom the same transitions are closed to, and how they leave states."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.prediction.sojourns import Exits
from lupusim.common.arrays import FloatArray, IntArray
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
    left: list[int]  # states that they can come to and leave
    steady: Exits
    aging: Exits
    """`steady` and `aging`: how: with constant hazards, and with others. Classes that leave a state
    alike do so once."""
    way_of: IntArray
    """Position of each class's way among those of `steady`, then `aging`; 0 where there is none."""
    state_of: IntArray  # the same of states


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
    left = sorted({origin for _, origin, _ in ways if origin in reached})
    own = {state: [k for k, origin, _ in ways if origin == state] for state in left}
    is_steady = {
        state: all(constant_rate(model.transitions[k].hazard) is not None for k in own[state])
        for state in left
    }
    way_of = np.zeros((len(classes), len(model.transitions)), dtype=int)
    state_of = np.zeros((len(classes), len(left)), dtype=int)
    lists: dict[bool, list[tuple[int, int, int]]] = {True: [], False: []}
    n_ways = n_states = 0
    for kind in (True, False):
        first_state = n_states
        for state in (state for state in left if is_steady[state] is kind):
            known: dict[tuple[object, ...], tuple[int, int]] = {}
            for position, c in enumerate(classes):
                row = tuple(table[c][k] for k in own[state])
                if row not in known:
                    known[row] = n_ways, n_states
                    lists[kind] += [(c, k, n_states - first_state) for k in own[state]]
                    n_ways, n_states = n_ways + len(row), n_states + 1
                begin, number = known[row]
                way_of[position, own[state]] = begin + np.arange(len(row))
                state_of[position, left.index(state)] = number
    return Party(
        classes=classes,
        closed=closed,
        left=left,
        steady=_exits(lists[True]),
        aging=_exits(lists[False]),
        way_of=way_of,
        state_of=state_of,
    )


def _exits(rows: list[tuple[int, int, int]]) -> Exits:
    classes, ways, states = np.array(rows, dtype=int).reshape(-1, 3).T
    return Exits(classes=classes, ways=ways, states=states)
