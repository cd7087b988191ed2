"""Who enters which state of some chains in which panel, where hazards run on time in state."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from lupusim.calibration.prediction.enlarged_chain import Chain
from lupusim.calibration.prediction.parties import Party
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model import MultiStateModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How mass moves through a chain, whatever the numbers of its model."""

    size: int  # entries of the chain
    entered: tuple[int, ...]
    """Entries that somebody can enter; first those that somebody can leave, too."""
    n_left: int  # how many these are
    states: tuple[int, ...]
    """For each entered one the state whose hazards lead out of it, among those that the party
    leaves; their number where nobody leaves."""
    begins: tuple[tuple[int, int, float], ...]
    """Entries with mass at time 0, the same of them, and how much."""
    straight: tuple[tuple[int, int, float], ...]
    """Moves of that mass, into columns among those entered."""
    onward: tuple[tuple[int, int, int], ...]  # moves between entered ones
    counted: tuple[int, ...]  # entries whose years the last one counts


def route(model: MultiStateModel, chain: Chain, party: Party) -> Route:
    """Return how the mass of a party moves through a chain."""
    moves = _reachable_moves(chain, party.closed)
    numbers = {state: k for k, state in enumerate(party.left)}
    state = {
        origin: numbers[model.index(model.transitions[k].from_state)] for k, origin, _ in moves
    }
    targets = sorted({to for _, _, to in moves})
    left = [entry for entry in targets if entry in state]
    entered = left + [entry for entry in targets if entry not in state]
    column = {entry: k for k, entry in enumerate(entered)}
    nobody = len(party.left)
    begun = np.flatnonzero(chain.start).tolist()
    return Route(
        size=chain.size,
        entered=tuple(entered),
        n_left=len(left),
        states=tuple(state.get(entry, nobody) for entry in entered),
        begins=tuple((e, state.get(e, nobody), float(chain.start[e])) for e in begun),
        straight=tuple(
            (column[to], k, float(chain.start[origin]))
            for k, origin, to in moves
            if chain.start[origin]
        ),
        onward=tuple((column[o], column[to], k) for k, o, to in moves if o in column),
        counted=chain.counted,
    )


def idle_transitions(model: MultiStateModel, chains: Sequence[Chain]) -> frozenset[int]:
    """Return the transitions out of states that nobody leaves in any of some chains.

    SPEED: how stays in such states last need not be known.
    """
    left = {model.transitions[k].from_state for c in chains for k, *_ in _reachable_moves(c, ())}
    return frozenset(k for k, t in enumerate(model.transitions) if t.from_state not in left)


def _reachable_moves(chain: Chain, closed: Collection[int]) -> list[tuple[int, int, int]]:
    """Return (transition, from, to) of every move that somebody can make."""
    moves = [
        (k, origin, to)
        for k, pairs in enumerate(chain.moves)
        for origin, to in pairs
        if k not in closed
    ]
    reached = set(np.flatnonzero(chain.start > 0).tolist())
    while new := {to for _, origin, to in moves if origin in reached} - reached:
        reached |= new
    return [move for move in moves if move[1] in reached]


def enter(routes: Sequence[Route], begun: FloatArray, spread: FloatArray) -> FloatArray:
    """Return the mass that enters each entry of some chains within each panel.

    Parameters
    ----------
    routes : sequence of Route
        Of the chains, solved in one stack.
    begun, spread : (n, n_transitions, n_panels) arrays
        Moves of those who were there at time 0, by panel, and of those who entered evenly
        over a panel, by how many panels later.

    Returns
    -------
    (n, n_routes, n_panels, n_entered) array
        0 in columns that a chain has not.
    """
    n, _, n_panels = begun.shape
    n_left = max(r.n_left for r in routes)
    n_entered = max(len(r.entered) for r in routes)
    shape = (n, len(routes), n_panels)
    entries = np.zeros((*shape, n_entered))
    # The longest lags first: then the past of a panel is a block of rows.
    kernel = np.zeros((*shape, n_left, n_entered))
    for c, one in enumerate(routes):
        for column, k, probability in one.straight:
            entries[:, c, :, column] += probability * begun[:, k]
        for row, column, k in one.onward:
            kernel[:, c, :, row, column] += spread[:, k, ::-1]
    if n_left:
        at_once = np.tile(np.eye(n_entered), (n, len(routes), 1, 1))
        at_once[:, :, :n_left] -= kernel[:, :, -1]
        within = np.linalg.inv(at_once).reshape(-1, n_entered, n_entered)
        _go_on(
            entries.reshape(-1, n_panels, n_entered) @ within,
            kernel.reshape(-1, n_panels * n_left, n_entered) @ within,
            n_left,
            out=entries.reshape(-1, n_panels, n_entered),
        )
    return entries


def _go_on(straight: FloatArray, kernel: FloatArray, n_left: int, *, out: FloatArray) -> None:
    """Fill in who enters within each panel: straight from the start, or after an entry before.

    SPEED: the loop over panels is the bulk of a calibration's work (benchmarks/calibration.py).
    """
    n, n_panels, _ = out.shape
    past = np.zeros((n, 1, n_panels * n_left))
    for panel in range(n_panels):
        now = straight[:, panel]
        if panel:
            known = panel * n_left
            since = kernel[:, (n_panels - 1) * n_left - known : (n_panels - 1) * n_left]
            now = now + (past[:, :, :known] @ since)[:, 0]
        out[:, panel] = now
        past[:, 0, panel * n_left : (panel + 1) * n_left] = now[:, :n_left]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What those who entered a state in each panel are worth at one time."""

    there: FloatArray
    years: FloatArray
    """`there` and `years`: their share still there, and the years they have spent there; (n,
    n_states + 1, n_panels)."""
    from_start: FloatArray
    years_from_start: FloatArray
    """`from_start` and `years_from_start`: the same of those who were there at time 0; (n, n_states
    + 1)."""

    def read(self, chain: Route, entries: FloatArray, readout: FloatArray) -> FloatArray:
        """Return the sum of a chain's occupancy over a readout; shape (n,).

        Parameters
        ----------
        chain : Route
            The chain.
        entries : (n, n_panels, n_entered) array
            As :func:`enter` gives them.
        readout : (size,) array
            What each entry of the chain counts; the last one years, if there are counted ones.
        """
        found = np.zeros(len(entries))
        clock = {}
        if chain.counted:
            clock = dict.fromkeys(chain.counted, float(readout[-1]))
            readout = np.append(readout[:-1], 0.0)
        for entry, state, probability in chain.begins:
            found += readout[entry] * probability * self.from_start[:, state]
            found += clock.get(entry, 0.0) * probability * self.years_from_start[:, state]
        for column, (entry, state) in enumerate(zip(chain.entered, chain.states, strict=True)):
            for share, worth in ((readout[entry], self.there), (clock.get(entry), self.years)):
                if share:
                    mass = np.einsum("np,np->n", entries[:, :, column], worth[:, state])
                    found += share * mass
        return found
