"""Any model: the stated bound holds, probabilities are probabilities, order does not matter."""

from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import strategies
from lupusim.engines.exact import solve, time_in_state
from lupusim.model import Clock, LatentClass, MultiStateModel, Transition
from lupusim.model.hazards import PiecewiseExponentialHazard, WeibullHazard

TIMES = np.array([0.3, 0.5, 1.0, 1.7, 3.0])
QUICK = settings(
    max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@st.composite
def semi_markov(draw: st.DrawFn) -> MultiStateModel:
    """A model of reset clocks without treatment, solved by the renewal equations."""
    states = tuple("abcd"[: draw(st.integers(2, 4))])
    ways = draw(strategies.edges(states))
    hazards = [draw(strategies.hazards()) for _ in ways]
    transitions = tuple(
        Transition(from_state=a, to_state=b, hazard=hazard)
        for (a, b), hazard in zip(ways, hazards, strict=True)
    )
    return MultiStateModel(
        name="any", states=states, transitions=transitions, starts=draw(strategies.starts(states))
    )


def check_bound(model: MultiStateModel, n_steps: int) -> None:
    coarse = solve(model, TIMES, n_steps=n_steps)
    fine = solve(model, TIMES, n_steps=8 * n_steps)
    error = float(np.abs(coarse.probabilities - fine.probabilities).max())
    assert error <= coarse.error_bound
    assert np.all(fine.probabilities >= -fine.error_bound)
    np.testing.assert_allclose(coarse.probabilities.sum(axis=1), 1, atol=coarse.error_bound)


@QUICK
@given(semi_markov())
def test_the_bound_of_the_renewal_equations_holds_on_a_grid_eight_times_finer(
    model: MultiStateModel,
) -> None:
    check_bound(model, 64)


@QUICK
@given(strategies.models(clocks=(Clock.FORWARD,)))
def test_the_bound_of_the_forward_equations_holds_on_a_grid_eight_times_finer(
    model: MultiStateModel,
) -> None:
    check_bound(model, 32)


@settings(QUICK, max_examples=2)
@given(strategies.models())
def test_the_bound_of_mixed_clocks_and_effects_holds_on_a_grid_eight_times_finer(
    model: MultiStateModel,
) -> None:
    check_bound(model, 8)


@pytest.mark.slow
@settings(QUICK, max_examples=60)
@given(strategies.models())
def test_the_bound_holds_for_many_mixed_models(model: MultiStateModel) -> None:
    check_bound(model, 32)


@QUICK
@given(semi_markov())
def test_the_default_tolerance_is_kept_by_a_tenfold_finer_answer(model: MultiStateModel) -> None:
    solution = solve(model, TIMES)
    finer = solve(model, TIMES, tolerance=1e-8)
    assert solution.error_bound <= 1e-6
    assert np.abs(solution.probabilities - finer.probabilities).max() <= solution.error_bound


@QUICK
@given(semi_markov(), st.randoms(use_true_random=False))
def test_the_order_of_the_transitions_never_changes_the_law(model: MultiStateModel, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(model.transitions)
    random.shuffle(shuffled)
    other = replace(model, transitions=tuple(shuffled))
    np.testing.assert_array_equal(
        solve(model, TIMES, n_steps=32).probabilities, solve(other, TIMES, n_steps=32).probabilities
    )


@QUICK
@given(semi_markov())
def test_expected_times_in_all_states_add_up_to_the_time(model: MultiStateModel) -> None:
    assert time_in_state(model, 2.0, tolerance=1e-5).sum() == pytest.approx(2.0, abs=1e-5)


@pytest.mark.parametrize("n_steps", [64, 128])
def test_the_bound_sees_stays_that_a_coarse_grid_blurs(n_steps: int) -> None:
    """Negative control: short stays on a coarse grid are wrong, and said to be."""
    hazard = PiecewiseExponentialHazard(breaks=(0.11,), rates=(0.0, 60.0))
    quick = WeibullHazard(shape=3.0, scale=0.02)
    model = MultiStateModel(
        name="brief stays",
        states=("a", "b"),
        transitions=(
            Transition(from_state="a", to_state="b", hazard=hazard),
            Transition(from_state="b", to_state="a", hazard=quick),
        ),
        classes=(LatentClass(name="all", probability=1.0),),
    )
    coarse = solve(model, TIMES, n_steps=n_steps)
    default = solve(model, TIMES)
    fine = solve(model, TIMES, tolerance=1e-8)
    error = np.abs(coarse.probabilities - fine.probabilities).max()
    assert 1e-4 < error <= coarse.error_bound
    assert np.abs(default.probabilities - fine.probabilities).max() <= default.error_bound <= 1e-6
