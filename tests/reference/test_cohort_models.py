"""Cohort models: published traces, matrices of continuous models, generators."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

import lupusim
from lupusim.common.rng import stream
from lupusim.engines.cohort import course, walks
from lupusim.errors import NoExactSolutionError
from lupusim.model import Clock, MultiStateModel, Transition
from lupusim.model.hazards import ExponentialHazard, GompertzHazard, WeibullHazard
from tolerance import assert_within_mcse


def test_the_occupancy_of_sick_sicker_is_the_published_one() -> None:
    # Alarid-Escudero (2023), Med Decis Making 43:3, doi:10.1177/0272989X221103163
    found = lupusim.trace(lupusim.load_cohort_model("sick-sicker-yearly"), 5)
    assert found.loc[5].round(3).tolist() == [0.707, 0.206, 0.072, 0.015]
    assert found.loc[0].tolist() == [1, 0, 0, 0]


def test_single_patients_walk_as_the_cohort_does() -> None:
    model = lupusim.load_cohort_model("sick-sicker-yearly")
    states = walks(model, 10, 40_000, rng=stream(20260101, "walks"))
    expected = lupusim.trace(model, 10).to_numpy()
    for cycle in (1, 5, 10):
        for state, share in enumerate(expected[cycle]):
            if share > 0:
                mcse = np.sqrt(share * (1 - share) / 40_000)
                seen = float(np.mean(states[cycle] == state))
                assert_within_mcse(seen, float(share), mcse=float(mcse))
    with pytest.raises(ValueError, match="at least 1"):
        course(model, 0)


def test_a_continuous_model_in_cycles_is_itself_at_their_ends() -> None:
    model = lupusim.load_model("sick-sicker")
    monthly = lupusim.in_cycles(model, 1 / 12)
    found = lupusim.trace(monthly, 120).loc[[12, 60, 120]].to_numpy()
    np.testing.assert_allclose(found, lupusim.occupancy(model, [1, 5, 10]).to_numpy(), atol=1e-9)
    matrix = monthly.matrices(1)[0]
    np.testing.assert_allclose(
        matrix, lupusim.transition_probabilities(model, 1 / 12).to_numpy(), atol=1e-12
    )


def test_ageing_makes_matrices_differ() -> None:
    ways = (
        ("well", "ill", ExponentialHazard(rate=0.2)),
        ("well", "dead", GompertzHazard(shape=0.1, rate=0.01)),
        ("ill", "dead", GompertzHazard(shape=0.1, rate=0.05)),
    )
    model = MultiStateModel(
        name="ageing",
        states=("well", "ill", "dead"),
        transitions=tuple(
            Transition(from_state=a, to_state=b, hazard=h, clock=Clock.FORWARD) for a, b, h in ways
        ),
    )
    yearly = lupusim.in_cycles(model, 1.0, n_cycles=20)
    assert yearly.n_matrices == 20
    found = lupusim.trace(yearly, 20).loc[[3, 20]].to_numpy()
    np.testing.assert_allclose(found, lupusim.occupancy(model, [3, 20]).to_numpy(), atol=5e-6)


def test_a_memory_has_no_matrix() -> None:
    hazard = WeibullHazard(shape=2.0, scale=1.0)
    model = MultiStateModel(
        name="ageing stays",
        states=("well", "dead"),
        transitions=(Transition(from_state="well", to_state="dead", hazard=hazard),),
    )
    with pytest.raises(NoExactSolutionError, match=r"well -> dead .* runs on time in the state"):
        lupusim.in_cycles(model, 1.0)
    with pytest.raises(NoExactSolutionError, match="latent classes"):
        lupusim.in_cycles(lupusim.load_model("msc-durable"), 1.0)
    with pytest.raises(ValueError, match="must be above 0 years"):
        lupusim.in_cycles(lupusim.load_model("survival"), 0.0)


def test_a_generator_comes_back_from_its_matrix() -> None:
    rates = np.array([[0, 0.3, 0.05], [0.2, 0, 0.4], [0, 0, 0]])
    generator = rates - np.diag(rates.sum(axis=1))
    found = lupusim.closest_generator(expm(0.5 * generator), 0.5, states=("a", "b", "c"))
    assert found.exists
    assert found.words == "These constant hazards give the matrix."
    np.testing.assert_allclose(found.rates, generator, atol=1e-13)  # the logarithm, not a search
    again = found.model().transitions
    assert [(t.from_state, t.to_state) for t in again] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "a"),
        ("b", "c"),
    ]
    assert found.table().loc["b", "c"] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("sick-sicker-yearly", "healthy to sick and on to sicker can do both within one cycle"),
        ("hiv-chancellor", "its only logarithm has a hazard of -0.0"),
    ],
)
def test_published_matrices_have_no_generator(name: str, reason: str) -> None:
    model = lupusim.load_cohort_model(name)
    matrix = model.matrices(1)[0]
    found = lupusim.closest_generator(matrix, 1.0, states=model.states)
    assert not found.exists
    assert reason in found.words
    assert 0.005 < found.distance < 0.06
    # No generator near the one found comes closer.
    rng = stream(20260101, "around")
    best = ((found.closest - matrix) ** 2).sum()
    for _ in range(50):
        rates = np.maximum(found.rates * rng.uniform(0.9, 1.1, matrix.shape), 0.0)
        np.fill_diagonal(rates, 0.0)
        nearby = expm(rates - np.diag(rates.sum(axis=1)))
        assert ((nearby - matrix) ** 2).sum() >= best


def test_counts_are_met_by_maximum_likelihood() -> None:
    counts = np.array([[60.0, 30, 0, 10], [5, 50, 40, 5], [0, 0, 80, 20], [0, 0, 0, 0]])
    found = lupusim.closest_generator(counts, 1.0)
    assert not found.exists
    assert found.matrix[3].tolist() == [0, 0, 0, 1]

    def likelihood(closest: np.ndarray) -> float:
        return float((counts * np.log(np.maximum(closest, 1e-300))).sum())

    least = lupusim.closest_generator(found.matrix, 1.0)
    assert likelihood(found.closest) >= likelihood(least.closest)


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        ([[0.2, 0.8], [0.8, 0.2]], r"determinant -0\.6 is not above 0"),
        ([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.8, 0.1, 0.1]], "product of its diagonal"),
    ],
)
def test_what_rules_a_generator_out_is_said(matrix: list[list[float]], reason: str) -> None:
    found = lupusim.closest_generator(matrix, 1.0)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(found.closest, matrix, atol=0.01)
    assert pytest.importorskip("re").search(reason, found.reason)


@pytest.mark.parametrize(
    ("matrix", "cycle", "message"),
    [
        ([[0.5, 0.5]], 1.0, "must be square"),
        ([[1.5, -0.5], [0, 1]], 1.0, "0 or above"),
        ([[0.5, 0.4], [0, 1]], 1.0, r"'state 1' sums to 0\.9"),
        ([[0.5, 0.5], [0, 1]], 0.0, "must be above 0 years"),
    ],
)
def test_what_is_no_matrix_is_refused(
    matrix: list[list[float]], cycle: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        lupusim.closest_generator(matrix, cycle)
