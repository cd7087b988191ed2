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
from lupusim.calibration.patients.panel_walks import Mesh, march
from lupusim.calibration.prediction.family import Family
from lupusim.calibration.prediction.mesh import ENTRY_LAGS
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.model import MultiStateModel

_PER_INTERVAL = 2  # panels in an interval of the median length, on the coarser mesh
_MOST = 12  # panels in an interval
_ALIKE = 1.3  # panels of the longest history of a group over those of the shortest
_FEW = 60  # patients
_CELLS = 2_000_000
"""Numbers in the largest array: patients are taken in groups so that it stays below."""


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
    """The likelihood of a panel for any hazards, each on any clock.

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
        model, (first, _) = self.free_model.model, self._histories
        hazards, ratios = self._family.hazards(values), self._family.ratios(values)
        shares = self._family.shares(values)
        ratios = ratios * [t.ratio.ratios[0] for t in model.transitions]
        by_class = np.empty((*shares.shape, first.size))
        for mesh in groups:
            factors = ratios.transpose(2, 0, 1)[..., None] * self._own(values, mesh)
            by_class[..., mesh.histories] = march(model, mesh, hazards, factors=factors)
        starts = np.searchsorted(self.panel.patient[first], np.arange(self.n_patients))
        of_patients = np.multiply.reduceat(by_class, starts, axis=-1)
        return np.asarray(np.einsum("nc,ncp->np", shares, of_patients))

    def _own(self, values: FloatArray, mesh: Mesh) -> FloatArray:
        """Return hazard ratios by covariates; (n_panels, n_transitions, n_models, 1, n) or ones."""
        shape = (len(mesh.interval), len(self.free_model.model.transitions), 1, 1, 1)
        covariates = dict(self.panel.covariates)
        if not covariates:
            return np.ones((*shape[:-1], mesh.histories.size))
        logs = log_ratios(self.free_model, covariates, values, self.panel.begin.size)
        return np.exp(logs.transpose(2, 0, 1))[:, :, None, mesh.interval].transpose(3, 0, 1, 2, 4)

    @cached_property
    def _histories(self) -> tuple[IntArray, IntArray]:
        return histories(self.free_model.model, self.panel)

    @cached_property
    def _coarser(self) -> tuple[Mesh, ...]:
        return meshes(self.free_model.model, self.panel, finer=1)

    @cached_property
    def _finer(self) -> tuple[Mesh, ...]:
        return meshes(self.free_model.model, self.panel, finer=2)


def histories(model: MultiStateModel, panel: Panel) -> tuple[IntArray, IntArray]:
    """Return the first interval of each history, and the first of the next.

    A patient's visits are cut into histories where a state is seen in which no hazard asks
    since when: what was before says nothing of what comes.
    """
    asks = [
        not all(model.transitions[k].is_markov for k in model.outgoing(state))
        for state in model.states
    ]
    begins = np.ones(panel.patient.size, dtype=bool)
    begins[1:] = (np.diff(panel.patient) > 0) | ~np.array(asks)[panel.state[1:]]
    first = np.flatnonzero(begins)
    return first, np.append(first[1:], panel.patient.size)


def meshes(model: MultiStateModel, panel: Panel, *, finer: int) -> tuple[Mesh, ...]:
    """Return the panels of time of all histories, in groups of those with about as many."""
    lengths = panel.end - panel.begin
    wanted = np.ceil(_PER_INTERVAL * lengths / np.median(lengths))
    numbers = finer * np.clip(wanted, _PER_INTERVAL, _MOST).astype(int)
    first, end = histories(model, panel)
    totals = np.add.reduceat(numbers, first)
    groups, waiting = [], np.argsort(totals, kind="stable").tolist()
    per_point = len(model.states) * len(model.latent_classes) * ENTRY_LAGS.size
    while waiting:
        longest = int(totals[waiting[-1]])
        near = int(np.searchsorted(totals[waiting], longest / _ALIKE))
        near = max(near, len(waiting) - max(1, _CELLS // (per_point * longest)))
        groups.append(waiting[near:])
        waiting = waiting[:near]
    return tuple(
        _mesh(model, panel, np.array(own), [np.arange(first[k], end[k]) for k in own], numbers)
        for own in groups
    )


def _mesh(
    model: MultiStateModel,
    panel: Panel,
    which: IntArray,
    rows: Sequence[IntArray],
    numbers: IntArray,
) -> Mesh:
    """Return the panels of some histories, whose intervals are `rows`."""
    n_panels = max(int(numbers[own].sum()) for own in rows)
    edges, interval = np.empty((n_panels + 1, len(rows))), np.empty((n_panels, len(rows)), int)
    keep = np.ones((n_panels, len(model.states), len(rows)))
    for k, own in enumerate(rows):
        parts = [
            panel.begin[i] + (panel.end[i] - panel.begin[i]) * np.arange(1, n + 1) / n
            for i, n in zip(own.tolist(), numbers[own].tolist(), strict=True)
        ]
        ends = np.concatenate([panel.begin[own[:1]], *parts])
        edges[: ends.size, k], edges[ends.size :, k] = ends, ends[-1]
        interval[:, k] = own[-1]
        interval[: ends.size - 1, k] = np.repeat(own, numbers[own])
        visits = np.cumsum(numbers[own])[:-1] - 1
        keep[visits, :, k] = np.eye(len(model.states))[panel.next_state[own[:-1]]]
    first, last = (np.array([own[at] for own in rows]) for at in (0, -1))
    begun = {model.index(s.state): s.time_in_state for s in model.starts}
    waited = np.array([begun.get(state, 0.0) for state in panel.state[first].tolist()])
    is_begin = np.append(True, np.diff(panel.patient) > 0)[first]
    return Mesh(
        histories=which,
        edges=edges,
        interval=interval,
        keep=keep,
        is_visit=np.asarray((keep < 1).any(axis=(1, 2))),
        start=panel.state[first],
        waited=np.where(is_begin, waited, 0.0),
        last=panel.next_state[last],
    )
