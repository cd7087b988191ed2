"""The exact engine against closed forms, phase-type expm, ODE solvers and brute force."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.linalg import expm

from lupusim.common.arrays import FloatArray
from lupusim.engines.exact import ever, ever_after, solve, time_in_state
from lupusim.model import CLOCKS, Clock, MultiStateModel, PiecewiseRatio, Start, Transition
from lupusim.model.hazards import (
    ExponentialHazard,
    GammaHazard,
    GompertzHazard,
    Hazard,
    PiecewiseExponentialHazard,
    WeibullHazard,
)

TIMES = np.array([0.25, 1.0, 2.5, math.pi, 10.0])


def step(
    edge: tuple[str, str],
    hazard: Hazard,
    *,
    clock: Clock = Clock.RESET,
    ratio: PiecewiseRatio | None = None,
) -> Transition:
    return Transition(
        from_state=edge[0],
        to_state=edge[1],
        hazard=hazard,
        clock=clock,
        ratio=ratio or PiecewiseRatio(),
    )


def weibull(edge: tuple[str, str], shape: float, scale: float, **rest: object) -> Transition:
    return step(edge, WeibullHazard(shape=shape, scale=scale), **rest)  # type: ignore[arg-type]


def model_of(*transitions: Transition, **rest: object) -> MultiStateModel:
    states = dict.fromkeys(s for t in transitions for s in (t.from_state, t.to_state))
    return MultiStateModel(name="test", states=tuple(states), transitions=transitions, **rest)  # type: ignore[arg-type]


def expm_of(rates: FloatArray, time: float) -> FloatArray:
    generator = rates - np.diag(rates.sum(axis=1))
    return np.asarray(expm(generator * time))


RATES = np.array([[0, 1.0, 0.5], [2.0, 0, 1 / 3], [0, 0, 0]])
CYCLE = [("a", "b", 1.0), ("b", "a", 2.0), ("a", "c", 0.5), ("b", "c", 1 / 3)]


def test_constant_hazards_are_the_matrix_exponential() -> None:
    model = model_of(*(step((u, v), ExponentialHazard(rate=r)) for u, v, r in CYCLE))
    solution = solve(model, TIMES)
    expected = np.stack([expm_of(RATES, t)[0] for t in TIMES])
    assert solution.method == "matrix exponential"
    np.testing.assert_allclose(solution.probabilities, expected, atol=1e-12)


@pytest.mark.parametrize("clock", list(CLOCKS.values()))
def test_weibull_hazards_of_shape_one_are_the_matrix_exponential(clock: Clock) -> None:
    model = model_of(*(weibull((u, v), 1.0, 1 / r, clock=clock) for u, v, r in CYCLE))
    solution = solve(model, TIMES)
    expected = np.stack([expm_of(RATES, t)[0] for t in TIMES])
    error = np.abs(solution.probabilities - expected).max()
    assert error <= solution.error_bound <= 1e-6


def test_piecewise_ratios_multiply_pieces_of_the_matrix_exponential() -> None:
    ratio = PiecewiseRatio(breaks=(0.7, 3.0), ratios=(1.0, 0.2, 2.0))
    transitions = [
        step((u, v), ExponentialHazard(rate=r), ratio=ratio if v == "c" else None)
        for u, v, r in CYCLE
    ]
    pieces = [RATES * np.where(np.arange(3) == 2, factor, 1) for factor in ratio.ratios]
    expected = expm_of(pieces[0], 0.7) @ expm_of(pieces[1], 2.3) @ expm_of(pieces[2], 7.0)
    solution = solve(model_of(*transitions), [10.0])
    np.testing.assert_allclose(solution.probabilities[0], expected[0], atol=1e-12)


def test_piecewise_ratios_on_reset_clocks_of_shape_one_are_the_matrix_exponential() -> None:
    ratio = PiecewiseRatio(breaks=(0.7, 3.0), ratios=(1.0, 0.2, 2.0))
    transitions = [
        weibull((u, v), 1.0, 1 / r, ratio=ratio if v == "c" else None) for u, v, r in CYCLE
    ]
    pieces = [RATES * np.where(np.arange(3) == 2, factor, 1) for factor in ratio.ratios]
    expected = expm_of(pieces[0], 0.7) @ expm_of(pieces[1], 2.3) @ expm_of(pieces[2], 2.0)
    solution = solve(model_of(*transitions), [0.7, 3.0, 5.0], tolerance=1e-5)
    assert solution.method == "nonhomogeneous renewal equations"
    error = np.abs(solution.probabilities[2] - expected[0]).max()
    assert error <= solution.error_bound <= 1e-5


def test_the_whole_life_of_illness_and_death_is_its_double_integral() -> None:
    """Closed form: ill at t = integral over the time s of falling ill, Weibull on reset clocks."""
    onset = WeibullHazard(shape=0.6, scale=2.0)
    early = WeibullHazard(shape=1.3, scale=6.0)
    late = WeibullHazard(shape=0.7, scale=3.0)
    model = model_of(
        step(("well", "ill"), onset), step(("ill", "dead"), late), step(("well", "dead"), early)
    )

    def stays_well(time: float) -> float:
        at = np.array(time)
        return math.exp(-float(onset.cumulative(at) + early.cumulative(at)))

    def ill(time: float) -> float:
        def density(root: float) -> float:  # s = root ** 4 takes away the infinite hazard at 0
            s = root**4
            left = math.exp(-float(late.cumulative(np.array(time - s))))
            return stays_well(s) * float(onset.hazard(np.array(s))) * left * 4 * root**3

        return float(quad(density, 0, time**0.25, epsabs=1e-11, epsrel=1e-11, limit=400)[0])

    solution = solve(model, TIMES)
    np.testing.assert_allclose(
        solution.probabilities[:, 0], [stays_well(t) for t in TIMES], atol=1e-6
    )
    error = np.abs(solution.probabilities[:, 1] - [ill(t) for t in TIMES]).max()
    assert error <= solution.error_bound <= 1e-6


def test_alternating_erlang_stays_are_a_phase_type_chain() -> None:
    """A gamma stay of shape 2 or 3 is a chain of 2 or 3 exponential phases."""
    model = model_of(
        step(("up", "down"), GammaHazard(shape=2.0, rate=1.5)),
        step(("down", "up"), GammaHazard(shape=3.0, rate=4.0)),
    )
    phases = np.diag([1.5, 1.5, 4.0, 4.0], k=1)
    phases[4, 0] = 4.0
    expected = [expm_of(phases, t)[0, :2].sum() for t in TIMES]
    solution = solve(model, TIMES)
    error = np.abs(solution.probabilities[:, 0] - expected).max()
    assert error <= solution.error_bound <= 1e-6


def test_time_spent_in_an_erlang_stay_shifts_its_phase() -> None:
    model = model_of(
        step(("up", "down"), GammaHazard(shape=2.0, rate=1.5)),
        step(("down", "up"), GammaHazard(shape=3.0, rate=4.0)),
        starts=(
            Start(state="up", probability=0.3),
            Start(state="up", probability=0.7, time_in_state=0.8),
        ),
    )
    phases = np.diag([1.5, 1.5, 4.0, 4.0], k=1)
    phases[4, 0] = 4.0
    second = 1.5 * 0.8 / (1 + 1.5 * 0.8)  # of those still up after 0.8, in their second phase
    start = np.array([0.3 + 0.7 * (1 - second), 0.7 * second, 0, 0, 0])
    expected = [(start @ expm_of(phases, t))[:2].sum() for t in TIMES]
    solution = solve(model, TIMES)
    error = np.abs(solution.probabilities[:, 0] - expected).max()
    assert error <= solution.error_bound <= 1e-6


def test_forward_clocks_are_the_solution_of_the_kolmogorov_equations() -> None:
    hazards = {
        (0, 1): WeibullHazard(shape=1.8, scale=2.0),
        (1, 0): GompertzHazard(shape=0.2, rate=0.3),
        (0, 2): GompertzHazard(shape=0.1, rate=0.05),
        (1, 2): WeibullHazard(shape=2.5, scale=6.0),
    }
    names = ("a", "b", "c")
    model = model_of(
        *(step((names[i], names[j]), h, clock=Clock.FORWARD) for (i, j), h in hazards.items())
    )

    def slope(time: float, p: FloatArray) -> FloatArray:
        change = np.zeros(3)
        for (i, j), hazard in hazards.items():
            flow = p[i] * float(hazard.hazard(np.array(time)))
            change[i] -= flow
            change[j] += flow
        return change

    ode = solve_ivp(
        slope, (0, 10), [1.0, 0, 0], method="DOP853", t_eval=TIMES, rtol=1e-12, atol=1e-13
    )
    solution = solve(model, TIMES)
    error = np.abs(solution.probabilities - ode.y.T).max()
    assert error <= solution.error_bound <= 1e-6


def test_piecewise_constant_reset_hazards_are_right_at_their_breaks() -> None:
    """First stays by hand; the second state is left at a rate of 0.4, a convolution in pieces."""
    hazard = PiecewiseExponentialHazard(breaks=(0.5, 1.0), rates=(2.0, 0.1, 1.0))
    model = model_of(step(("a", "b"), hazard), weibull(("b", "c"), 1.0, 2.5))
    times = np.array([0.5, 0.75, 1.0, 2.0])
    solution = solve(model, times)

    def in_b(time: float) -> float:
        total, survival = 0.0, 1.0
        for begin, end, rate in ((0.0, 0.5, 2.0), (0.5, 1.0, 0.1), (1.0, 9.0, 1.0)):
            stop = max(begin, min(end, time))
            # survival * rate * exp(-rate (s - begin)) * exp(-0.4 (time - s)), s in the piece
            grows = math.exp((0.4 - rate) * (stop - begin)) - 1
            total += survival * rate * math.exp(-0.4 * (time - begin)) * grows / (0.4 - rate)
            survival *= math.exp(-rate * (stop - begin))
        return total

    error = np.abs(solution.probabilities[:, 1] - [in_b(t) for t in times]).max()
    assert error <= solution.error_bound <= 1e-6


def test_breaks_that_fit_no_common_grid_are_met_on_either_side() -> None:
    """Two stays in turn; the mean of the second by hand, breaks at 1/3 and the root of 2."""
    hazard = PiecewiseExponentialHazard(breaks=(1 / 3, math.sqrt(2)), rates=(2.0, 0.1, 1.0))
    model = model_of(step(("a", "b"), hazard), weibull(("b", "c"), 1.0, 2.5))
    times = np.array([1 / 3, 1.0, math.sqrt(2), 1.4143, 3.7])

    def in_b(time: float) -> float:
        def density(s: float) -> float:
            at = np.array(s)
            return float(hazard.hazard(at) * np.exp(-hazard.cumulative(at))) * math.exp(
                -0.4 * (time - s)
            )

        edges = [0.0, *(b for b in hazard.breaks if b < time), time]
        pieces = (quad(density, a, b, epsabs=1e-12)[0] for a, b in pairwise(edges))
        return float(sum(pieces))

    solution = solve(model, times)
    error = np.abs(solution.probabilities[:, 1] - [in_b(t) for t in times]).max()
    assert error <= solution.error_bound <= 1e-6


def test_both_clocks_out_of_one_state_are_solved_with_cycles() -> None:
    """Weibull shape 1 on the reset clock is constant, so that the forward clocks give the truth."""
    ageing = GompertzHazard(shape=0.15, rate=0.1)
    mixed = model_of(
        weibull(("a", "b"), 1.0, 1.0),
        weibull(("b", "a"), 1.0, 0.5),
        step(("a", "c"), ageing, clock=Clock.FORWARD),
        step(("b", "c"), ageing, clock=Clock.FORWARD),
    )
    forward = model_of(
        *(
            step((t.from_state, t.to_state), t.hazard, clock=Clock.FORWARD)
            for t in mixed.transitions
        )
    )
    times = [0.5, 2.0, 5.0]
    solution = solve(mixed, times, tolerance=1e-5)
    expected = solve(forward, times, tolerance=1e-9).probabilities
    assert solution.method == "nonhomogeneous renewal equations"
    assert np.abs(solution.probabilities - expected).max() <= solution.error_bound <= 1e-5


def test_first_passage_and_return_of_a_constant_cycle_are_known() -> None:
    model = model_of(*(weibull((u, v), 1.0, 1 / r) for u, v, r in CYCLE))
    # First entry into b competes with c at rates 1 and 0.5.
    first = (1 / 1.5) * (1 - np.exp(-1.5 * TIMES))
    np.testing.assert_allclose(ever(model, "b", TIMES), first, atol=1e-6)
    # Chain: a, b for the first time, back in a (done), dead.
    chain = np.zeros((5, 5))
    chain[0, 1], chain[0, 3], chain[1, 2], chain[1, 4] = 1.0, 0.5, 2.0, 1 / 3
    returned = np.array([expm_of(chain, t)[0, 2] for t in TIMES]) / first
    np.testing.assert_allclose(ever_after(model, "b", "a", TIMES), returned, atol=1e-6)


def test_expected_time_in_state_is_the_integral_of_the_matrix_exponential() -> None:
    model = model_of(*(weibull((u, v), 1.0, 1 / r) for u, v, r in CYCLE))
    generator = RATES - np.diag(RATES.sum(axis=1))
    doubled = np.block([[generator, np.eye(3)], [np.zeros((3, 6))]])
    expected = expm(doubled * 10.0)[0, 3:]
    np.testing.assert_allclose(time_in_state(model, 10.0), expected, atol=1e-5)
