"""The fast answers of calibration against the exact engine, which shares no code with them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from lupusim.calibration.estimation.parameters import (
    FreeModel,
    FreeParameter,
    NormalPrior,
    Transform,
)
from lupusim.calibration.prediction.family import Family
from lupusim.calibration.prediction.markov import exponential
from lupusim.calibration.prediction.predict import answer, answer_any
from lupusim.calibration.targets.questions import (
    EverAfter,
    EverIn,
    FirstMove,
    InStates,
    Moves,
    TimeBeforeMove,
    YearsIn,
)
from lupusim.common.rng import stream
from lupusim.model import Clock, LatentClass, MultiStateModel, Start, Transition
from lupusim.model.hazards import ExponentialHazard, PiecewiseExponentialHazard, WeibullHazard
from tolerance import SEED

STATES = ("a", "b", "c", "death")
QUESTIONS = (
    InStates(("b",), 0.3),
    InStates(("a", "c"), 5.0),
    EverIn(("b", "c"), 0.7),
    EverIn(("death",), 5.0),
    EverAfter(("b",), ("c",), 2.0),
    EverAfter(("b", "c"), ("a",), 4.0),
    FirstMove(("b",), ("c", "death"), 3.0),
    TimeBeforeMove(("b",), ("c", "death"), 3.0),
)


def model(first: object, back: object, clock: Clock = Clock.RESET) -> MultiStateModel:
    def way(origin: str, to: str, hazard: object) -> Transition:
        return Transition(from_state=origin, to_state=to, hazard=hazard, clock=clock)  # type: ignore[arg-type]

    return MultiStateModel(
        name="four states",
        states=STATES,
        transitions=(
            way("a", "b", first),
            way("b", "c", ExponentialHazard(rate=0.4)),
            way("c", "a", back),
            way("a", "death", ExponentialHazard(rate=0.1)),
            way("b", "death", ExponentialHazard(rate=0.05)),
        ),
        starts=(Start(state="a", probability=0.8), Start(state="b", probability=0.2)),
        classes=(
            LatentClass(name="quick", probability=0.3, hazard_ratios={("a", "b"): 3.0}),
            LatentClass(name="slow", probability=0.7, hazard_ratios={("c", "a"): 0.0}),
        ),
    )


CONSTANT = model(ExponentialHazard(rate=0.8), ExponentialHazard(rate=0.6))
PIECEWISE = model(
    PiecewiseExponentialHazard(breaks=(0.5, 1.0), rates=(2.0, 0.8, 0.1)),
    ExponentialHazard(rate=0.6),
    Clock.FORWARD,
)
WEIBULL = model(WeibullHazard(shape=0.6, scale=1.5), WeibullHazard(shape=1.4, scale=2.0))


def test_the_batched_exponential_equals_scipys() -> None:
    matrices = (
        stream(SEED, "matrices").normal(size=(5, 6, 6))
        * np.array([1e-3, 0.1, 1, 3, 9])[:, None, None]
    )
    for ours, matrix in zip(exponential(matrices), matrices, strict=True):
        theirs = expm(matrix)
        np.testing.assert_allclose(ours, theirs, atol=1e-11 * np.abs(theirs).max())


@pytest.mark.parametrize("case", [CONSTANT, PIECEWISE], ids=["constant", "piecewise"])
def test_constant_hazards_agree_with_the_exact_engine(case: MultiStateModel) -> None:
    exact = answer_any(case, QUESTIONS, 1e-8)
    np.testing.assert_allclose(answer([case], QUESTIONS)[0], exact, atol=2e-8)


def fixed(case: MultiStateModel) -> FreeModel:
    """A free model whose one free parameter is a death rate."""
    deaths = FreeParameter(
        name="death",
        places={"a -> death.rate": 1.0, "b -> death.rate": 0.5},
        transform=Transform.LOG,
        prior=NormalPrior(mean=np.log(0.1), sd=1.0),
    )
    return FreeModel(model=case, parameters=(deaths,))


def test_renewal_equations_agree_with_the_exact_engine() -> None:
    # A hazard that is infinite at study time 0 is the hardest case there is.
    exact = answer_any(WEIBULL, QUESTIONS, 1e-7)
    ours = Family(fixed(WEIBULL), QUESTIONS).answers(np.log([[0.1]]))[0]
    np.testing.assert_allclose(ours, exact, atol=6e-4)


def test_classes_are_parted_by_what_is_closed_to_them() -> None:
    family = Family(fixed(WEIBULL), QUESTIONS)
    assert [(party.classes, set(party.closed)) for party in family.parties] == [
        ([0], set()),
        ([1], {2}),
    ]


def test_stays_that_no_question_needs_are_not_followed() -> None:
    # Nobody leaves b once it counts as reached, and nobody comes to c.
    family = Family(fixed(WEIBULL), [EverIn(("b",), 3.0)])
    (among, _), *_ = family._plans[0][1]
    assert among.left == [0]
    together = Family(fixed(WEIBULL), [EverIn(("b",), 3.0), InStates(("c",), 3.0)])
    alone = family.answers(np.log([[0.1]]))[0, 0]
    assert alone == pytest.approx(together.answers(np.log([[0.1]]))[0, 0], rel=1e-13)


def test_renewal_equations_agree_where_hazards_are_finite_at_the_start() -> None:
    later = model(ExponentialHazard(rate=2.0), WeibullHazard(shape=0.3, scale=50.0))
    exact = answer_any(later, QUESTIONS, 1e-7)
    ours = Family(fixed(later), QUESTIONS).answers(np.log([[0.1]]))[0]
    np.testing.assert_allclose(ours, exact, atol=1e-4)


def test_a_finer_grid_of_the_renewal_equations_is_closer() -> None:
    exact = answer_any(WEIBULL, QUESTIONS, 1e-7)
    gaps = [
        np.abs(Family(fixed(WEIBULL), QUESTIONS, n_panels=n).answers(np.log([[0.1]]))[0] - exact)
        for n in (12, 48)
    ]
    assert gaps[1].max() < gaps[0].max() / 2


@pytest.mark.parametrize("case", [CONSTANT, WEIBULL], ids=["constant", "weibull"])
def test_a_wrong_hazard_is_far_outside_the_tolerance(case: MultiStateModel) -> None:
    exact = answer_any(case, QUESTIONS, 1e-7)
    wrong = Family(fixed(case), QUESTIONS).answers(np.log([[0.105]]))[0]
    assert np.abs(wrong - exact).max() > 2e-3


def test_many_vectors_at_once_equal_one_model_each() -> None:
    free_model = FreeModel(
        model=WEIBULL,
        parameters=(
            FreeParameter(
                name="quick",
                places={"classes.quick.probability": 1.0},
                transform=Transform.LOGIT,
                prior=NormalPrior(mean=0.0, sd=1.0),
            ),
            FreeParameter(
                name="ratio",
                places={"classes.quick.hazard_ratios.a -> b": 1.0},
                transform=Transform.LOG,
                prior=NormalPrior(mean=1.0, sd=1.0),
            ),
            FreeParameter(
                name="shape",
                places={"a -> b.shape": 1.0, "c -> a.shape": 2.0},
                transform=Transform.LOG,
                prior=NormalPrior(mean=0.0, sd=1.0),
            ),
        ),
    )
    vectors = np.array([[0.0, 1.0, -0.3], [-1.0, 0.2, 0.1]])
    stacked = Family(free_model, QUESTIONS).answers(vectors)
    for row, vector in zip(stacked, vectors, strict=True):
        alone = answer_any(free_model.model_at(vector), QUESTIONS, 1e-7)
        np.testing.assert_allclose(row, alone, atol=6e-4)


def test_the_order_of_transitions_does_not_matter() -> None:
    from dataclasses import replace

    turned = replace(CONSTANT, transitions=CONSTANT.transitions[::-1])
    np.testing.assert_allclose(
        answer([turned], QUESTIONS), answer([CONSTANT], QUESTIONS), atol=1e-12
    )


def test_constant_hazards_and_a_weibulls_of_shape_one_agree_on_time_in_state() -> None:
    """Stays that end at a constant rate are followed by a formula of their own."""
    back = WeibullHazard(shape=1.4, scale=2.0)
    cases = (ExponentialHazard(rate=0.8), WeibullHazard(shape=1.0, scale=1 / 0.8))
    asked = (*QUESTIONS, YearsIn(("a", "b"), 4.0), Moves(("b",), ("c",), 4.0))
    formula, general = (
        Family(fixed(model(first, back)), asked).answers(np.log([[0.1], [0.2]])) for first in cases
    )
    np.testing.assert_allclose(formula, general, atol=1e-12)
