"""How long stays last: from the entry of some states, whenever that is, to the exit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.prediction.family import Family
from lupusim.calibration.prediction.predict import answer
from lupusim.calibration.prediction.renewal import N_PANELS, is_renewal
from lupusim.calibration.targets.questions import EverIn, FirstIn, LeftWithin, Question, is_of_stays
from lupusim.common.arrays import FloatArray
from lupusim.model import MultiStateModel, Start

_NOBODY = 1e-12


class StayFamily:
    """Answers any questions, those about stays among them, for many parameter vectors.

    A stay is followed from its entry, on a model that starts there: for each class of
    patients and each state that is entered first, weighted with how many enter it so.

    Parameters
    ----------
    free_model : FreeModel
        The model and its free parameters.
    questions : sequence of Question
        What to answer.
    n_panels : int
        Grid of the renewal equations.

    Raises
    ------
    ValueError
        If a stay is asked about and a hazard runs on study time.
    """

    def __init__(
        self, free_model: FreeModel, questions: Sequence[Question], *, n_panels: int
    ) -> None:
        self.free_model = free_model
        self.questions = tuple(questions)
        self.n_panels = n_panels
        if any(is_of_stays(q) for q in questions):
            check_stays(free_model.model)
        self._plain = [k for k, q in enumerate(self.questions) if not is_of_stays(q)]
        asked = [self.questions[k] for k in self._plain]
        self._family = Family(free_model, asked, n_panels=n_panels)

    def answers(self, free: FloatArray) -> FloatArray:
        """Return answers, shape (n, n_questions), for vectors of shape (n, n_parameters)."""
        found = np.empty((len(free), len(self.questions)))
        if self._plain:
            found[:, self._plain] = self._family.answers(free)
        for k, question in enumerate(self.questions):
            if is_of_stays(question):
                found[:, k] = self._left(free, question)
        return found

    def _left(self, free: FloatArray, question: LeftWithin) -> FloatArray:
        outside = _outside(self.free_model.model, question.states)
        firsts = [FirstIn(state, question.states, question.by) for state in question.states]
        enter = self._by_class(self.free_model, firsts, free)
        leave = np.stack(
            [
                self._by_class(
                    replace(self.free_model, model=_starting(self.free_model.model, state)),
                    [EverIn(outside, question.time)],
                    free,
                )[..., 0]
                for state in question.states
            ],
            axis=-1,
        )
        shares = Family(self.free_model, ()).shares(self.free_model.natural(free))
        weights = enter * shares[:, :, None]
        total = np.maximum(weights.sum(axis=(1, 2)), 1e-300)
        return np.asarray((weights * leave).sum(axis=(1, 2)) / total)

    def _by_class(
        self, free_model: FreeModel, questions: Sequence[Question], free: FloatArray
    ) -> FloatArray:
        """Return answers of each class of patients; (n, n_classes, n_questions)."""
        family = Family(free_model, questions, n_panels=self.n_panels)
        return family.answers_by_class(free)


def left_within(model: MultiStateModel, question: LeftWithin) -> float:
    """Return one model's answer, on a grid four times finer; see :class:`StayFamily`."""
    fixed = FreeModel(model=model, parameters=())
    family = StayFamily(fixed, [question], n_panels=4 * N_PANELS)
    return float(family.answers(np.zeros((1, 0)))[0, 0])


def answer_all(model: MultiStateModel, questions: Sequence[Question]) -> FloatArray:
    """Return one model's answers, (1, n_questions), those about stays among them."""
    of_stays = np.array([is_of_stays(q) for q in questions], dtype=bool)
    found = np.empty((1, of_stays.size))
    if not of_stays.all():
        plain = [q for q, is_stay in zip(questions, of_stays, strict=True) if not is_stay]
        found[:, ~of_stays] = answer([model], plain)
    found[0, of_stays] = [left_within(model, q) for q in questions if is_of_stays(q)]
    return found


def check_stays(model: MultiStateModel) -> None:
    """Raise ValueError if hazards run on study time: a stay then depends on when it begins."""
    if not is_renewal(model):
        raise ValueError(
            "stays are timed from their entry, and the model's hazards run on study time. Choose "
            "'clock: reset'"
        )


def _outside(model: MultiStateModel, states: Sequence[str]) -> tuple[str, ...]:
    return tuple(state for state in model.states if state not in states)


def _starting(model: MultiStateModel, state: str) -> MultiStateModel:
    # A model has no state that nobody reaches: the former starts keep next to nothing.
    others = tuple(replace(s, probability=_NOBODY * s.probability) for s in model.starts)
    return replace(model, starts=(Start(state=state, probability=1 - _NOBODY), *others))
