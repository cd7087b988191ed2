"""Masses of patients carried from visit to visit: who is in which state, since when."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.calibration.prediction.mesh import ENTRY_LAGS, ENTRY_SHARES, MOST_HAZARD
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.model import Hazard, MultiStateModel, Transition
from lupusim.model.hazards.base import constant_rate

_N_LAGS = ENTRY_LAGS.size
_SHARES = ENTRY_SHARES[:, None, None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """Panels of time of some histories, all with as many; the last may have no length."""

    histories: IntArray  # which they are; (n,)
    edges: FloatArray  # study times of the panels' ends, years; (n_panels + 1, n)
    interval: IntArray  # the interval between visits in which each panel lies; (n_panels, n)
    keep: FloatArray
    """0 for states in which a patient was not seen at the panel's end, else 1; (n_panels,
    n_states, n)."""
    is_visit: BoolArray  # whether anybody was seen at the panel's end; (n_panels,)
    start: IntArray  # position of the state first seen; (n,)
    waited: FloatArray  # time that was spent in it before, years; (n,)
    last: IntArray  # position of the state last seen; (n,)


def march(
    model: MultiStateModel,
    mesh: Mesh,
    hazards: Sequence[Sequence[Hazard]],
    *,
    factors: FloatArray,
) -> FloatArray:
    """Return how probable histories are, in each latent class; shape (n_models, n_classes, n).

    Parameters
    ----------
    model : MultiStateModel
        States, transitions.
    mesh : Mesh
        What was seen, and the panels of time between.
    hazards : sequence, a transition each, of sequences of Hazard
        One for each model, or one for all.
    factors : (n_panels, n_transitions, n_models, n_classes, n) array
        What multiplies them in each panel.
    """
    walk = _Walk(model, mesh, hazards, factors)
    for panel in range(len(mesh.interval)):
        walk.go_on(panel)
    return walk.seen_last()


class _Walk:
    """All states that are left, and who goes from one to another within a panel."""

    def __init__(
        self,
        model: MultiStateModel,
        mesh: Mesh,
        hazards: Sequence[Sequence[Hazard]],
        factors: FloatArray,
    ) -> None:
        self.mesh, self.factors = mesh, factors
        ways = [(model.index(t.from_state), model.index(t.to_state)) for t in model.transitions]
        self.rooms = {
            state: _Room(
                [
                    _Exit(k, t, hazards[k], target)
                    for k, (t, (origin, target)) in enumerate(
                        zip(model.transitions, ways, strict=True)
                    )
                    if origin == state
                ],
                mesh,
                state,
                shape=factors.shape[2:4],
            )
            for state in sorted({origin for origin, _ in ways})
        }
        self.position = {state: k for k, state in enumerate(self.rooms)}

    def go_on(self, panel: int) -> None:
        """Go to a panel's end; fill in who enters within it, and keep those who were seen."""
        begin, end = self.mesh.edges[panel : panel + 2]
        within = end - (end - begin) * ENTRY_LAGS[:, None]
        n_rooms = len(self.rooms)
        arriving = np.zeros((*self.factors.shape[2:], n_rooms, 1))
        on = np.zeros((*self.factors.shape[2:], n_rooms, n_rooms))
        for origin, room in self.rooms.items():
            moved = room.moved(begin, end, within, factors=self.factors[panel])
            column = self.position[origin]
            for way, (coming, share) in zip(room.exits, moved, strict=True):
                if way.target in self.position:
                    row = self.position[way.target]
                    arriving[..., row, 0] += coming
                    # Who enters within the panel may go on within it.
                    on[..., row, column] += share
        entering = np.asarray(np.linalg.solve(np.eye(n_rooms) - on, arriving)[..., 0], dtype=float)
        for state, room in self.rooms.items():
            room.take_in(entering[..., self.position[state]])
            if self.mesh.is_visit[panel]:
                room.keep(self.mesh.keep[panel, state])

    def seen_last(self) -> FloatArray:
        """Return the probability of the state last seen, or its density where it absorbs."""
        found, last = np.zeros(self.factors.shape[2:]), self.mesh.last
        for state, room in self.rooms.items():
            here = np.flatnonzero(last == state)
            found[..., here] = room.at_end(here)
            for way in room.exits:
                into = np.flatnonzero(last == way.target)
                if way.target not in self.rooms and into.size:
                    density = room.density(way, self.mesh.edges[-1], into)
                    found[..., into] += density * self.factors[-1, way.number][..., into]
        return found


class _Exit:
    """One way out of a state, and cumulative hazards as they were when last asked."""

    def __init__(
        self, number: int, transition: Transition, hazards: Sequence[Hazard], target: int
    ) -> None:
        self.number, self.target, self.hazards = number, target, hazards
        self.runs_on = transition.clock
        rates = [constant_rate(hazard) for hazard in hazards]
        self.rates = None if None in rates else np.array(rates, dtype=float)[:, None, None]
        self.before = np.empty(0)

    @property
    def is_forgetful(self) -> bool:
        """Whether no hazard asks since when a patient is in the state."""
        return self.rates is not None or self.runs_on.is_study_time

    def begin(self, entered: FloatArray, times: FloatArray, most: int) -> None:
        """Make room for `most` rows, of which those who `entered`, (1, n), are the first."""
        if self.rates is None:
            self.before = np.empty((most, len(self.hazards), 1, times.size))
            self.before[:1] = self._cumulative(self.clock(entered, times))

    def clock(self, entered: FloatArray, times: FloatArray) -> FloatArray:
        """Return what the clock shows at study times, (n,), to those who entered, (n_rows, n)."""
        since = np.maximum(times - entered, 0.0)
        return np.asarray(self.runs_on.reading(np.broadcast_to(times, since.shape), since))

    def growth(
        self, entered: FloatArray, end: FloatArray, spent: FloatArray, *, n_before: int
    ) -> FloatArray:
        """Return how cumulative hazards grow until a panel's end; (n_rows, n_models or 1, 1, n).

        Parameters
        ----------
        entered : (n_rows, n) array
            Study times; those from row `n_before` are within the panel.
        end : (n,) array
            Study times.
        spent : (n_rows, 1, 1, n) array
            Time in the panel since it began, or since they entered.
        n_before : int
            Rows of which the hazards at the panel's beginning are known.
        """
        if self.rates is not None:
            return np.asarray(self.rates * spent)
        rows, new = len(entered), entered[n_before:]
        self.before[n_before:rows] = self._cumulative(self.runs_on.reading(new, np.zeros_like(new)))
        now = self._cumulative(self.clock(entered, end))
        grown = now - self.before[:rows]
        self.before[:rows] = now
        return grown

    def _cumulative(self, clock: FloatArray) -> FloatArray:
        """Return cumulative hazards; (n_rows, n_models or 1, 1, n)."""
        with np.errstate(over="ignore"):
            grown = np.stack([hazard.cumulative(clock) for hazard in self.hazards], axis=1)
        return np.minimum(grown, MOST_HAZARD)[:, :, None]

    def rate(self, clock: FloatArray) -> FloatArray:
        """Return hazards per year; (n_rows, n_models or 1, 1, n)."""
        with np.errstate(divide="ignore", over="ignore"):
            rates = np.stack([hazard.hazard(clock) for hazard in self.hazards], axis=1)
        return np.minimum(rates, MOST_HAZARD)[:, :, None]


class _Room:
    """A state: masses of patients by when they entered, less those who have left.

    SPEED: rows are the start, then three for each panel in which somebody may enter. Where no
    hazard asks since when a patient is here there is one row, of all.
    """

    def __init__(
        self, exits: Sequence[_Exit], mesh: Mesh, state: int, *, shape: tuple[int, ...]
    ) -> None:
        self.exits = exits
        self.is_pooled = all(way.is_forgetful for way in exits)
        n_panels, n = mesh.interval.shape
        most = 1 + (_N_LAGS if self.is_pooled else _N_LAGS * n_panels)
        self.entered = np.empty((most, n))
        self.entered[0] = mesh.edges[0] - np.where(mesh.start == state, mesh.waited, 0.0)
        self.mass = np.empty((most, *shape, n))
        self.mass[0] = mesh.start == state
        self.n_rows = 1
        for way in exits:
            way.begin(self.entered[:1], mesh.edges[0], most)

    def moved(
        self, begin: FloatArray, end: FloatArray, within: FloatArray, *, factors: FloatArray
    ) -> list[tuple[FloatArray, FloatArray]]:
        """Return, for each way out, who leaves in a panel, and which share of who enters in it.

        Each (n_models, n_classes, n). Masses become those left, and rows of the points of entry
        `within`, (n_lags, n), are prepared.
        """
        n, most = self.n_rows, self.n_rows + _N_LAGS
        self.entered[n:most] = within
        entered = self.entered[:most]
        spent = (end - np.maximum(entered, begin))[:, None, None]
        growth = [
            way.growth(entered, end, spent, n_before=n) * factors[way.number] for way in self.exits
        ]
        total = sum(growth[1:], start=growth[0])
        left = np.exp(-total)
        per_hazard = np.divide(1 - left, total, out=np.zeros_like(total), where=total > 0)
        per_hazard[:n] *= self.mass[:n]
        per_hazard[n:] *= _SHARES
        self.mass[:n] *= left[:n]
        self.mass[n:most] = left[n:] * _SHARES
        return [
            (part[:n].sum(axis=0), part[n:].sum(axis=0))
            for part in (grown * per_hazard for grown in growth)
        ]

    def take_in(self, entering: FloatArray) -> None:
        """Let those enter who do within the panel, (n_models, n_classes, n)."""
        if not entering.any():
            return
        n, most = self.n_rows, self.n_rows + _N_LAGS
        self.mass[n:most] *= entering
        if self.is_pooled:
            self.mass[0] += self.mass[n:most].sum(axis=0)
        else:
            self.n_rows = most

    def keep(self, seen: FloatArray) -> None:
        """Keep those who were seen here, or not seen at all; 1 or 0, (n,)."""
        self.mass[: self.n_rows] *= seen

    def at_end(self, histories: IntArray) -> FloatArray:
        """Return who of some histories is here; (n_models, n_classes, n_some)."""
        return np.asarray(self.mass[: self.n_rows, ..., histories].sum(axis=0))

    def density(self, way: _Exit, end: FloatArray, histories: IntArray) -> FloatArray:
        """Return densities of leaving at study times, (n,); (n_models, n_classes, n_some)."""
        clock = way.clock(self.entered[: self.n_rows, histories], end[histories])
        return np.asarray((self.mass[: self.n_rows, ..., histories] * way.rate(clock)).sum(axis=0))
