"""Who enters which state of some chains in which panel, where hazards run on time in state."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from lupusim.calibration.prediction.enlarged_chain import Chain
from lupusim.calibration.prediction.parties import Party
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model import MultiStateModel

_NOBODY = -1  # leaves: position of that state behind those that are left


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How mass moves through a chain, whatever the numbers of its model."""

    size: int  # entries of the chain
    entered: tuple[int, ...]
    """Entries that somebody can enter; first those that somebody can leave, too."""
    n_left: int  # how many these are
    states: tuple[int, ...]
    """For each entered one the state whose hazards lead out of it, among those that the party
    leaves; -1 where nobody leaves."""
    begins: tuple[tuple[int, int, float], ...]
    """Entries with mass at time 0, the same of them, and how much."""
    straight: tuple[tuple[int, int, float], ...]
    """Moves of that mass, into columns among those entered."""
    onward: tuple[tuple[int, int, int], ...]  # moves between entered ones
    counted: tuple[int, ...]  # entries whose years the last one counts

    @property
    def flow(self) -> tuple[object, ...]:
        """All that decides who enters when; chains that share it are solved once."""
        return len(self.entered), self.n_left, self.straight, self.onward


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
    begun = np.flatnonzero(chain.start).tolist()
    return Route(
        size=chain.size,
        entered=tuple(entered),
        n_left=len(left),
        states=tuple(state.get(entry, _NOBODY) for entry in entered),
        begins=tuple((e, state.get(e, _NOBODY), float(chain.start[e])) for e in begun),
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
class Reading:
    """What one question counts of a chain: weights of shares still there, or of years there."""

    begun: tuple[tuple[bool, int, float], ...]  # of those there at time 0: years?, state, weight
    entered: tuple[tuple[bool, int, int, float], ...]
    """Of those who entered later: years?, column among the entered, state, weight."""


def reading(chain: Route, readout: FloatArray) -> Reading:
    """Return what a readout counts of a chain.

    Parameters
    ----------
    chain : Route
        The chain.
    readout : (size,) array
        What each entry of the chain counts; the last one years, if there are counted ones.
    """
    counts, years = readout.tolist(), dict.fromkeys(chain.counted, float(readout[-1]))
    if chain.counted:
        counts[-1] = 0.0
    of = [((False, count), (True, years.get(entry, 0.0))) for entry, count in enumerate(counts)]
    return Reading(
        begun=tuple(
            (is_years, state, worth * probability)
            for entry, state, probability in chain.begins
            for is_years, worth in of[entry]
            if worth
        ),
        entered=tuple(
            (is_years, column, state, worth)
            for column, (entry, state) in enumerate(zip(chain.entered, chain.states, strict=True))
            for is_years, worth in of[entry]
            if worth
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What those who entered a state in each panel are worth at one time.

    Each a pair: their share still there, and the years they have spent there.
    """

    entered: tuple[FloatArray, FloatArray]
    """Of those who entered each panel, by state; (n, n_later + 1, n_panels) each."""
    begun: tuple[FloatArray, FloatArray]
    """Of those who were there at time 0; (n, n_states + 1) each."""

    def read(self, asked: Reading, entries: FloatArray) -> FloatArray:
        """Return what a question counts of a chain; shape (n,).

        Parameters
        ----------
        asked : Reading
            What is counted.
        entries : (n, n_panels, n_entered) array
            As :func:`enter` gives them.
        """
        found = np.zeros(len(entries))
        for is_years, state, weight in asked.begun:
            found += weight * self.begun[is_years][:, state]
        for is_years, column, state, weight in asked.entered:
            worth = self.entered[is_years][:, state]
            found += weight * np.einsum("np,np->n", entries[:, :, column], worth)
        return found
