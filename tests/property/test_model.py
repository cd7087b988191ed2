"""What holds for any hazard, effect and model."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from lupusim.common.rng import stream
from lupusim.engines import vector
from lupusim.model import CLOCKS, PiecewiseRatio, Transition, TreatmentEffect
from lupusim.records import Cohort, TransitionLog
from strategies import HORIZON, hazards, models, ratios
from tolerance import SEED

FEW = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
heights = st.floats(1e-9, 200.0)
years = st.floats(0.0, 6.0)


@given(hazards(), heights)
@FEW
def test_the_inverse_finds_the_time_at_which_the_cumulative_hazard_is_reached(hazard, height):
    time = hazard.inverse_cumulative(np.array([height]))
    if np.isfinite(time[0]):
        assert hazard.cumulative(time)[0] == pytest.approx(height, rel=1e-8, abs=1e-12)
    else:
        assert hazard.cumulative(np.array([1e6]))[0] < height + 1e-9


@given(hazards(), years, years)
@FEW
def test_cumulative_hazards_never_fall(hazard, one, other):
    low, high = hazard.cumulative(np.sort(np.array([one, other])))
    assert 0 <= low <= high


@given(
    hazards(),
    st.sampled_from(list(CLOCKS.values())),
    ratios(),
    years,
    st.floats(1e-3, 30.0),
    st.floats(0.01, 0.99),
)
@FEW
def test_a_smaller_threshold_never_makes_a_stay_longer(hazard, clock, ratio, entry, height, part):
    way = Transition(from_state="a", to_state="b", hazard=hazard, clock=clock, ratio=ratio)
    short, long = way.sojourn_time(np.full(2, entry), np.array([part * height, height]))
    assert -1e-9 <= short <= long + 1e-9


effects = st.builds(
    TreatmentEffect,
    on=st.just((("a", "b"),)),
    hazard_ratio=st.floats(0.1, 5.0),
    onset=st.floats(0.0, 1.0),
    lasts=st.floats(0.0, 2.0),
    half_life=st.one_of(st.none(), st.floats(0.1, 2.0)),
)


@given(effects, st.lists(st.floats(0.0, 3.0), min_size=1, max_size=4))
@FEW
def test_a_profile_lies_between_no_effect_and_the_full_effect(effect, infusions):
    profile = effect.profile(infusions)
    low, high = sorted((1.0, effect.hazard_ratio))
    assert all(low - 1e-12 <= ratio <= high + 1e-12 for ratio in profile.ratios)
    assert profile.ratios[-1] == 1.0  # in the end it is gone
    before = min(infusions) + effect.onset - 1e-6
    assert before < 0 or profile.at(np.array([before]))[0] == 1.0


@given(effects, st.floats(0.0, 3.0), st.floats(0.0, 10.0))
@FEW
def test_the_effect_of_one_infusion_moves_with_it(effect, infusion, time):
    moved, unmoved = effect.profile([infusion]), effect.profile([0.0])
    distance = np.abs(np.array((*moved.breaks, 1e9)) - time).min()
    if distance > 1e-9 and time >= infusion:
        assert moved.at(np.array([time])) == unmoved.at(np.array([time - infusion]))


@given(ratios(), ratios(), st.floats(-1.0, 4.0))
@FEW
def test_ratios_multiply_at_every_time_in_either_order(one, other, time):
    at = np.array([time])
    assert one.times(other).at(at) == one.at(at) * other.at(at)
    assert one.times(other) == other.times(one)
    assert one.times(PiecewiseRatio()) == one


@given(models())
@settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
def test_any_model_gives_paths_that_hang_together(model):
    log = TransitionLog(40)
    cohort = Cohort(n_patients=40)
    vector.simulate(model, cohort, horizon=HORIZON, recorders=[log], rng=stream(SEED, "any"))
    columns = log.columns()
    order = np.lexsort((columns["time"], columns["patient"]))
    patient, begin, end, source, target = (
        columns[name][order] for name in ("patient", "entry_time", "time", "from_state", "to_state")
    )
    assert np.all(end >= begin)
    assert np.all(end <= HORIZON)
    follows = patient[1:] == patient[:-1]
    np.testing.assert_array_equal(begin[1:][follows], end[:-1][follows])
    np.testing.assert_array_equal(source[1:][follows], target[:-1][follows])
    first = np.append(True, ~follows)[: patient.size]
    np.testing.assert_array_equal(source[first], log.initial[patient[first]])
    known = {(model.index(t.from_state), model.index(t.to_state)) for t in model.transitions}
    assert set(zip(source.tolist(), target.tolist(), strict=True)) <= known
