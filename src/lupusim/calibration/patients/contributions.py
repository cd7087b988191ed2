r"""Log likelihoods of single patients.

Of a stay in a state that ends by transition k after the cumulative hazards of all ways out
have grown by :math:`\Delta H_j` (Andersen, Borgan, Gill and Keiding 1993, *Statistical Models
Based on Counting Processes*, equation 2.7.2),

.. math:: \log h_k(\text{end}) - \sum_j \Delta H_j;

of an interval of a panel the transition probability, times the hazard where an absorbing
state is entered, its time being known (Kalbfleisch and Lawless 1985, JASA 80:863-871; Jackson
2011, Journal of Statistical Software 38:8). With latent classes a patient's whole history is
a mixture over them.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np

from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.patients.histories import CENSORED, Panel, Stays
from lupusim.calibration.prediction.family import Family
from lupusim.calibration.prediction.markov import exponential, rate_breaks
from lupusim.calibration.prediction.mesh import MOST_HAZARD
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.model import Hazard

SMALLEST = 1e-300
_FURTHEST = 200.0
"""Of a log hazard ratio from 0: a search tries extreme numbers."""


class PatientLikelihood(Protocol):
    """The likelihood of single patients."""

    @property
    def n_patients(self) -> int:
        """How many."""
        ...

    @property
    def stays(self) -> Stays | None:
        """Stays with exact ends, if that is what was seen."""
        ...

    @property
    def panel(self) -> Panel | None:
        """States at some times, if that is what was seen."""
        ...

    def coarse(self) -> PatientLikelihood:
        """Return the likelihood to begin a search with, which may be less exact."""
        ...

    def few(self) -> PatientLikelihood | None:
        """Return the likelihood of some patients, to say which starts are worth a climb with all.

        None where all patients cost little.
        """
        ...

    def numerical_error(self, free: FloatArray, /) -> float:
        """Return how far the log likelihood at one vector, (n_parameters,), may be wrong."""
        ...

    def contributions(self, free: FloatArray) -> FloatArray:
        """Return log likelihoods, (n, n_patients), at vectors of shape (n, n_parameters)."""
        ...


def log_ratios(
    free_model: FreeModel, covariates: dict[str, FloatArray], values: FloatArray, n_rows: int
) -> FloatArray:
    """Return log hazard ratios of covariates; shape (n, n_rows, n_transitions)."""
    model = free_model.model
    edges = [(t.from_state, t.to_state) for t in model.transitions]
    found = np.zeros((len(values), n_rows, len(edges)))
    given = {
        (name, k): (position, factor) for name, k, position, factor in free_model.covariate_places
    }
    for name, measured in covariates.items():
        for k, edge in enumerate(edges):
            fixed = model.covariates[name].get(edge, 0.0)
            beta = np.full(len(values), fixed)
            if (name, k) in given:
                position, factor = given[name, k]
                beta = values[:, position] * factor
            found[:, :, k] += beta[:, None] * measured
    return np.clip(found, -_FURTHEST, _FURTHEST)


def mixed(by_class: FloatArray, shares: FloatArray) -> FloatArray:
    """Return log likelihoods of patients whose class is hidden; (n, n_patients)."""
    logs = by_class + np.log(np.maximum(shares, SMALLEST))[:, :, None]
    top = logs.max(axis=1, keepdims=True)
    return np.asarray(top[:, 0] + np.log(np.exp(logs - top).sum(axis=1)))


class StayLikelihood:
    """The likelihood of stays with exact ends, for any hazards on any clock.

    Parameters
    ----------
    free_model : FreeModel
        The model; patients are taken from the state in which they are first seen.
    stays : Stays
        What was seen.

    Raises
    ------
    ValueError
        If somebody made a transition that the model lacks, or if its treatment effects change
        with study time.
    """

    def __init__(self, free_model: FreeModel, stays: Stays) -> None:
        self.free_model = free_model
        self._stays = stays
        self._family = Family(free_model, ())
        model = free_model.model
        if any(not t.ratio.is_constant for t in model.transitions):
            raise ValueError("the model has hazard ratios that change. Fit patients without them")
        ways = {(model.index(t.from_state), model.index(t.to_state)) for t in model.transitions}
        seen = zip(stays.state.tolist(), stays.to.tolist(), strict=True)
        if lost := sorted({pair for pair in seen if pair[1] != CENSORED} - ways):
            names = ", ".join(f"{model.states[a]} -> {model.states[b]}" for a, b in lost)
            raise ValueError(f"patients moved {names}, which the model lacks. Add the transitions")

    @property
    def n_patients(self) -> int:
        """How many."""
        return self._stays.n_patients

    @property
    def stays(self) -> Stays | None:
        """What was seen."""
        return self._stays

    @property
    def panel(self) -> Panel | None:
        """None: the stays themselves were seen."""
        return None

    def coarse(self) -> StayLikelihood:
        """Return itself: the likelihood is a formula."""
        return self

    def few(self) -> None:
        """Return None: all patients cost little."""

    def numerical_error(self, _: FloatArray) -> float:
        """Return 0."""
        return 0.0

    @cached_property
    def _rows(self) -> list[IntArray]:
        """The stays at risk of each transition."""
        model = self.free_model.model
        origins = [model.index(t.from_state) for t in model.transitions]
        return [np.flatnonzero(self._stays.state == origin) for origin in origins]

    def contributions(self, free: FloatArray) -> FloatArray:
        """Return log likelihoods, (n, n_patients), at vectors of shape (n, n_parameters)."""
        model, stays = self.free_model.model, self._stays
        values = self.free_model.natural(free)
        ratios, shares = self._family.ratios(values), self._family.shares(values)
        logs = log_ratios(self.free_model, dict(stays.covariates), values, stays.state.size)
        by_class = np.zeros((*shares.shape, self.n_patients))
        hazards = self._family.hazards(values)
        for k, transition in enumerate(model.transitions):
            rows = self._rows[k]
            begin, end = (
                transition.clock.reading(times[rows], times[rows] - stays.entered[rows])
                for times in (stays.begin, stays.end)
            )
            fixed = transition.ratio.ratios[0]
            grown = np.stack([_grown(hazard, begin, end) for hazard in hazards[k]]) * fixed
            moved = stays.to[rows] == model.index(transition.to_state)
            rate = np.stack([_cut(h.hazard(end[moved])) for h in hazards[k]]) * fixed
            risk = _cut(grown * np.exp(logs[:, rows, k]))
            event = np.log(np.maximum(rate, SMALLEST)) + logs[:, rows[moved], k]
            for c in range(shares.shape[1]):
                own = ratios[:, c, k, None]
                _add(by_class[:, c], stays.patient[rows], -own * risk)
                _add(
                    by_class[:, c],
                    stays.patient[rows[moved]],
                    event + np.log(np.maximum(own, SMALLEST)),
                )
        return mixed(by_class, shares)


def _grown(hazard: Hazard, begin: FloatArray, end: FloatArray) -> FloatArray:
    """Return how a cumulative hazard grows; finite, as a search tries extreme numbers."""
    return _cut(hazard.cumulative(end)) - _cut(hazard.cumulative(begin))


def _cut(hazard: FloatArray) -> FloatArray:
    return np.minimum(hazard, MOST_HAZARD)


def _add(totals: FloatArray, patient: IntArray, parts: FloatArray) -> None:
    """Add parts, (n, n_rows), to the totals of their patients, (n, n_patients)."""
    every = np.broadcast_to(parts, (len(totals), patient.size))
    for row, part in enumerate(every):
        totals[row] += np.bincount(patient, weights=part, minlength=totals.shape[1])


class PanelLikelihood:
    """The likelihood of a panel, for models whose hazards are constant in pieces of study time.

    Parameters
    ----------
    free_model : FreeModel
        The model; patients are taken from the state in which they are first seen.
    panel : Panel
        What was seen.

    Raises
    ------
    ValueError
        If a hazard depends on time in state; see
        :mod:`lupusim.calibration.patients.semi_markov_panels`.
    """

    def __init__(self, free_model: FreeModel, panel: Panel) -> None:
        self.free_model = free_model
        self.panel = panel
        self._family = Family(free_model, ())
        if not self._family.is_markov:
            raise ValueError(
                "a hazard is not constant in pieces of study time. "
                "Use SemiMarkovPanelLikelihood for it"
            )

    @property
    def n_patients(self) -> int:
        """How many."""
        return self.panel.n_patients

    @property
    def stays(self) -> Stays | None:
        """None: ends of stays were not seen."""
        return None

    def coarse(self) -> PanelLikelihood:
        """Return itself: the likelihood is a product of matrix exponentials."""
        return self

    def few(self) -> None:
        """Return None: all patients cost little."""

    def numerical_error(self, _: FloatArray) -> float:
        """Return 0."""
        return 0.0

    @cached_property
    def _lengths(self) -> FloatArray:
        """How long each interval lies in each piece of the rates; (n_intervals, n_pieces)."""
        breaks = np.concatenate([[0.0], rate_breaks(self.free_model.model), [np.inf]])
        begin = np.maximum(self.panel.begin[:, None], breaks[:-1])
        lengths = np.minimum(self.panel.end[:, None], breaks[1:]) - begin
        return np.asarray(np.maximum(lengths, 0.0))

    @cached_property
    def _patterns(self) -> tuple[FloatArray, IntArray]:
        """Distinct (lengths, covariates), and which of them each interval has."""
        measured = [values[:, None] for values in self.panel.covariates.values()]
        table = np.round(np.hstack([self._lengths, *measured]), 12)
        rows, which = np.unique(table, axis=0, return_inverse=True)
        return rows.astype(float), which.ravel()

    def contributions(self, free: FloatArray) -> FloatArray:
        """Return log likelihoods, (n, n_patients), at vectors of shape (n, n_parameters)."""
        return np.concatenate([self._of_one(vector[None]) for vector in free])

    def _of_one(self, free: FloatArray) -> FloatArray:
        values = self.free_model.natural(free)
        rates, shares = self._family.rates(values)
        rows, which = self._patterns
        n_pieces = self._lengths.shape[1]
        names = list(self.panel.covariates)
        measured = {name: rows[:, n_pieces + k] for k, name in enumerate(names)}
        ratios = np.exp(log_ratios(self.free_model, measured, values, len(rows)))[0]
        by_class = np.zeros((1, shares.shape[1], self.n_patients))
        for c in range(shares.shape[1]):
            moved = self._probabilities(rates[:, 0, c], ratios, rows[:, :n_pieces])
            seen = moved[which, self.panel.state]
            final = self._rates_into(rates[:, 0, c], ratios[which])
            log = np.log(np.maximum((seen * final).sum(axis=1), SMALLEST))
            _add(by_class[:, c], self.panel.patient, log[None])
        return mixed(by_class, shares)

    def _probabilities(
        self, rates: FloatArray, ratios: FloatArray, lengths: FloatArray
    ) -> FloatArray:
        """Return transition probabilities of each pattern; (n_patterns, n_states, n_states)."""
        generators = self._generators(rates, ratios)
        moved = np.tile(np.eye(len(self.free_model.model.states)), (len(ratios), 1, 1))
        for piece, length in enumerate(lengths.T):
            some = np.flatnonzero(length > 0)
            # SPEED: alike lengths share their number of squarings.
            for part in np.array_split(some[np.argsort(length[some])], 8):
                if part.size:
                    there = generators[piece, part] * length[part, None, None]
                    moved[part] = moved[part] @ exponential(there)
        return moved

    def _generators(self, rates: FloatArray, ratios: FloatArray) -> FloatArray:
        """Return generators; (n_pieces, n_patterns, n_states, n_states)."""
        model = self.free_model.model
        size = len(model.states)
        found = np.zeros((len(rates), len(ratios), size, size))
        for k, t in enumerate(model.transitions):
            origin, to = model.index(t.from_state), model.index(t.to_state)
            rate = rates[:, k, None] * ratios[:, k]
            found[:, :, origin, to] += rate
            found[:, :, origin, origin] -= rate
        return found

    def _rates_into(self, rates: FloatArray, ratios: FloatArray) -> FloatArray:
        """Return what each state's probability is multiplied with; (n_intervals, n_states).

        1 for the state seen; where that is absorbing, everybody's hazard of entering it.
        """
        model, panel = self.free_model.model, self.panel
        pieces = np.searchsorted(rate_breaks(model), panel.end, side="left")
        final = np.zeros((panel.end.size, len(model.states)))
        absorbing = {model.index(s) for s in model.states if not model.outgoing(s)}
        is_exact = np.isin(panel.next_state, list(absorbing))
        final[np.flatnonzero(~is_exact), panel.next_state[~is_exact]] = 1.0
        for k, t in enumerate(model.transitions):
            rows = np.flatnonzero(is_exact & (panel.next_state == model.index(t.to_state)))
            final[rows, model.index(t.from_state)] += rates[pieces[rows], k] * ratios[rows, k]
        return final
