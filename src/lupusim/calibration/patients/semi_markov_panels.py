r"""Log likelihoods of panels where hazards depend on time in state, or on mixed clocks.

States are seen at some times, the moves between are not. Who was where since when is carried
along from visit to visit: patients who enter a state within a panel of time are spread over
three points of entry, and what is seen at a visit keeps those alone who are in the state seen
(the recursion of :mod:`lupusim.calibration.prediction.mesh`, on every patient's own times). So a
patient's probability is the sum over all paths between, each with its own times in state
(Titman and Sharples 2010, Biometrics 66:742-752, have it for phase-type sojourns). An absorbing
state is entered at its exact time: the density there, not a probability (Jackson 2011, Journal
of Statistical Software 38:8).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.patients.contributions import (
    SMALLEST,
    PanelLikelihood,
    PatientLikelihood,
    log_ratios,
)
from lupusim.calibration.patients.histories import Panel, Stays
from lupusim.calibration.prediction.family import Family
from lupusim.calibration.prediction.mesh import ENTRY_LAGS, ENTRY_SHARES, MOST_HAZARD
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.model import Clock, Hazard, MultiStateModel
from lupusim.model.hazards.base import constant_rate

_PER_INTERVAL = 2  # panels in an interval of the median length, on the coarser mesh
_MOST = 12  # panels in an interval
_ALIKE = 1.3  # panels of the longest history of a group over those of the shortest
_FEW = 60  # patients
_CELLS = 2_000_000
"""Numbers in the largest array: patients are taken in groups so that it stays below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """Panels of time of some patients, all with as many; the last may have no length."""

    patients: IntArray  # who they are; (n,)
    edges: FloatArray  # study times of the panels' ends, years; (n, n_panels + 1)
    interval: IntArray  # the interval between visits in which each panel lies; (n, n_panels)
    keep: FloatArray
    """0 for states in which a patient was not seen at the panel's end, else 1; (n, n_panels,
    n_states)."""
    is_visit: BoolArray  # whether anybody was seen at the panel's end; (n_panels,)
    start: IntArray  # position of the state first seen; (n,)
    last: IntArray  # position of the state last seen; (n,)


def panel_likelihood(free_model: FreeModel, panel: Panel) -> PatientLikelihood:
    """Return the likelihood of a panel: by matrix exponentials if the model allows it.

    Raises
    ------
    ValueError
        If the model has hazard ratios that change with study time, and other hazards than
        constant ones.
    """
    if Family(free_model, ()).is_markov:
        return PanelLikelihood(free_model, panel)
    return SemiMarkovPanelLikelihood(free_model, panel)


class SemiMarkovPanelLikelihood:
    """The likelihood of a panel for any hazards, each on either clock.

    Parameters
    ----------
    free_model : FreeModel
        The model. A patient's first row is the entry into the state seen there, unless the
        model's start has a `time_in_state` for it.
    panel : Panel
        What was seen.
    is_coarse : bool
        Whether the coarser of two meshes is enough.

    Raises
    ------
    ValueError
        If the model has hazard ratios that change with study time.
    """

    def __init__(self, free_model: FreeModel, panel: Panel, *, is_coarse: bool = False) -> None:
        self.free_model = free_model
        self.panel = panel
        self.is_coarse = is_coarse
        self._family = Family(free_model, ())
        if any(not t.ratio.is_constant for t in free_model.model.transitions):
            raise ValueError("the model has hazard ratios that change. Fit patients without them")

    @property
    def n_patients(self) -> int:
        """How many."""
        return self.panel.n_patients

    @property
    def stays(self) -> Stays | None:
        """None: ends of stays were not seen."""
        return None

    def coarse(self) -> SemiMarkovPanelLikelihood:
        """Return the same likelihood on the coarser mesh."""
        return SemiMarkovPanelLikelihood(self.free_model, self.panel, is_coarse=True)

    def few(self) -> SemiMarkovPanelLikelihood:
        """Return the likelihood of some patients on the coarser mesh.

        SPEED: two dozen starts climb for minutes with hundreds of patients, to few places.
        """
        part = self.panel.every(math.ceil(self.n_patients / _FEW))
        return SemiMarkovPanelLikelihood(self.free_model, part, is_coarse=True)

    def numerical_error(self, free: FloatArray) -> float:
        """Return how far the log likelihood at one vector, (n_parameters,), may be wrong.

        The change by the last extrapolation, which is most of the error of the finer mesh
        before it.
        """
        values = self.free_model.natural(free[None])
        fine = np.log(np.maximum(self._on_mesh(values, self._finer), SMALLEST)).sum()
        return float(abs(self.contributions(free[None]).sum() - fine))

    def contributions(self, free: FloatArray) -> FloatArray:
        """Return log likelihoods, (n, n_patients), at vectors of shape (n, n_parameters)."""
        parts = [self._some(free[k : k + self._stack]) for k in range(0, len(free), self._stack)]
        return np.concatenate([np.empty((0, self.n_patients)), *parts])

    @cached_property
    def _stack(self) -> int:
        """How many vectors are answered at once."""
        model = self.free_model.model
        largest = max(mesh.interval.size for mesh in self._finer) * ENTRY_LAGS.size
        return max(1, _CELLS // (largest * len(model.states) * len(model.latent_classes)))

    def _some(self, free: FloatArray) -> FloatArray:
        values = self.free_model.natural(free)
        found = self._on_mesh(values, self._coarser)
        if not self.is_coarse:
            fine = self._on_mesh(values, self._finer)
            better = fine + (fine - found) / 3
            found = np.where(better > 0, better, fine)
        return np.asarray(np.log(np.maximum(found, SMALLEST)))

    def _on_mesh(self, values: FloatArray, groups: tuple[Mesh, ...]) -> FloatArray:
        """Return how probable patients are, (n, n_patients), at natural values (n, p)."""
        model = self.free_model.model
        hazards, ratios = self._family.hazards(values), self._family.ratios(values)
        shares, covariates = self._family.shares(values), dict(self.panel.covariates)
        ratios = ratios * [t.ratio.ratios[0] for t in model.transitions]
        logs = log_ratios(self.free_model, covariates, values, self.panel.begin.size)
        by_class = np.zeros((*shares.shape, self.n_patients))
        for mesh in groups:
            own = np.exp(logs)[:, mesh.interval].transpose(3, 0, 1, 2)
            factors = ratios.transpose(2, 0, 1)[..., None, None] * own[:, :, None]
            by_class[..., mesh.patients] = march(model, mesh, hazards, factors=factors)
        return np.asarray(np.einsum("nc,ncp->np", shares, by_class))

    @cached_property
    def _coarser(self) -> tuple[Mesh, ...]:
        return meshes(self.free_model.model, self.panel, finer=1)

    @cached_property
    def _finer(self) -> tuple[Mesh, ...]:
        return meshes(self.free_model.model, self.panel, finer=2)


def meshes(model: MultiStateModel, panel: Panel, *, finer: int) -> tuple[Mesh, ...]:
    """Return the panels of time of all patients, in groups of those with about as many."""
    lengths = panel.end - panel.begin
    wanted = np.ceil(_PER_INTERVAL * lengths / np.median(lengths))
    numbers = finer * np.clip(wanted, _PER_INTERVAL, _MOST).astype(int)
    rows = np.split(np.arange(lengths.size), np.flatnonzero(np.diff(panel.patient)) + 1)
    totals = np.array([numbers[own].sum() for own in rows])
    groups, waiting = [], np.argsort(totals, kind="stable").tolist()
    per_point = len(model.states) * len(model.latent_classes) * ENTRY_LAGS.size
    while waiting:
        longest = int(totals[waiting[-1]])
        near = int(np.searchsorted(totals[waiting], longest / _ALIKE))
        near = max(near, len(waiting) - max(1, _CELLS // (per_point * longest)))
        groups.append([rows[k] for k in waiting[near:]])
        waiting = waiting[:near]
    return tuple(_mesh(model, panel, own, numbers) for own in groups)


def _mesh(
    model: MultiStateModel, panel: Panel, rows: Sequence[IntArray], numbers: IntArray
) -> Mesh:
    """Return the panels of some patients, whose intervals are `rows`."""
    n_panels = max(int(numbers[own].sum()) for own in rows)
    shape = len(rows), n_panels
    edges, interval = np.empty((shape[0], n_panels + 1)), np.empty(shape, dtype=int)
    keep = np.ones((*shape, len(model.states)))
    for k, own in enumerate(rows):
        parts = [
            panel.begin[i] + (panel.end[i] - panel.begin[i]) * np.arange(1, n + 1) / n
            for i, n in zip(own.tolist(), numbers[own].tolist(), strict=True)
        ]
        ends = np.concatenate([panel.begin[own[:1]], *parts])
        edges[k, : ends.size], edges[k, ends.size :] = ends, ends[-1]
        interval[k] = own[-1]
        interval[k, : ends.size - 1] = np.repeat(own, numbers[own])
        visits = np.cumsum(numbers[own])[:-1] - 1
        keep[k, visits] = np.eye(len(model.states))[panel.next_state[own[:-1]]]
    first, last = ([own[at] for own in rows] for at in (0, -1))
    return Mesh(
        patients=panel.patient[first],
        edges=edges,
        interval=interval,
        keep=keep,
        is_visit=np.asarray((keep < 1).any(axis=(0, 2))),
        start=panel.state[first],
        last=panel.next_state[last],
    )


def march(
    model: MultiStateModel,
    mesh: Mesh,
    hazards: Sequence[Sequence[Hazard]],
    *,
    factors: FloatArray,
) -> FloatArray:
    """Return how probable patients are, in each latent class; shape (n_models, n_classes, n).

    Parameters
    ----------
    model : MultiStateModel
        States, transitions, starts.
    mesh : Mesh
        What was seen of them, and the panels of time between.
    hazards : sequence, a transition each, of sequences of Hazard
        One for each model, or one for all.
    factors : (n_transitions, n_models, n_classes, n, n_panels) array
        What multiplies them in each panel.
    """
    walk = _Walk(model, mesh, hazards, factors)
    for panel in range(mesh.interval.shape[1]):
        walk.go_on(panel)
    return walk.seen_last()


class _Walk:
    """Masses of patients by when they entered, and how many of them are still there.

    Points of entry are the start, then three for each panel. All arrays have the states or
    transitions first, then (n_points, n_models, n_classes, n_patients).
    """

    def __init__(
        self,
        model: MultiStateModel,
        mesh: Mesh,
        hazards: Sequence[Sequence[Hazard]],
        factors: FloatArray,
    ) -> None:
        self.mesh, self.hazards, self.factors = mesh, hazards, factors
        self.is_forward = [t.clock is Clock.FORWARD for t in model.transitions]
        self.ways = [
            (model.index(t.from_state), model.index(t.to_state)) for t in model.transitions
        ]
        ends = mesh.edges[:, 1:, None] - np.diff(mesh.edges)[:, :, None] * ENTRY_LAGS
        self.entered = np.hstack([mesh.edges[:, :1], ends.reshape(len(ends), -1)]).T
        begun = {model.index(s.state): s.time_in_state for s in model.starts}
        self.waited = np.array([begun.get(state, 0.0) for state in mesh.start.tolist()])
        shape = (len(self.entered), *factors.shape[1:-1])
        self.mass = np.zeros((len(model.states), *shape))
        self.mass[mesh.start, 0, :, :, np.arange(len(ends))] = 1.0
        self.left = sorted({origin for origin, _ in self.ways})
        self.stayed = np.ones((len(self.left), *shape))
        self.rates = [_rates(some) for some in hazards]
        self.before = [
            self._cumulative(k, self._clock(k, self.entered)) if rates is None else np.empty(0)
            for k, rates in enumerate(self.rates)
        ]

    def _since_entry(self, times: FloatArray) -> FloatArray:
        """Return time in state at study times (n_points, n), for the first points."""
        clock = np.maximum(times - self.entered[: len(times)], 0.0)
        clock[0] += self.waited
        return clock

    def _clock(self, k: int, times: FloatArray) -> FloatArray:
        """Return what a transition's clock shows."""
        return times if self.is_forward[k] else self._since_entry(times)

    def _cumulative(self, k: int, clock: FloatArray) -> FloatArray:
        """Return a transition's cumulative hazards, (n_points, n_models or 1, 1, n)."""
        with np.errstate(over="ignore"):
            grown = np.stack([hazard.cumulative(clock) for hazard in self.hazards[k]], axis=1)
        return np.minimum(grown, MOST_HAZARD)[:, :, None]

    def go_on(self, panel: int) -> None:
        """Go to a panel's end; fill in who enters within it, and keep those who were seen."""
        n_before = 1 + ENTRY_LAGS.size * panel
        n_points = n_before + ENTRY_LAGS.size
        moved = self._moved(panel, n_points)
        n_states, _, *rest = self.mass.shape
        arriving = np.zeros((*rest, n_states, 1))
        on = np.zeros((*rest, n_states, n_states))
        for share, (origin, target) in zip(moved, self.ways, strict=True):
            coming = self.mass[origin, :n_before] * share[:n_before]
            arriving[..., target, 0] += coming.sum(axis=0)
            # Who enters within the panel may go on within it.
            on[..., target, origin] += sum(
                weight * own for weight, own in zip(ENTRY_SHARES, share[n_before:], strict=True)
            )
        entering = np.moveaxis(np.linalg.solve(np.eye(n_states) - on, arriving)[..., 0], -1, 0)
        self.mass[:, n_before:n_points] = np.multiply.outer(entering, ENTRY_SHARES).transpose(
            0, 4, 1, 2, 3
        )
        if self.mesh.is_visit[panel]:
            self.mass[:, :n_points] *= self.mesh.keep[:, panel].T[:, None, None, None]

    def _moved(self, panel: int, n_points: int) -> list[FloatArray]:
        """Return shares of those who entered that move within a panel, for each transition."""
        growth: list[FloatArray] = []
        stayed = self.stayed[:, :n_points]
        total = np.zeros_like(stayed)
        ends = self.mesh.edges[:, panel + 1]
        times = np.broadcast_to(ends, (n_points, ends.size))
        clock = self._since_entry(times)
        here = np.maximum(self.entered[:n_points], self.mesh.edges[:, panel])
        spent = (ends - here)[:, None, None]
        for k, (origin, _) in enumerate(self.ways):
            rates = self.rates[k]
            if rates is not None:
                grown = rates[:, None, None] * spent
            else:
                grown = self._growth(k, times if self.is_forward[k] else clock)
            growth.append(grown * self.factors[k, ..., panel])
            total[self.left.index(origin)] += growth[-1]
        after = stayed * np.exp(-total)
        per_hazard = np.zeros_like(total)
        np.divide(stayed - after, total, out=per_hazard, where=total > 0)
        self.stayed[:, :n_points] = after
        return [
            g * per_hazard[self.left.index(origin)]
            for g, (origin, _) in zip(growth, self.ways, strict=True)
        ]

    def _growth(self, k: int, clock: FloatArray) -> FloatArray:
        """Return how a transition's cumulative hazard has grown since it was last asked."""
        now, n_points = self._cumulative(k, clock), len(clock)
        grown = now - self.before[k][:n_points]
        self.before[k][:n_points] = now
        return grown

    def seen_last(self) -> FloatArray:
        """Return the probability of the state last seen, or its density where it absorbs."""
        there = self.mass.copy()
        there[self.left] *= self.stayed
        absorbs = ~np.isin(np.arange(len(there)), self.left)
        alive = there.sum(axis=1)[self.mesh.last, :, :, np.arange(self.mesh.last.size)]
        return np.where(absorbs[self.mesh.last], self._density(there), alive.transpose(1, 2, 0))

    def _density(self, there: FloatArray) -> FloatArray:
        """Return the density of entering the state last seen; (n_models, n_classes, n)."""
        times = np.broadcast_to(self.mesh.edges[:, -1], self.entered.shape)
        found = np.zeros(there.shape[2:])
        for k, (origin, target) in enumerate(self.ways):
            clock = self._clock(k, times)
            with np.errstate(divide="ignore", over="ignore"):
                rates = np.stack([hazard.hazard(clock) for hazard in self.hazards[k]], axis=1)
            into = np.minimum(rates, MOST_HAZARD) * (self.mesh.last == target)
            found += (there[origin] * into[:, :, None]).sum(axis=0) * self.factors[k, ..., -1]
        return found


def _rates(hazards: Sequence[Hazard]) -> FloatArray | None:
    """Return hazards that are constant, (n_models or 1,); None where one of them is not."""
    rates = [constant_rate(hazard) for hazard in hazards]
    return None if None in rates else np.array(rates, dtype=float)
