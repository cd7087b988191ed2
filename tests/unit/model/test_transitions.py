"""One transition: how long until its integrated hazard reaches a threshold."""

from __future__ import annotations

from functools import partial
from itertools import pairwise, product

import numpy as np
import pytest
from scipy.integrate import quad

from lupusim.model import CLOCKS, Clock, PiecewiseRatio, Transition
from lupusim.model.courses import IndividualRatio
from lupusim.model.hazards import (
    ExponentialHazard,
    GammaHazard,
    GompertzHazard,
    LoglogisticHazard,
    PiecewiseExponentialHazard,
    WeibullHazard,
)

HAZARDS = [
    ExponentialHazard(rate=0.8),
    WeibullHazard(shape=0.7, scale=2.0),
    GompertzHazard(shape=0.3, rate=0.4),
    GammaHazard(shape=0.5, rate=0.7),
    LoglogisticHazard(shape=1.6, scale=1.5),
    PiecewiseExponentialHazard(breaks=(0.4, 1.7), rates=(0.9, 0.2, 0.6)),
]
CONSTANT = PiecewiseRatio(ratios=(0.6,))
STEPS = PiecewiseRatio(breaks=(0.8, 1.6, 2.0), ratios=(2.0, 0.0, 0.5, 1.3))
KINKS = (0.4, 0.8, 1.6, 1.7, 2.0)
ENTRY = np.array([0.0, 0.0, 0.3, 0.79, 0.8, 1.0, 1.9, 5.0])
THRESHOLD = np.array([1e-9, 0.3, 2.0, 0.05, 0.5, 1.1, 0.2, 0.9])


def transition(hazard, clock=Clock.RESET, ratio=CONSTANT):
    return Transition(from_state="a", to_state="b", hazard=hazard, clock=clock, ratio=ratio)


def grown(way, entry, spent, stay):
    """The integral of hazard(clock) * ratio(study time) over a stay, by quadrature."""
    shift = 0.0 if way.clock is Clock.FORWARD else spent - entry
    edges = [entry, *(k for k in KINKS if entry < k < entry + stay)]
    edges += [k - shift for k in KINKS if entry < k - shift < entry + stay]
    edges = [*sorted(edges), entry + stay]

    def integrand(study_time):
        clock_time = np.array(max(study_time + shift, 0.0))
        return float(way.hazard.hazard(clock_time)) * float(way.ratio.at(np.array(study_time)))

    return sum(quad(integrand, low, high, epsabs=1e-10)[0] for low, high in pairwise(edges))


@pytest.mark.parametrize("hazard", HAZARDS, ids=repr)
@pytest.mark.parametrize("clock", list(CLOCKS.values()))
@pytest.mark.parametrize("ratio", [CONSTANT, STEPS], ids=["const", "step"])
@pytest.mark.parametrize("spent", [0.0, 0.6])
def test_stay_ends_when_the_integrated_hazard_reaches_the_threshold(hazard, clock, ratio, spent):
    way = transition(hazard, clock, ratio)
    stay = way.sojourn_time(ENTRY, THRESHOLD, time_in_state=spent)
    assert np.all(np.isfinite(stay))
    for entry, threshold, years in zip(ENTRY, THRESHOLD, stay, strict=True):
        area = grown(way, entry, spent, years)
        assert area == pytest.approx(threshold, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("clock", list(CLOCKS.values()))
@pytest.mark.parametrize("ratio", [CONSTANT, STEPS], ids=["const", "step"])
def test_time_in_state_may_differ_between_patients(clock, ratio):
    way = transition(HAZARDS[1], clock, ratio)
    spent = np.linspace(0, 2, ENTRY.size)
    together = way.sojourn_time(ENTRY, THRESHOLD, time_in_state=spent)
    alone = [
        way.sojourn_time(ENTRY[k : k + 1], THRESHOLD[k : k + 1], time_in_state=float(spent[k]))[0]
        for k in range(ENTRY.size)
    ]
    np.testing.assert_allclose(together, alone, rtol=1e-14)


def test_time_in_state_0_given_as_array_or_as_number_is_the_same():
    for ratio in (CONSTANT, STEPS):
        way = transition(HAZARDS[1], Clock.RESET, ratio)
        as_array = way.sojourn_time(ENTRY, THRESHOLD, time_in_state=np.zeros(ENTRY.size))
        np.testing.assert_allclose(way.sojourn_time(ENTRY, THRESHOLD), as_array, rtol=1e-12)


@pytest.mark.parametrize("until", [0.0, 0.8, 1.5, 1.9, 7.0])
def test_what_fires_in_time_is_told_alike_whatever_comes_later(until):
    treated_since = np.array([0.0, 0.0, 0.2, 0.0, 0.8, 0.4, 1.8, 4.1])
    ratio = IndividualRatio(
        breaks=np.tile(STEPS.breaks, (ENTRY.size, 1)).T,
        ratios=np.tile(STEPS.ratios, (ENTRY.size, 1)).T,
    )
    for hazard, clock in product(HAZARDS, CLOCKS.values()):
        way = transition(hazard, clock, STEPS)
        for stays in (
            partial(way.sojourn_time, ENTRY, THRESHOLD),
            partial(way.sojourn_time, ENTRY, THRESHOLD, restart=treated_since),
            partial(way.own_sojourn_time, ENTRY, THRESHOLD, ratio=ratio),
        ):
            whole, part = stays(), stays(until=until)
            in_time = ENTRY + whole <= until
            np.testing.assert_array_equal(part[in_time], whole[in_time])
            assert np.all(ENTRY[~in_time] + part[~in_time] > until)
            assert until or np.isposinf(part).any()  # later pieces are left out


def test_equal_steps_are_no_steps():
    flat = PiecewiseRatio(breaks=(0.8, 1.6), ratios=(0.6, 0.6, 0.6))
    for clock in CLOCKS.values():
        for hazard in HAZARDS:
            one = transition(hazard, clock, CONSTANT).sojourn_time(ENTRY, THRESHOLD)
            other = transition(hazard, clock, flat).sojourn_time(ENTRY, THRESHOLD)
            np.testing.assert_allclose(other, one, rtol=1e-9)


@pytest.mark.parametrize("hazard", HAZARDS, ids=repr)
@pytest.mark.parametrize("clock", list(CLOCKS.values()))
def test_a_ratio_of_0_keeps_everybody_for_good(hazard, clock):
    for ratio in (
        PiecewiseRatio(ratios=(0.0,)),
        PiecewiseRatio(breaks=(1.0,), ratios=(0.0, 0.0)),
    ):
        stay = transition(hazard, clock, ratio).sojourn_time(ENTRY, THRESHOLD)
        assert np.all(np.isposinf(stay))


def test_an_infinite_threshold_is_never_reached():
    never = np.full(ENTRY.size, np.inf)
    for clock in CLOCKS.values():
        for ratio in (PiecewiseRatio(), CONSTANT, STEPS):
            for hazard in HAZARDS:
                stay = transition(hazard, clock, ratio).sojourn_time(ENTRY, never)
                assert np.all(np.isposinf(stay))


def test_a_stay_may_end_in_each_piece_and_never_while_the_ratio_is_0():
    way = transition(ExponentialHazard(rate=1.0), Clock.FORWARD, STEPS)
    threshold = np.array([1.0, 1.6, 1.600001, 1.7, 1.8, 3.1])
    stay = way.sojourn_time(np.zeros(6), threshold)
    # 2.0 * 0.8 = 1.6 by 0.8; nothing until 1.6; 0.2 more by 2.0; then 1.3 a year
    expected = [0.5, 0.8, 1.600002, 1.8, 2.0, 3.0]
    np.testing.assert_allclose(stay, expected, rtol=1e-9)


def test_after_the_last_break_the_walk_is_short():
    way = transition(ExponentialHazard(rate=1.0), Clock.RESET, STEPS)
    assert way.sojourn_time(np.array([2.5]), np.array([1.3]))[0] == pytest.approx(1.0)


def test_a_hazard_that_levels_off_lets_some_stay():
    hazard = GompertzHazard(shape=-1.0, rate=1.0)  # integrates to 1
    for ratio in (PiecewiseRatio(), PiecewiseRatio(breaks=(0.5,), ratios=(1.0, 1.0))):
        stay = transition(hazard, Clock.RESET, ratio).sojourn_time(
            np.zeros(2), np.array([0.9, 1.1])
        )
        assert np.isfinite(stay).tolist() == [True, False]


def test_thresholds_and_entry_times_are_never_written_to():
    entry, threshold = ENTRY.copy(), THRESHOLD.copy()
    entry.setflags(write=False)
    threshold.setflags(write=False)
    for clock in CLOCKS.values():
        for ratio in (PiecewiseRatio(), CONSTANT, STEPS):
            stay = transition(HAZARDS[0], clock, ratio).sojourn_time(entry, threshold)
            stay += 1  # the result belongs to the caller
    np.testing.assert_array_equal(threshold, THRESHOLD)


def test_nobody_at_all_is_no_problem():
    none = np.empty(0)
    for ratio in (CONSTANT, STEPS):
        assert transition(HAZARDS[1], Clock.FORWARD, ratio).sojourn_time(none, none).size == 0


def test_a_transition_has_a_label():
    assert transition(HAZARDS[0]).label == "a -> b"


@pytest.mark.parametrize("hazard", HAZARDS)
@pytest.mark.parametrize("clock", CLOCKS.values())
def test_a_transition_knows_which_time_its_hazard_depends_on(hazard, clock):
    one = transition(hazard, clock)
    constant = isinstance(hazard, ExponentialHazard)
    assert one.is_markov is (constant or clock is Clock.FORWARD)
    assert one.is_semi_markov is (constant or clock is Clock.RESET)
