"""All the models that a free model can be, answered in stacks of parameter vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from functools import cached_property

import numpy as np

from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.prediction.enlarged_chain import Chain, chain_groups
from lupusim.calibration.prediction.entries import idle_transitions
from lupusim.calibration.prediction.markov import (
    answer_markov,
    is_piecewise_constant,
    piecewise_rates,
    rate_breaks,
)
from lupusim.calibration.prediction.mesh import MOST_HAZARD
from lupusim.calibration.prediction.mesh_answers import answer_on_mesh
from lupusim.calibration.prediction.parties import Party, parties
from lupusim.calibration.prediction.renewal import (
    N_PANELS,
    Plan,
    answer_renewal,
    horizons,
    is_renewal,
    plan,
)
from lupusim.calibration.prediction.sojourns import Lags, Sojourns, lag_points, memoryless, sojourns
from lupusim.calibration.targets.questions import Question
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model import Hazard
from lupusim.model.hazards.base import constant_rate, formula_of_many, steps

_ROWS = 256  # vectors times classes


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """What some parameter vectors make of a model, whatever is asked of it and on which grid."""

    values: FloatArray  # on the natural scales; (n, n_parameters)
    ratios: FloatArray  # of each class and transition; (n, n_classes, n_transitions)
    shares: FloatArray  # of each class; (n, n_classes)
    numbers: dict[int, dict[str, FloatArray]] = field(default_factory=dict)
    """Parameters by name of the transitions' hazards that were asked for."""


class Family:
    """Answers the same questions for many parameter vectors.

    Parameters
    ----------
    free_model : FreeModel
        The model and its free parameters.
    questions : sequence of Question
        What to answer.
    n_panels : int
        Grid of the renewal equations, where hazards run on time in state.
    """

    def __init__(
        self,
        free_model: FreeModel,
        questions: Sequence[Question],
        *,
        n_panels: int = N_PANELS,
    ) -> None:
        self.free_model = free_model
        self.questions = tuple(questions)
        self.n_panels = n_panels
        self.only: int | None = None
        model = free_model.model
        self.is_markov = all(is_piecewise_constant(t) for t in model.transitions)

    def answers(self, free: FloatArray) -> FloatArray:
        """Return answers, shape (n, n_questions), for vectors of shape (n, n_parameters)."""
        if self.is_markov:
            rates, shares = self.rates(self.free_model.natural(free))
            model = self.free_model.model
            return answer_markov(model, self.questions, rates=rates, shares=shares)
        if self.renews:
            return np.concatenate([self._renewed(part) for part in self.stacks(free)])
        parts = [self._on_mesh(part) for part in self.stacks(free)]
        return np.concatenate(parts) if parts else np.empty((0, len(self.questions)))

    def stacks(self, free: FloatArray) -> list[FloatArray]:
        """Return vectors in stacks.

        SPEED: of a size that stays in the cache; 5000 vectors at once would fill a gigabyte.
        """
        size = max(1, _ROWS // max(len(party.classes) for party in self.parties))
        return [free[k : k + size] for k in range(0, len(free), size)]

    def answers_by_class(self, free: FloatArray) -> FloatArray:
        """Return answers of each latent class of patients; (n, n_classes, n_questions)."""
        found = []
        for k in range(len(self._class_shares)):
            alone = Family(self.free_model, self.questions, n_panels=self.n_panels)
            alone.only = k
            found.append(alone.answers(free))
        return np.stack(found, axis=1)

    def _on_mesh(self, free: FloatArray) -> FloatArray:
        """Answer where clocks are mixed, or where patients start with time behind them."""
        values = self.free_model.natural(free)
        return answer_on_mesh(
            self.free_model.model,
            self.questions,
            self.hazards(values),
            ratios=self.ratios(values),
            shares=self.shares(values),
            n_panels=self.n_panels,
        )

    def hazards(self, values: FloatArray) -> list[list[Hazard]]:
        """Return each transition's hazards: one for each vector, or one for all if none is free."""
        free = self._free_transitions
        return [
            self.free_model.hazards_at(k, values) if k in free else [t.hazard]
            for k, t in enumerate(self.free_model.model.transitions)
        ]

    @cached_property
    def _free_transitions(self) -> frozenset[int]:
        """The transitions whose hazards have a free number."""
        return frozenset(place[0] for place in self.free_model.hazard_places)

    @cached_property
    def renews(self) -> bool:
        """Whether every hazard runs on time in state, so that renewal equations hold."""
        return is_renewal(self.free_model.model)

    @cached_property
    def parties(self) -> tuple[Party, ...]:
        """The classes, by which transitions are closed to them."""
        return self._parties()

    def parties_in(self, chains: Sequence[Chain]) -> tuple[Party, ...]:
        """Return the same, as far as they leave states in some chains."""
        return self._parties(idle_transitions(self.free_model.model, chains))

    def _parties(self, idle: frozenset[int] = frozenset()) -> tuple[Party, ...]:
        n_classes = len(self._class_shares)
        among = range(n_classes) if self.only is None else [self.only]
        ratios = self._class_ratios * self._fixed_ratios
        return parties(self.free_model, ratios, among, idle)

    @cached_property
    def _plans(self) -> list[tuple[FloatArray, list[tuple[Party, Plan]]]]:
        """Positions of questions that share a grid, early and late ones on grids of their own.

        With the parties, and a plan for each.
        """
        groups = horizons(np.array([question.time for question in self.questions]))
        return [(own, self._planned([self.questions[k] for k in own])) for own in groups]

    def _planned(self, asked: Sequence[Question]) -> list[tuple[Party, Plan]]:
        model = self.free_model.model
        among = self.parties_in([chain for chain, *_ in chain_groups(model, asked)])
        return [(party, plan(model, asked, party)) for party in among]

    def _renewed(self, free: FloatArray) -> FloatArray:
        """Answer by the renewal equations."""
        vectors = self.vectors(self.free_model.natural(free))
        answers = np.empty((len(free), len(self.questions)))
        for positions, asked in self._plans:
            coarse = self._on_grid(vectors, asked, self.n_panels)
            fine = self._on_grid(vectors, asked, 2 * self.n_panels)
            answers[:, positions] = fine + (fine - coarse) / 3
        return answers

    def _on_grid(
        self, vectors: Vectors, asked: Sequence[tuple[Party, Plan]], n_panels: int
    ) -> FloatArray:
        """Answer some questions on one grid; see :func:`answer_renewal`."""
        lags = lag_points(float(asked[0][1].times[-1]), n_panels)
        parts = [
            answer_renewal(
                plan,
                self.kernels(vectors, lags, party),
                shares=vectors.shares[:, party.classes],
                lags=lags,
            )
            for party, plan in asked
        ]
        return np.asarray(sum(parts))

    def vectors(self, values: FloatArray) -> Vectors:
        """Return what natural values, (n, n_parameters), make of the model."""
        ratios = self.ratios(values) * self._fixed_ratios
        return Vectors(values=values, ratios=ratios, shares=self.shares(values))

    def kernels(self, vectors: Vectors, lags: Lags, party: Party) -> Sojourns:
        """Return how stays end for each vector and class of a party, in one first axis.

        A vector's classes are together. The states that the party leaves, or of them those that
        somebody enters, are followed by one that nobody leaves.
        """
        ratios, steady, aging = vectors.ratios, party.steady, party.aging
        parts = []
        if steady.n_states:
            rates = ratios[:, steady.classes, steady.ways]
            for column, k in enumerate(steady.ways.tolist()):
                rates[:, column] *= self._numbers(k, vectors)["rate"]
            parts.append(memoryless(steady, rates, lags))
        if aging.n_states:
            kinds = {k: self._cumulative(k, vectors, lags.times) for k in set(aging.ways.tolist())}
            grown = np.stack([kinds[k] for k in aging.ways.tolist()], axis=1)
            grown *= ratios[:, aging.classes, aging.ways, None]
            parts.append(sojourns(aging, grown, lags))
        return _of_classes(party, parts, n=len(ratios), n_panels=lags.n_panels)

    def _cumulative(self, transition: int, vectors: Vectors, lags: FloatArray) -> FloatArray:
        """Return one transition's cumulative hazards at lags; (n, n_lags).

        SPEED: a hazard object for each vector would cost more than all the rest, where a family
        need not be asked one by one.
        """
        hazard = self.free_model.model.transitions[transition].hazard
        if transition not in self._free_transitions:
            grown = np.minimum(hazard.cumulative(lags), MOST_HAZARD)
            return np.broadcast_to(grown, (len(vectors.values), lags.size))
        if constant_rate(hazard) is not None:
            return np.asarray(self._numbers(transition, vectors)["rate"][:, None] * lags)
        if (formula := formula_of_many(type(hazard))) is not None:
            grown = formula(self._numbers(transition, vectors), lags)
        else:
            made = self.free_model.hazards_at(transition, vectors.values)
            grown = np.array([one.cumulative(lags) for one in made])
        return np.asarray(np.minimum(grown, MOST_HAZARD))

    def _numbers(self, transition: int, vectors: Vectors) -> dict[str, FloatArray]:
        """Return the parameters of one transition's hazard by name, (n,) or (n, n_pieces) each."""
        if transition not in vectors.numbers:
            vectors.numbers[transition] = self._made_numbers(transition, vectors.values)
        return vectors.numbers[transition]

    def _made_numbers(self, transition: int, values: FloatArray) -> dict[str, FloatArray]:
        hazard = self.free_model.model.transitions[transition].hazard
        names: tuple[str, ...] = hazard.__slots__
        numbers = {}
        for name in names:
            fixed = np.asarray(getattr(hazard, name), dtype=float)
            numbers[name] = np.empty((len(values), *fixed.shape))
            numbers[name][:] = fixed
        for k, what, piece, position, factor in self.free_model.hazard_places:
            if k == transition:
                here = slice(None) if piece is None else (slice(None), piece)
                numbers[what][here] = values[:, position] * factor
        return numbers

    @cached_property
    def _fixed_ratios(self) -> FloatArray:
        return np.array([t.ratio.ratios[0] for t in self.free_model.model.transitions])

    @cached_property
    def _begins(self) -> FloatArray:
        return np.concatenate([[0.0], rate_breaks(self.free_model.model)])

    @cached_property
    def _fixed_rates(self) -> FloatArray:
        return piecewise_rates(self.free_model.model)

    @cached_property
    def _class_ratios(self) -> FloatArray:
        model = self.free_model.model
        return np.array([model.class_ratios(c) for c in model.latent_classes])

    @cached_property
    def _class_shares(self) -> FloatArray:
        return np.array([c.probability for c in self.free_model.model.latent_classes])

    def rates(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return rates and class shares; see :func:`answer_markov`.

        SPEED: a model object for each vector would cost three times the solution itself
        (benchmarks/calibration.py); the slow way, :meth:`FreeModel.model_at`, is tested to agree.
        """
        rates = np.repeat(self._fixed_rates[:, None, :], len(values), axis=1)
        for k, what, piece, position, factor in self.free_model.hazard_places:
            transition = self.free_model.model.transitions[k]
            here: slice | FloatArray = slice(None)
            breaks = steps(transition.hazard)
            if breaks is not None and what == "rates":
                own = np.searchsorted(breaks, self._begins, side="right")
                here = own == piece
            ratio = transition.ratio.at(self._begins)[here]
            rates[here, :, k] = ratio[:, None] * values[:, position] * factor
        return rates[:, :, None, :] * self.ratios(values), self.shares(values)

    def ratios(self, values: FloatArray) -> FloatArray:
        """Return class ratios; shape (n, n_classes, n_transitions)."""
        ratios = np.repeat(self._class_ratios[None], len(values), axis=0)
        labels = [t.label for t in self.free_model.model.transitions]
        for k, what, position, factor in self.free_model.class_places:
            if what != "probability":
                ratios[:, k, labels.index(what)] = values[:, position] * factor
        return ratios

    def shares(self, values: FloatArray) -> FloatArray:
        """Return class probabilities; shape (n, n_classes)."""
        fixed = self._class_shares
        if self.only is not None:
            return np.tile(np.eye(fixed.size)[self.only], (len(values), 1))
        shares = np.repeat(fixed[None], len(values), axis=0)
        free = [c for c in self.free_model.class_places if c[1] == "probability"]
        if not free:
            return shares
        others = np.ones(fixed.size, dtype=bool)
        for k, _, position, factor in free:
            shares[:, k] = values[:, position] * factor
            others[k] = False
        left = np.clip(1 - shares[:, ~others].sum(axis=1), 0.0, None)
        rest = fixed[others].sum()
        shares[:, others] = left[:, None] * (fixed[others] / rest if rest > 0 else 0.0)
        return shares


def _of_classes(party: Party, parts: Sequence[Sojourns], *, n: int, n_panels: int) -> Sojourns:
    """Return how stays of each class end, in one first axis, from lists of ways out and states."""
    n_classes, n_later = party.later_state_of.shape
    stay = np.empty((n, n_classes, n_later + 1, n_panels))
    still = np.empty((n, n_classes, len(party.left) + 1, n_panels + 1))
    stay[:, :, -1], still[:, :, -1] = 1.0, 1.0
    begun = spread = np.zeros((n, n_classes, party.way_of.shape[1], n_panels))
    if parts:
        still[:, :, :-1] = _joined([part.stay_from_start for part in parts])[:, party.state_of]
        begun = _joined([part.begun for part in parts])[:, party.way_of]
    if n_later:
        later = [part for part in parts if part.stay.shape[1]]
        stay[:, :, :-1] = _joined([part.stay for part in later])[:, party.later_state_of]
        spread = _joined([part.spread for part in later])[:, party.later_way_of]
    return Sojourns(
        begun=_flat(begun), spread=_flat(spread), stay=_flat(stay), stay_from_start=_flat(still)
    )


def _joined(parts: Sequence[FloatArray]) -> FloatArray:
    """Return arrays beside each other along their second axis."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _flat(of_classes: FloatArray) -> FloatArray:
    """Return an array with its first two axes in one."""
    return of_classes.reshape(-1, *of_classes.shape[2:])
