"""The event engine by itself: the law of one stay, the calendar, what recorders are told."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import pytest
import simpy
from scipy.integrate import quad
from scipy.linalg import expm

from lupusim.common.arrays import FloatArray, StateArray
from lupusim.common.rng import stream
from lupusim.engines import events
from lupusim.engines.events import Chart, Disease, Exit, Patient, simulate
from lupusim.model import (
    Clock,
    Hazard,
    LatentClass,
    MultiStateModel,
    PiecewiseRatio,
    Start,
    Transition,
)
from lupusim.model.hazards import (
    ExponentialHazard,
    GammaHazard,
    GeneralizedGammaHazard,
    GompertzHazard,
    LoglogisticHazard,
    LognormalHazard,
    PiecewiseExponentialHazard,
    WeibullHazard,
)
from lupusim.records import Cohort, Rows, StateAt, TransitionLog, Transitions
from tolerance import SEED, assert_within_mcse

HAZARDS: list[Hazard] = [
    ExponentialHazard(rate=0.7),
    WeibullHazard(shape=1.7, scale=1.5),
    GompertzHazard(shape=-0.8, rate=0.9),
    GammaHazard(shape=2.0, rate=1.5),
    LognormalHazard(meanlog=0.2, sdlog=0.7),
    LoglogisticHazard(shape=1.8, scale=1.2),
    GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=-0.6),
    PiecewiseExponentialHazard(breaks=(0.5, 1.5), rates=(0.3, 1.4, 0.6)),
]
EFFECT = PiecewiseRatio(breaks=(0.8, 1.6), ratios=(2.0, 0.0, 0.5))
KINKS = [0.5, 0.8, 1.5, 1.6]
N_DRAWS = 1_000


@dataclass(frozen=True)
class FixedTime:
    """A stay of always the same length, to see the calendar without noise."""

    years: float

    def hazard(self, time: FloatArray) -> FloatArray:
        return np.zeros_like(time)

    def cumulative(self, time: FloatArray) -> FloatArray:
        return np.zeros_like(time)

    def inverse_cumulative(self, cumulative: FloatArray) -> FloatArray:
        return np.full_like(cumulative, self.years)

    def mean(self) -> float:
        return self.years


class Witness:
    """Keeps every batch as it was told."""

    def __init__(self) -> None:
        self.started: StateArray = np.empty(0, dtype=np.int8)
        self.batches: list[Transitions] = []

    def start(self, rows: Rows, state: StateArray) -> None:
        assert self.started.size == 0, "started twice"
        self.started = np.zeros_like(state)
        self.started[rows] = state

    def record(self, batch: Transitions) -> None:
        self.batches.append(batch)


def recurrent(**changes: object) -> MultiStateModel:
    """Ill and well in turn, for ever, by constant hazards; some die."""
    ways = [("ill", "well", 2.0), ("well", "ill", 1.0), ("ill", "dead", 0.3)]
    given: dict[str, object] = {
        "name": "recurrent",
        "states": ("ill", "well", "dead"),
        "transitions": tuple(
            Transition(from_state=a, to_state=b, hazard=ExponentialHazard(rate=rate))
            for a, b, rate in ways
        ),
    }
    return MultiStateModel(**(given | changes))  # type: ignore[arg-type]  # keywords by name


def one_way(hazard: Hazard, **start: float) -> MultiStateModel:
    """In, then out for good."""
    return MultiStateModel(
        name="one way",
        states=("in", "out"),
        transitions=(Transition(from_state="in", to_state="out", hazard=hazard),),
        starts=(Start(state="in", **start),),
    )


def survival(way: Transition, entry_time: float, spent: float, after: float) -> float:
    """Integrate the hazard itself: knows nothing of cumulative or inverse hazards."""
    shift = 0.0 if way.clock is Clock.FORWARD else spent - entry_time

    def density(study_time: float) -> float:
        clock_time = np.array(study_time + shift)
        return float(way.hazard.hazard(clock_time) * way.ratio.at(np.array(study_time)))

    end = entry_time + after
    kinks = [k for k in {*KINKS, *(k - shift for k in KINKS)} if entry_time < k < end]
    return math.exp(-quad(density, entry_time, end, points=kinks or None, limit=200)[0])


def assert_stays_fit(drawn: Transition, true: Transition, entry_time: float, spent: float) -> None:
    """Compare drawn stays with the law of a transition, at four times."""
    after = (0.2, 0.6, 1.4, 2.4)
    rng = stream(SEED, "stay")
    out = Exit(transition=drawn, to_state=1, ratio=1.0)
    times = np.array([out.time(entry_time, spent, 3.0, rng) for _ in range(N_DRAWS)])
    stayed = (times[:, None] > after).mean(axis=0)
    expected = np.array([survival(true, entry_time, spent, time) for time in after])
    assert_within_mcse(stayed, expected, mcse=np.sqrt(expected * (1 - expected) / N_DRAWS))


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda hazard: type(hazard).__name__)
@pytest.mark.parametrize(
    ("clock", "entry_time", "spent"),
    [(Clock.RESET, 0.3, 0.0), (Clock.RESET, 0.0, 0.6), (Clock.FORWARD, 0.3, 0.0)],
)
@pytest.mark.parametrize("effect", [PiecewiseRatio(ratios=(1.5,)), EFFECT])
def test_a_stay_has_the_law_of_its_hazard(
    hazard: Hazard, clock: Clock, entry_time: float, spent: float, effect: PiecewiseRatio
) -> None:
    way = Transition(from_state="a", to_state="b", hazard=hazard, clock=clock, ratio=effect)
    assert_stays_fit(way, way, entry_time, spent)


def test_the_law_of_a_stay_notices_a_clock_that_was_not_reset() -> None:
    forward = Transition(from_state="a", to_state="b", hazard=HAZARDS[1], clock=Clock.FORWARD)
    reset = Transition(from_state="a", to_state="b", hazard=HAZARDS[1])
    with pytest.raises(AssertionError, match="standard errors"):
        assert_stays_fit(forward, reset, 1.0, 0.0)


def test_stays_drawn_ahead_have_the_law_of_stays_drawn_one_by_one() -> None:
    generator = np.array([[-2.3, 2.0, 0.3], [1.0, -1.0, 0.0], [0.0, 0.0, 0.0]])
    expected = expm(generator * 1.5)[0]
    n = 4_000
    for own in (None, dict(enumerate(np.ones((3, n))))):
        at = StateAt([1.5], n)
        cohort = Cohort(n_patients=n, hazard_ratio=own)
        simulate(recurrent(), cohort, horizon=1.5, recorders=[at], rng=stream(SEED, "ahead"))
        share = np.bincount(at.states[0], minlength=3) / n
        assert_within_mcse(share, expected, mcse=np.sqrt(expected * (1 - expected) / n))


def test_each_patients_own_hazard_ratio_multiplies_her_hazards() -> None:
    n = 4_000
    own = {0: np.where(np.arange(n) < n // 2, 0.0, 3.0)}
    at = StateAt([0.4], n)
    simulate(
        one_way(ExponentialHazard(rate=0.5)),
        Cohort(n_patients=n, hazard_ratio=own),
        horizon=0.4,
        recorders=[at],
        rng=stream(SEED, "own"),
    )
    assert not at.states[0, : n // 2].any()
    out = 1 - math.exp(-0.5 * 3 * 0.4)
    mcse = math.sqrt(out * (1 - out) / (n // 2))
    assert_within_mcse(at.states[0, n // 2 :].mean(), out, mcse=mcse)


@pytest.mark.parametrize("own", [None, {0: np.ones(3)}])
def test_a_transition_at_exactly_the_horizon_counts(own: dict[int, FloatArray] | None) -> None:
    for horizon, counted in ((0.75, 3), (math.nextafter(0.75, 0), 0)):
        log = TransitionLog(3)
        cohort = Cohort(n_patients=3, hazard_ratio=own)
        model = one_way(FixedTime(0.75))
        simulate(model, cohort, horizon=horizon, recorders=[log], rng=stream(SEED))
        assert log.columns()["time"].tolist() == [0.75] * counted


def test_batches_keep_the_promises_made_to_recorders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "EVENTS_PER_REPORT", 500)
    witness, log = Witness(), TransitionLog(1_000)
    starts = (Start(state="ill", probability=0.7), Start(state="well", probability=0.3))
    model = recurrent(starts=starts)
    simulate(
        model, Cohort(n_patients=1_000), horizon=4.0, recorders=[witness, log], rng=stream(SEED)
    )
    state, since = witness.started.copy(), np.zeros(1_000)
    for batch in witness.batches:
        assert np.unique(batch.rows).size == batch.time.size
        assert (state[batch.rows] == batch.from_state).all()
        assert (since[batch.rows] == batch.entry_time).all()
        assert (batch.entry_time <= batch.time).all()
        assert (batch.time <= 4.0).all()
        state[batch.rows], since[batch.rows] = batch.to_state, batch.time
    assert len(witness.batches) > 20
    assert set(np.unique(log.columns()["to_state"]).tolist()) == {0, 1, 2}


@pytest.mark.parametrize("rows", [slice(2, 6), slice(1, 8, 2), np.array([7, 0, 3, 5])])
def test_a_cohort_may_be_any_rows_of_the_recorders(rows: Rows) -> None:
    log = TransitionLog(8)
    model = one_way(FixedTime(0.5))
    cohort = Cohort(n_patients=4, rows=rows)
    simulate(model, cohort, horizon=1.0, recorders=[log], rng=stream(SEED))
    assert log.columns()["patient"].tolist() == np.arange(8)[rows].tolist()


def test_the_random_numbers_depend_on_the_generator_alone() -> None:
    def times(*name: str) -> list[float]:
        log = TransitionLog(300)
        cohort = Cohort(n_patients=300)
        simulate(recurrent(), cohort, horizon=3.0, recorders=[log], rng=stream(SEED, *name))
        return np.asarray(log.columns()["time"]).tolist()

    assert times("one") == times("one")
    assert times("one") != times("other")


def test_time_already_spent_counts_on_a_reset_clock() -> None:
    sure = PiecewiseExponentialHazard(breaks=(1.0, 1.25), rates=(0.0, 1e4, 0.0))
    log = TransitionLog(50)
    model = one_way(sure, time_in_state=0.8)
    simulate(model, Cohort(n_patients=50), horizon=3.0, recorders=[log], rng=stream(SEED))
    time = np.asarray(log.columns()["time"])
    assert time.size == 50
    assert ((time >= 0.2 - 1e-9) & (time < 0.21)).all()


def test_a_class_that_may_not_leave_stays() -> None:
    classes = (
        LatentClass(name="goes", probability=0.5),
        LatentClass(name="stays", probability=0.5, hazard_ratios={("in", "out"): 0.0}),
    )
    model = MultiStateModel(
        name="two kinds",
        states=("in", "out"),
        transitions=one_way(ExponentialHazard(rate=100.0)).transitions,
        classes=classes,
    )
    at = StateAt([5.0], 2_000)
    simulate(model, Cohort(n_patients=2_000), horizon=5.0, recorders=[at], rng=stream(SEED))
    assert_within_mcse(at.states.mean(), 0.5, mcse=math.sqrt(0.25 / 2_000))


def test_an_effect_that_ends_at_zero_ends_the_search_for_an_event() -> None:
    way = Transition(
        from_state="in",
        to_state="out",
        hazard=ExponentialHazard(rate=1.0),
        ratio=PiecewiseRatio(breaks=(0.5,), ratios=(1.0, 0.0)),
    )
    model = MultiStateModel(name="brief", states=("in", "out"), transitions=(way,))
    log = TransitionLog(200)
    simulate(model, Cohort(n_patients=200), horizon=math.inf, recorders=[log], rng=stream(SEED))
    assert np.asarray(log.columns()["time"]).max() <= 0.5


def test_an_infinite_horizon_follows_everybody_to_rest() -> None:
    at = StateAt([1e6], 200)
    simulate(
        recurrent(), Cohort(n_patients=200), horizon=math.inf, recorders=[at], rng=stream(SEED)
    )
    assert (at.states == 2).all()


def test_an_infinite_horizon_is_refused_where_nobody_comes_to_rest() -> None:
    endless = recurrent(states=("ill", "well"), transitions=recurrent().transitions[:2])
    cohort = Cohort(n_patients=1)
    with pytest.raises(ValueError, match="no path leads to a state without transitions"):
        simulate(endless, cohort, horizon=math.inf, recorders=[], rng=stream(SEED))


@pytest.mark.parametrize("horizon", [-1.0, math.nan])
def test_a_horizon_before_the_start_is_refused(horizon: float) -> None:
    cohort = Cohort(n_patients=1)
    with pytest.raises(ValueError, match="must be 0 or above"):
        simulate(recurrent(), cohort, horizon=horizon, recorders=[], rng=stream(SEED))


def test_nobody_is_a_cohort_too() -> None:
    log = TransitionLog(0)
    simulate(recurrent(), Cohort(n_patients=0), horizon=1.0, recorders=[log], rng=stream(SEED))
    assert log.columns()["time"].size == 0


def test_other_processes_can_share_the_patients_environment() -> None:
    patient = Patient(row=0, state=0, spent=0.0, disease=_sure_disease())
    seen = []

    def visits(env: simpy.Environment) -> Generator[simpy.Event, None, None]:
        for month in range(4):
            seen.append((month / 12, patient.state))
            yield env.timeout(1 / 12)

    env = simpy.Environment()
    env.process(patient.live(env, 1.0, Chart(2, [])))
    env.process(visits(env))
    env.run()
    assert [state for _, state in seen] == [0, 0, 1, 1]


def _sure_disease() -> Disease:
    model = one_way(FixedTime(0.1))
    return Disease(model, (1.0,), horizon=1.0, n_ahead=0, rng=stream(SEED))
