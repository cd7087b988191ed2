"""Probabilities of paths: by matrix exponentials, by phases, by the exact engine."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import expm

from lupusim.calibration.estimation.parameters import (
    FreeModel,
    FreeParameter,
    NormalPrior,
    Transform,
)
from lupusim.calibration.prediction.mesh_answers import answer_on_mesh
from lupusim.calibration.prediction.path_family import PathFamily
from lupusim.calibration.prediction.path_tree import TooManyPathsError, path_tree
from lupusim.calibration.prediction.predict import answer, answer_any
from lupusim.calibration.targets.questions import (
    EverAfter,
    EverIn,
    FirstMove,
    InStates,
    Moves,
    YearsIn,
)
from lupusim.model import CLOCKS, Clock, LatentClass, MultiStateModel, Start, Transition
from lupusim.model.hazards import ExponentialHazard, GammaHazard, Hazard, WeibullHazard

STATES = ("a", "b", "death")


def ways(back: Hazard, clock: Clock = Clock.RESET) -> MultiStateModel:
    edges = (
        ("a", "b", ExponentialHazard(rate=1.2)),
        ("b", "a", back),
        ("a", "death", ExponentialHazard(rate=0.15)),
        ("b", "death", ExponentialHazard(rate=0.05)),
    )
    return MultiStateModel(
        name="there and back",
        states=STATES,
        transitions=tuple(
            Transition(from_state=o, to_state=t, hazard=h, clock=clock) for o, t, h in edges
        ),
    )


def free(model: MultiStateModel) -> FreeModel:
    parameter = FreeParameter(
        name="a to b",
        places={"a -> b.rate": 1.0},
        transform=Transform.LOG,
        prior=NormalPrior(mean=0.0, sd=1.0),
    )
    return FreeModel(model=model, parameters=(parameter,))


RATE = np.log([[1.2]])
LOOKS = (
    InStates(("b",), 0.4),
    InStates(("b",), 1.0),
    EverIn(("b",), 1.0),
    InStates(("death",), 2.0),
)


def test_paths_of_a_markov_model_are_products_of_matrix_exponentials() -> None:
    model = ways(ExponentialHazard(rate=0.7))
    tree = path_tree(model, LOOKS)
    ours = dict(
        zip(
            map(tuple, tree.answers.tolist()),
            PathFamily(free(model), tree).probabilities(RATE)[0],
            strict=True,
        )
    )
    q = np.array([[-1.35, 1.2, 0.15], [0.7, -0.75, 0.05], [0, 0, 0]])
    early, middle, late = (expm(q * step) for step in (0.4, 0.6, 1.0))
    in_b = np.diag([0.0, 1, 0])
    both = np.array([1.0, 0, 0]) @ early @ in_b @ middle @ in_b @ late
    assert ours[True, True, True, True] == pytest.approx(both[2], abs=1e-12)
    never = math.exp(-1.35) + 0.15 / 1.35 * (1 - math.exp(-1.35))
    total = sum(p for path, p in ours.items() if not path[2])
    assert total == pytest.approx(never, abs=1e-12)
    assert sum(ours.values()) == pytest.approx(1, abs=1e-12)


def test_paths_of_a_semi_markov_model_are_those_of_its_phases() -> None:
    """A gamma sojourn of shape 2 is two exponential ones in a row, which a matrix can do."""
    model = ways(GammaHazard(shape=2.0, rate=1.5))
    # Death leaves b at 0.05 from both phases.
    q = np.array(
        [[-1.35, 1.2, 0, 0.15], [0, -1.55, 1.5, 0.05], [1.5, 0, -1.55, 0.05], [0, 0, 0, 0]]
    )
    tree = path_tree(model, LOOKS[:2])
    ours = dict(
        zip(
            map(tuple, tree.answers.tolist()),
            PathFamily(free(model), tree).probabilities(RATE)[0],
            strict=True,
        )
    )
    early, middle = expm(q * 0.4), expm(q * 0.6)
    in_b = np.diag([0.0, 1, 1, 0])
    both = (np.array([1.0, 0, 0, 0]) @ early @ in_b @ middle @ in_b).sum()
    assert ours[True, True] == pytest.approx(both, abs=2e-5)
    first = (np.array([1.0, 0, 0, 0]) @ early @ in_b).sum()
    assert ours[True, False] == pytest.approx(first - both, abs=2e-5)


@pytest.mark.parametrize("clock", list(CLOCKS.values()))
def test_paths_sum_to_what_the_exact_engine_says(clock: Clock) -> None:
    model = ways(WeibullHazard(shape=0.6, scale=1.3), clock)
    asked = (EverAfter(("b",), ("a",), 0.7), InStates(("a",), 2.0), EverIn(("death",), 2.0))
    tree = path_tree(model, asked)
    ours = PathFamily(free(model), tree).probabilities(RATE)[0] @ tree.answers
    np.testing.assert_allclose(ours, answer_any(model, asked, 1e-6), atol=3e-4)


def test_a_coarse_mesh_is_near_the_fine_one() -> None:
    model = ways(WeibullHazard(shape=0.6, scale=1.3))
    tree = path_tree(model, LOOKS)
    fine, coarse = (
        PathFamily(free(model), tree, is_coarse=is_coarse).probabilities(RATE)
        for is_coarse in (False, True)
    )
    np.testing.assert_allclose(coarse, fine, atol=5e-3)


def test_a_first_move_is_told_from_an_entry_by_another_way() -> None:
    model = ways(ExponentialHazard(rate=0.7))
    asked = (FirstMove(("b",), ("death",), 2.0), EverIn(("death",), 2.0))
    tree = path_tree(model, asked)
    ours = PathFamily(free(model), tree).probabilities(RATE)[0] @ tree.answers
    np.testing.assert_allclose(ours, answer_any(model, asked, 1e-6), atol=1e-7)


def test_more_paths_than_can_be_summed_over_are_refused() -> None:
    asked = [InStates(("a",), 0.1 * k) for k in range(1, 14)]
    with pytest.raises(TooManyPathsError):
        path_tree(ways(ExponentialHazard(rate=0.7)), asked)


def test_all_moves_of_a_semi_markov_model_are_those_of_its_phases() -> None:
    model = ways(GammaHazard(shape=2.0, rate=1.5))
    q = np.array(
        [[-1.35, 1.2, 0, 0.15], [0, -1.55, 1.5, 0.05], [1.5, 0, -1.55, 0.05], [0, 0, 0, 0]]
    )
    # Integrals of the occupancy: the exponential of an enlarged matrix (Van Loan 1978).
    large = np.block([[q, np.eye(4)], [np.zeros((4, 8))]])
    years = expm(large * 3.0)[0, 4:]
    asked = (Moves(("b",), ("a",), 3.0), YearsIn(("b",), 3.0))
    expected = [years[2] * 1.5, years[1] + years[2]]
    np.testing.assert_allclose(answer([model], asked)[0], expected, atol=3e-5)


def test_all_moves_of_a_markov_model_are_rate_times_years() -> None:
    model = ways(ExponentialHazard(rate=0.7))
    moves, years = answer([model], (Moves(("b",), ("a",), 3.0), YearsIn(("b",), 3.0)))[0]
    assert moves == pytest.approx(0.7 * years, rel=1e-10)


@pytest.mark.parametrize("clock", list(CLOCKS.values()))
def test_the_mesh_agrees_with_the_exact_engine_where_patients_come_with_a_past(
    clock: Clock,
) -> None:
    base = ways(WeibullHazard(shape=1.4, scale=1.1), clock)
    model = MultiStateModel(
        name="past",
        states=STATES,
        transitions=base.transitions,
        starts=(
            Start(state="a", probability=0.4),
            Start(state="b", probability=0.6, time_in_state=0.8),
        ),
        classes=(
            LatentClass(name="quick", probability=0.3, hazard_ratios={("b", "a"): 3.0}),
            LatentClass(name="slow", probability=0.7),
        ),
    )
    asked = (
        InStates(("b",), 0.0),
        InStates(("b",), 1.0),
        EverIn(("death",), 2.0),
        YearsIn(("a",), 2.0),
    )
    ours = answer_on_mesh(
        model,
        asked,
        [[t.hazard] for t in model.transitions],
        ratios=np.array([[model.class_ratios(c) for c in model.latent_classes]]),
        shares=np.array([[0.3, 0.7]]),
    )[0]
    np.testing.assert_allclose(ours, answer_any(model, asked, 1e-6), atol=3e-4)
