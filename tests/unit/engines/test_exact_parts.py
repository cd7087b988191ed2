"""Parts of the exact engine, each against an integral or a sum of its own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.linalg import expm
from scipy.special import gammainc

from lupusim.engines.exact import ever_after, occupancy
from lupusim.engines.exact.accumulation import _recurrent, _visits
from lupusim.engines.exact.cycles import in_cycles
from lupusim.engines.exact.kernel import _first_moment, shares
from lupusim.engines.exact.law import Arc, Entry, Law
from lupusim.engines.exact.renewal import interpolate
from lupusim.engines.exact.stays import Beginning, stay
from lupusim.model import Clock, MultiStateModel, PiecewiseRatio, Start, Transition
from lupusim.model.hazards import ExponentialHazard, PiecewiseExponentialHazard, WeibullHazard


@pytest.mark.parametrize("reach", [1e-7, 1e-3, 0.0199, 0.0201, 0.5, 6.0])
def test_the_first_moment_of_an_exponential_stay_is_the_incomplete_gamma_function(reach):
    found = _first_moment(np.array([reach]), -np.expm1(-np.array([reach])))
    assert found == pytest.approx(gammainc(2, reach), rel=2e-11)


def test_where_one_half_of_a_panel_has_no_hazard_the_other_stands_for_both():
    # two ways out of one state, in the ratio 3 to 1, in the second half, then in the first
    growth = np.array([[0.0, 0.3, 0.3, 0.0], [0.0, 0.1, 0.1, 0.0]])
    total = growth.sum(axis=0, keepdims=True)
    left = -np.expm1(-0.4)
    half, whole = shares(growth, total, np.ones((1, 2)), np.array([0, 0]))
    np.testing.assert_allclose(half, [[0, 0.75 * left], [0, 0.25 * left]], rtol=1e-12)
    np.testing.assert_allclose(whole, np.outer([0.75, 0.25], [left, left]), rtol=1e-12)


@pytest.mark.parametrize("study_time", [0.0, 0.6, 1.7])
def test_a_stay_that_begins_later_meets_what_the_calendar_and_its_own_clock_then_show(study_time):
    # an effect that changes at 1 and 2.5, a forward hazard that jumps at 2, and one of its own
    arcs = (
        Arc(
            begin=0,
            end=1,
            hazard=PiecewiseExponentialHazard(breaks=(2.0,), rates=(0.2, 0.9)),
            clock=Clock.FORWARD,
            ratio=PiecewiseRatio(breaks=(1.0, 2.5), ratios=(1.0, 3.0, 0.5)),
        ),
        Arc(
            begin=0,
            end=2,
            hazard=WeibullHazard(shape=1.5, scale=3.0),
            clock=Clock.RESET,
            ratio=PiecewiseRatio(ratios=(1.0,)),
        ),
    )
    law = Law(n_states=3, arcs=arcs, entries=(Entry(state=0, probability=1.0, time_in_state=0.3),))

    def hazards(years):
        calendar, own = study_time + years, 0.3 + years
        effect = 1.0 if calendar < 1 else 3.0 if calendar < 2.5 else 0.5
        return effect * (0.2 if calendar < 2 else 0.9), 1.5 / 3 * (own / 3) ** 0.5

    kinks = [one - study_time for one in (1.0, 2.0, 2.5) if one > study_time]

    def integral(function, until):
        inside = [one for one in kinks if one < until]
        return quad(function, 0, until, points=inside or None, limit=200, epsabs=1e-12)[0]

    def kept(years):
        forward = integral(lambda one: hazards(one)[0], years)
        return np.exp(-forward - ((0.3 + years) / 3) ** 1.5 + 0.1**1.5)

    found = stay(law, 0, beginning=Beginning(study_time=study_time, time_in_state=0.3))
    grid = np.unique(np.concatenate([[0.0, 30.0], kinks, np.linspace(0, 10, 41)]))
    point, weight = np.polynomial.legendre.leggauss(8)
    half = np.diff(grid)[:, None] / 2
    years, weights = (grid[:-1, None] + half * (1 + point)).ravel(), (half * weight).ravel()
    survival = np.array([kept(one) for one in years])
    assert found.time == pytest.approx(weights @ survival, rel=1e-8)
    flows = weights @ (survival[:, None] * np.array([hazards(one) for one in years]))
    np.testing.assert_allclose(found.ends, flows, rtol=1e-8)


def test_in_a_model_of_two_states_what_follows_is_asked_too():
    way = Transition(from_state="well", to_state="ill", hazard=ExponentialHazard(rate=0.7))
    model = MultiStateModel(name="two", states=("well", "ill"), transitions=(way,))
    found = ever_after(model, "well", "ill", [0.0, 1.0, 3.0])
    np.testing.assert_allclose(found, -np.expm1([0.0, -0.7, -2.1]), atol=1e-7)


def test_between_grid_points_a_smooth_curve_is_met_closely_beside_every_break():
    # a cosine with a kink at 20: six points, three on each side where no end and no break is near
    places = np.array([9.5, 12.3, 31.5, 0.3, 1.7, 18.2, 19.6, 20.4, 21.5, 38.3, 39.8])
    allowed = np.repeat([1.5e-8, 2e-7], [3, 8])

    def curve(place):
        return np.cos(place / 8) + np.where(place > 20, 0.2 * (place - 20), 0.0)

    found = interpolate(curve(np.arange(41.0))[:, None], places, np.array([20.0]))[:, 0]
    assert np.all(np.abs(found - curve(places)) < allowed)


def test_ways_through_every_loop_of_many_states_are_those_of_the_matrix_exponential():
    # hazards that a clock of its own runs for, each with the same rate at any time
    rate = np.arange(1.0, 26.0).reshape(5, 5) / 20
    np.fill_diagonal(rate, 0.0)
    names = tuple("abcde")
    model = MultiStateModel(
        name="loops",
        states=names,
        transitions=tuple(
            Transition(
                from_state=names[i],
                to_state=names[j],
                hazard=PiecewiseExponentialHazard(breaks=(2.0,), rates=(rate[i, j], rate[i, j])),
            )
            for i in range(5)
            for j in range(5)
            if i != j
        ),
        starts=(Start(state="a", probability=0.7), Start(state="d", probability=0.3)),
    )
    found = occupancy(model, [0.5, 1.3], covariates={})
    generator = rate - np.diag(rate.sum(axis=1))
    expected = [np.array([0.7, 0, 0, 0.3, 0]) @ expm(time * generator) for time in (0.5, 1.3)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_matrices_of_cycles_are_solutions_of_the_forward_equation():
    hazards = [WeibullHazard(shape=1.7, scale=2.0), WeibullHazard(shape=0.8, scale=1.0)]
    model = MultiStateModel(
        name="chain",
        states=("one", "two", "three"),
        transitions=tuple(
            Transition(from_state=begin, to_state=end, hazard=hazard, clock=Clock.FORWARD)
            for begin, end, hazard in zip(("one", "two"), ("two", "three"), hazards, strict=True)
        ),
    )
    found = in_cycles(model, 0.7, n_cycles=3).matrices(3)

    def growing(time, row):
        first, second = (float(hazard.hazard(np.array(time))) for hazard in hazards)
        return [-first * row[0], first * row[0] - second * row[1], second * row[1]]

    for cycle in (1, 2):
        span = (0.7 * cycle, 0.7 * (cycle + 1))
        for state in range(3):
            solved = solve_ivp(growing, span, np.eye(3)[state], rtol=1e-11, atol=1e-13)
            np.testing.assert_allclose(found[cycle, state], solved.y[:, -1], atol=2e-8)


def test_states_that_are_come_back_to_for_ever_are_visited_without_end_however_far_off():
    onward = np.zeros((5, 5))
    onward[0, 1] = 0.5  # from the first, half of it through a second, into a loop of two
    onward[1, 2] = onward[2, 3] = onward[3, 2] = 1.0
    entered = np.array([2.0, 0.0, 0.0, 0.0, 0.0])
    endless = _recurrent(onward)
    assert endless.tolist() == [False, False, True, True, False]
    assert _visits(onward, entered, endless).tolist() == [2.0, 1.0, np.inf, np.inf, 0.0]
