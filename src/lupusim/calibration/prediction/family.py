"""All the models that a free model can be, answered in stacks of parameter vectors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from lupusim.arrays import FloatArray
from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.prediction.markov import (
    answer_markov,
    is_piecewise_constant,
    piecewise_rates,
    rate_breaks,
)
from lupusim.calibration.prediction.mesh import MOST_HAZARD
from lupusim.calibration.prediction.mesh_answers import answer_on_mesh
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
from lupusim.frozen import dataclass
from lupusim.model import Hazard
from lupusim.model.hazards import (
    WeibullHazard,
)
from lupusim.model.hazards.base import constant_rate, steps

_STACK = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exits:
    """How a state is left.

    Parameters
    ----------
    state : int
        Which.
    ways : list of int
        Transitions out of it.
    first : list of int
        A class of each kind that leaves it in a way of its own.
    which : list of int
        For each class its kind.
    """

    state: int
    ways: list[int]
    first: list[int]
    which: list[int]


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
            # SPEED: stacks that stay in the cache; 5000 vectors at once would fill a gigabyte.
            parts = [self._renewed(free[k : k + _STACK]) for k in range(0, len(free), _STACK)]
            return np.concatenate(parts)
        parts = [self._on_mesh(free[k : k + _STACK]) for k in range(0, len(free), _STACK)]
        return np.concatenate(parts) if parts else np.empty((0, len(self.questions)))

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
        free = {place[0] for place in self.free_model.hazard_places}
        return [
            self.free_model.hazards_at(k, values) if k in free else [t.hazard]
            for k, t in enumerate(self.free_model.model.transitions)
        ]

    @cached_property
    def renews(self) -> bool:
        """Whether every hazard runs on time in state, so that renewal equations hold."""
        return is_renewal(self.free_model.model)

    @cached_property
    def _plans(self) -> list[tuple[FloatArray, Plan]]:
        """Positions of questions that share a grid, early and late ones on grids of their own."""
        groups = horizons(np.array([question.time for question in self.questions]))
        model = self.free_model.model
        return [(own, plan(model, [self.questions[k] for k in own])) for own in groups]

    def _renewed(self, free: FloatArray) -> FloatArray:
        """Answer by the renewal equations."""
        values = self.free_model.natural(free)
        answers = np.empty((len(free), len(self.questions)))
        for positions, asked in self._plans:
            coarse = self._on_grid(values, asked, self.n_panels)
            fine = self._on_grid(values, asked, 2 * self.n_panels)
            answers[:, positions] = fine + (fine - coarse) / 3
        return answers

    def _on_grid(self, values: FloatArray, asked: Plan, n_panels: int) -> FloatArray:
        """Answer some questions on one grid; see :func:`answer_renewal`."""
        lags = lag_points(asked.times[-1], n_panels)
        kernels = self.kernels(values, lags)
        return answer_renewal(asked, kernels, shares=self.shares(values), lags=lags)

    def kernels(self, values: FloatArray, lags: Lags) -> Sojourns:
        """Return how stays end for each vector and class, in one first axis, classes together.

        The states of the model are followed by one that nobody leaves.
        """
        model = self.free_model.model
        ratios = self.ratios(values) * self._fixed_ratios
        shape = ratios.shape[:2]
        begun, spread = np.empty((2, *shape, len(model.transitions), lags.n_panels))
        stay = np.ones((*shape, len(model.states) + 1, lags.n_panels))
        still = np.ones((*shape, len(model.states) + 1, lags.n_panels + 1))
        for exits in self._exits:
            own = self._sojourns(exits.ways, values, ratios[:, exits.first][..., exits.ways], lags)
            parts = (own.begun, own.spread, own.stay[:, 0], own.stay_from_start[:, 0])
            by_class = [
                part.reshape(len(values), len(exits.first), *part.shape[1:])[:, exits.which]
                for part in parts
            ]
            begun[:, :, exits.ways], spread[:, :, exits.ways] = by_class[:2]
            stay[:, :, exits.state], still[:, :, exits.state] = by_class[2:]
        begun, spread, stay, still = (
            part.reshape(-1, *part.shape[2:]) for part in (begun, spread, stay, still)
        )
        return Sojourns(begun=begun, spread=spread, stay=stay, stay_from_start=still)

    def _sojourns(
        self, ways: Sequence[int], values: FloatArray, ratios: FloatArray, lags: Lags
    ) -> Sojourns:
        """Return how stays in one state end; in one first axis vectors and distinct classes.

        Parameters
        ----------
        ways : sequence of int
            Its transitions.
        values : (n, n_parameters) array
            Natural.
        ratios : (n, n_distinct, n_ways) array
            What multiplies their hazards.
        lags : Lags
            Where.
        """
        transitions = self.free_model.model.transitions
        if all(constant_rate(transitions[k].hazard) is not None for k in ways):
            rates = np.stack([self._numbers(k, values)["rate"] for k in ways], axis=-1)
            return memoryless((ratios * rates[:, None]).reshape(-1, len(ways)), lags)
        grown = np.stack([self._cumulative(k, values, lags.times) for k in ways], axis=1)
        cumulative = ratios[..., None] * grown[:, None]
        return sojourns(cumulative.reshape(-1, *grown.shape[1:]), lags)

    @cached_property
    def _exits(self) -> tuple[_Exits, ...]:
        """The states that can be left. SPEED: classes that leave one alike share its kernel."""
        model = self.free_model.model
        free = {(c, what) for c, what, *_ in self.free_model.class_places}
        ratios: list[list[object]] = [
            [
                (c, t.label) if (c, t.label) in free else ratio
                for t, ratio in zip(model.transitions, row, strict=True)
            ]
            for c, row in enumerate(self._class_ratios.tolist())
        ]
        found = []
        for state, name in enumerate(model.states):
            if ways := list(model.outgoing(name)):
                rows = [tuple(row[k] for k in ways) for row in ratios]
                kinds = list(dict.fromkeys(rows))
                found.append(
                    _Exits(
                        state=state,
                        ways=ways,
                        first=[rows.index(kind) for kind in kinds],
                        which=[kinds.index(row) for row in rows],
                    )
                )
        return tuple(found)

    def _cumulative(self, transition: int, values: FloatArray, lags: FloatArray) -> FloatArray:
        """Return one transition's cumulative hazards at lags; (n, n_lags).

        SPEED: a hazard object for each vector would cost more than all the rest; for the
        commonest families their formula stands here (the tests compare it to theirs).
        """
        hazard = self.free_model.model.transitions[transition].hazard
        if transition not in {place[0] for place in self.free_model.hazard_places}:
            grown = np.minimum(hazard.cumulative(lags), MOST_HAZARD)
            return np.broadcast_to(grown, (len(values), lags.size))
        if constant_rate(hazard) is not None:
            return np.asarray(self._numbers(transition, values)["rate"][:, None] * lags)
        if not isinstance(hazard, WeibullHazard):
            made = self.free_model.hazards_at(transition, values)
            return np.array([np.minimum(one.cumulative(lags), MOST_HAZARD) for one in made])
        numbers = self._numbers(transition, values)
        with np.errstate(over="ignore"):
            grown = (lags / numbers["scale"][:, None]) ** numbers["shape"][:, None]
        return np.asarray(np.minimum(grown, MOST_HAZARD))

    def _numbers(self, transition: int, values: FloatArray) -> dict[str, FloatArray]:
        """Return the parameters of one transition's hazard by name, (n,) each."""
        hazard = self.free_model.model.transitions[transition].hazard
        names: tuple[str, ...] = hazard.__slots__
        numbers = {name: np.full(len(values), getattr(hazard, name)) for name in names}
        for k, what, _, position, factor in self.free_model.hazard_places:
            if k == transition:
                numbers[what] = values[:, position] * factor
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
