"""The vectorised engine by itself: rows, horizon, starts, classes, competing risks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.engines import PATIENTS_PER_BLOCK, named_engine, simulate, vector
from lupusim.model import (
    Clock,
    LatentClass,
    MultiStateModel,
    PiecewiseRatio,
    Start,
    Transition,
)
from lupusim.model.hazards import ExponentialHazard, GammaHazard, WeibullHazard
from lupusim.records import Cohort, StateAt, TransitionLog
from tolerance import SEED, assert_within_mcse


def way(a, b, hazard, **more):
    return Transition(from_state=a, to_state=b, hazard=hazard, **more)


CYCLE = MultiStateModel(
    name="cycle",
    states=("a", "b", "death"),
    transitions=(
        way("a", "b", ExponentialHazard(rate=1.2)),
        way("b", "a", WeibullHazard(shape=1.5, scale=0.8)),
        way("a", "death", ExponentialHazard(rate=0.1)),
        way("b", "death", WeibullHazard(shape=0.8, scale=5.0), clock=Clock.FORWARD),
    ),
)


def log_of(model, n=500, *, horizon=3.0, rows=slice(None), hazard_ratio=None):
    log = TransitionLog(500 if n == 0 else n)
    own = None if hazard_ratio is None else dict(enumerate(hazard_ratio))
    cohort = Cohort(n_patients=n, rows=rows, hazard_ratio=own)
    vector.simulate(model, cohort, horizon=horizon, recorders=[log], rng=stream(SEED, "vector"))
    return log


def by_patient(log):
    columns = log.columns()
    order = np.lexsort((columns["time"], columns["patient"]))
    return {name: values[order] for name, values in columns.items()}


def test_paths_hang_together():
    found = by_patient(log_of(CYCLE))
    same = found["patient"][1:] == found["patient"][:-1]
    np.testing.assert_array_equal(found["entry_time"][1:][same], found["time"][:-1][same])
    np.testing.assert_array_equal(found["from_state"][1:][same], found["to_state"][:-1][same])
    assert np.all(found["entry_time"][np.r_[True, ~same]] == 0)
    assert np.all(found["from_state"][np.r_[True, ~same]] == 0)
    assert np.all(found["time"] > found["entry_time"])
    assert found["time"].max() <= 3.0
    assert not np.any(found["from_state"] == 2)


@pytest.mark.parametrize(
    "rows",
    [
        slice(100, 600),
        np.arange(100, 600),
        np.random.Generator(np.random.PCG64(1)).permutation(700)[:500],
    ],
    ids=["slice", "range", "scattered"],
)
def test_the_same_patients_whatever_rows_they_sit_in(rows):
    plain = log_of(CYCLE).columns()
    log = TransitionLog(700)
    log.initial[:] = -1
    vector.simulate(
        CYCLE,
        Cohort(n_patients=500, rows=rows),
        horizon=3.0,
        recorders=[log],
        rng=stream(SEED, "vector"),
    )
    moved = log.columns()
    places = np.arange(700)[rows]
    np.testing.assert_array_equal(moved["patient"], places[plain["patient"]])
    for name in ("time", "entry_time", "from_state", "to_state"):
        np.testing.assert_array_equal(moved[name], plain[name])
    assert np.all(log.initial[places] == 0)
    assert np.sum(log.initial == -1) == 200


def test_a_longer_horizon_without_cycles_tells_the_same_and_more():
    model = MultiStateModel(
        name="m",
        states=("a", "b", "death"),
        transitions=(
            way("a", "b", ExponentialHazard(rate=1.0)),
            way("a", "death", ExponentialHazard(rate=0.3)),
        ),
    )
    short, long = (by_patient(log_of(model, horizon=h)) for h in (0.5, math.inf))
    kept = long["time"] <= 0.5
    np.testing.assert_array_equal(short["time"], long["time"][kept])
    assert long["time"].size == 500


def test_with_an_absorbing_state_an_endless_horizon_ends_every_history_although_there_is_a_cycle():
    log = log_of(CYCLE, 50, horizon=math.inf)
    found = by_patient(log)
    assert (found["to_state"] == 2).sum() == 50


def test_a_horizon_too_short_for_anything_tells_nothing():
    assert log_of(CYCLE, 3, horizon=1e-12).columns()["time"].size == 0


def test_nobody_at_all_is_no_problem():
    log = log_of(CYCLE, 0, rows=np.empty(0, dtype=np.intp))
    assert log.columns()["time"].size == 0


def test_a_model_that_nobody_leaves():
    still = MultiStateModel(name="still", states=("a",), transitions=())
    states = StateAt([1.0], 5)
    cohort = Cohort(n_patients=5)
    vector.simulate(still, cohort, horizon=2.0, recorders=[states], rng=stream(SEED, "v"))
    assert states.states.tolist() == [[0] * 5]


def test_time_already_spent_counts_on_a_reset_clock():
    model = MultiStateModel(
        name="m",
        states=("a", "b"),
        transitions=(way("a", "b", WeibullHazard(shape=3.0, scale=1.0)),),
        starts=(Start(state="a", time_in_state=0.9),),
    )
    spent = log_of(model, 20_000, horizon=math.inf).columns()["time"]
    # conditional survival exp(0.9^3 - (0.9 + t)^3)
    expected = math.exp(0.9**3 - 1.2**3)
    mcse = math.sqrt(expected * (1 - expected) / 20_000)
    assert_within_mcse(np.mean(spent > 0.3), expected, mcse=mcse)


def test_starts_and_classes_are_shared_out_independently():
    model = MultiStateModel(
        name="m",
        states=("a", "b", "c"),
        transitions=(
            way("a", "c", ExponentialHazard(rate=50.0)),
            way("b", "c", ExponentialHazard(rate=50.0)),
        ),
        starts=(Start(state="a", probability=0.3), Start(state="b", probability=0.7)),
        classes=(
            LatentClass(name="moves", probability=0.6),
            LatentClass(
                name="stays",
                probability=0.4,
                hazard_ratios={("a", "c"): 0.0, ("b", "c"): 0.0},
            ),
        ),
    )
    log = log_of(model, 20_000)
    columns = log.columns()
    for state, share in ((0, 0.3), (1, 0.7)):
        for n, expected in (
            (np.sum(log.initial == state), share),
            (np.sum(columns["from_state"] == state), share * 0.6),
        ):
            mcse = math.sqrt(expected * (1 - expected) / 20_000)
            assert_within_mcse(n / 20_000, expected, mcse=mcse)


def test_a_patient_s_own_ratio_acts_on_its_own_row_and_transition():
    ratio = np.ones((4, 600))
    ratio[0, ::2] = 0.0  # every second patient can't go from a to b
    log = log_of(CYCLE, 600, hazard_ratio=ratio, rows=np.arange(600)[::-1].copy())
    columns = log.columns()
    who = 599 - columns["patient"]
    to_b = (columns["from_state"] == 0) & (columns["to_state"] == 1)
    assert to_b.sum() > 100
    assert np.all(who[to_b] % 2 == 1)


def test_a_smaller_ratio_shortens_no_stay_of_any_patient():
    model = MultiStateModel(
        name="m",
        states=("a", "b", "c"),
        transitions=(
            way("a", "b", WeibullHazard(shape=1.3, scale=1.0)),
            way("a", "c", GammaHazard(shape=0.6, rate=0.5)),
        ),
    )
    one, half = (
        by_patient(log_of(model, horizon=math.inf, hazard_ratio=np.full((2, 500), r)))
        for r in (1.0, 0.5)
    )
    assert np.all(half["time"] > one["time"])


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0])
def test_a_transition_that_treatment_switches_off_never_fires(shape):
    model = MultiStateModel(
        name="m",
        states=("a", "b", "c"),
        transitions=(
            way("a", "b", GammaHazard(shape=shape, rate=1.0), ratio=PiecewiseRatio(ratios=(0.0,))),
            way("a", "c", ExponentialHazard(rate=1.0)),
        ),
    )
    assert np.all(log_of(model).columns()["to_state"] == 2)


def test_competing_exponentials_win_by_their_rates():
    model = MultiStateModel(
        name="m",
        states=("a", "b", "c", "d"),
        transitions=tuple(
            way("a", to, ExponentialHazard(rate=r))
            for to, r in (("b", 1.0), ("c", 2.0), ("d", 3.0))
        ),
    )
    columns = log_of(model, 30_000, horizon=math.inf).columns()
    shares = np.bincount(columns["to_state"], minlength=4)[1:] / 30_000
    expected = np.array([1, 2, 3]) / 6
    assert_within_mcse(shares, expected, mcse=np.sqrt(expected * (1 - expected) / 30_000))
    assert_within_mcse(columns["time"].mean(), 1 / 6, mcse=1 / 6 / math.sqrt(30_000))


@pytest.mark.parametrize("engine", ["vector", "events"])
def test_simulate_gives_the_same_histories_for_the_same_seed(engine):
    one, again, other = (
        simulate(CYCLE, 50, 2.0, engine=engine, seed=seed).transitions() for seed in (1, 1, 2)
    )
    assert one.equals(again)
    assert not one.equals(other)


def test_more_patients_than_a_block_begin_with_the_same_patients():
    short = MultiStateModel(
        name="m", states=("a", "b"), transitions=(way("a", "b", ExponentialHazard(rate=1.0)),)
    )
    few = simulate(short, PATIENTS_PER_BLOCK, 1.0, seed=1).transitions()
    more = simulate(short, PATIENTS_PER_BLOCK + 7, 1.0, seed=1)
    assert more.n_patients == PATIENTS_PER_BLOCK + 7
    table = more.transitions()
    assert table[table["patient"] < PATIENTS_PER_BLOCK].equals(few)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_patients": 0}, "n_patients=0"),
        ({"horizon": 0.0}, "horizon=0.0"),
        ({"horizon": math.nan}, "horizon=nan"),
        ({"engine": "vectr"}, "Did you mean 'vector'"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_simulate_refuses_what_cannot_be(values, message):
    arguments = {"n_patients": 5, "horizon": 1.0, "seed": 1, **values}
    with pytest.raises(ValueError, match=message):
        simulate(CYCLE, **arguments)


def test_engines_go_by_their_names():
    assert named_engine("vector") is vector.simulate
    assert named_engine("events").__module__ == "lupusim.engines.events"
