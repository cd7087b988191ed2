"""Outcomes at a data cutoff against a walk through each patient's path in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lupusim.analysis.outcomes import BinaryOutcome, SurvivalOutcome
from lupusim.common.rng import stream
from lupusim.endpoints import Responder, TimeToEvent
from lupusim.endpoints.setting import Setting
from lupusim.records import Observation
from paths import SHAPE, STATES, N, first, make_path, patients, tell
from tolerance import SEED


def measure(endpoint, states, shape):
    """Return its measurement of patients whose visits go as planned, and nothing intervenes."""
    return endpoint.measurement(Setting(states=states, shape=shape))


@pytest.fixture(scope="module")
def paths():
    rng = stream(SEED, "endpoints")
    return [make_path(rng) for _ in range(N)]


@pytest.fixture(scope="module", params=["cut", "never"])
def observation(request):
    """Some dropped out, some are not yet enrolled at the cutoff; times on the grid too."""
    rng = stream(SEED, "observation")
    enrollment = np.sort(0.25 * rng.integers(0, 12, size=SHAPE), axis=1)
    dropout = np.where(rng.random(SHAPE) < 0.3, 0.25 * rng.integers(0, 10, size=SHAPE), 2.0)
    cutoff = np.array([2.0, 1.25, 3.0]) if request.param == "cut" else np.full(3, np.inf)
    return Observation(
        arm=rng.integers(0, 2, size=SHAPE).astype(np.int8),
        enrollment_time=enrollment,
        watched_until=dropout,
        cutoff=cutoff,
    )


def expected_survival(path, enrolled, watched, cutoff, endpoint):
    seen = min(watched, cutoff - enrolled)
    origin = first(path, endpoint.origin) if endpoint.origin else 0.0
    if origin > seen or seen < 0:
        return 0.0, False
    event = first(path, endpoint.events, after=endpoint.origin or None)
    competing = first(path, endpoint.competing)
    if event <= seen and event < competing:
        return event - origin, True
    return max(min(seen, competing) - origin, 0.0), False


SURVIVAL = [
    TimeToEvent(name="death", events=("death",)),
    TimeToEvent(name="relapse or death", events=("relapse", "death")),
    TimeToEvent(name="remission", events=("remission",), competing=("death",)),
    TimeToEvent(name="relapse", events=("relapse",), origin=("remission",), competing=("death",)),
    TimeToEvent(name="either", events=("relapse", "death"), origin=("remission",)),
    TimeToEvent(name="again", events=("remission",), origin=("relapse",), competing=("death",)),
]


@pytest.mark.parametrize("endpoint", SURVIVAL, ids=lambda e: e.name)
def test_time_to_event_is_that_of_every_patient(paths, observation, endpoint):
    measurement = measure(endpoint, STATES, SHAPE)
    tell(paths, measurement.recorders)
    outcome = measurement.outcome(observation)
    assert isinstance(outcome, SurvivalOutcome)
    expected = [expected_survival(*p, endpoint) for p in patients(paths, observation)]
    np.testing.assert_allclose(outcome.time.ravel(), [t for t, _ in expected], atol=2e-9)
    assert outcome.event.ravel().tolist() == [e for _, e in expected]
    assert outcome.event.any()
    assert outcome.arm is observation.arm
    assert (outcome.competing is None) == (not endpoint.competing)


def expected_rival(path, enrolled, watched, cutoff, endpoint):
    """Return whether a competing event ends the time, and the time possible without any."""
    seen = min(watched, cutoff - enrolled)
    origin = first(path, endpoint.origin) if endpoint.origin else 0.0
    if origin > seen or seen < 0:
        return False, 0.0
    event = first(path, endpoint.events, after=endpoint.origin or None)
    competing = first(path, endpoint.competing)
    return competing <= seen and not event < competing, seen - origin


@pytest.mark.parametrize("endpoint", [e for e in SURVIVAL if e.competing], ids=lambda e: e.name)
def test_competing_events_are_those_of_every_patient(paths, observation, endpoint):
    measurement = measure(endpoint, STATES, SHAPE)
    tell(paths, measurement.recorders)
    outcome = measurement.outcome(observation)
    expected = [expected_rival(*p, endpoint) for p in patients(paths, observation)]
    assert outcome.competing.ravel().tolist() == [c for c, _ in expected]
    np.testing.assert_allclose(outcome.possible.ravel(), [p for _, p in expected], atol=2e-9)
    assert not np.any(outcome.competing & outcome.event)


@pytest.mark.parametrize("endpoint", SURVIVAL, ids=lambda e: e.name)
def test_event_times_for_the_cutoff_are_those_seen_by_everybody_s_end(paths, observation, endpoint):
    measurement = measure(endpoint, STATES, SHAPE)
    tell(paths, measurement.recorders)
    times = measurement.event_time(observation.watched_until)
    for time, (path, _, watched, _) in zip(
        times.ravel(), patients(paths, observation), strict=True
    ):
        event = first(path, endpoint.events, after=endpoint.origin or None)
        counts = event <= watched and event < first(path, endpoint.competing)
        assert time == (event if counts else math.inf)
    times[:] = -1  # the caller may write to it
    assert np.all(measurement.event_time(observation.watched_until) >= 0)


@pytest.mark.parametrize("at", [0.25, 0.5, 1.0, 1.1, 2.0])
@pytest.mark.parametrize("states", [("remission",), ("remission", "relapse")])
def test_response_is_that_of_every_patient(paths, observation, at, states):
    measurement = measure(Responder(name="r", states=states, at=at), STATES, SHAPE)
    tell(paths, measurement.recorders)
    outcome = measurement.outcome(observation)
    assert isinstance(outcome, BinaryOutcome)
    for k, (path, enrolled, watched, cutoff) in enumerate(patients(paths, observation)):
        state = [s for time, s in path if time <= at][-1]
        place = divmod(k, SHAPE[1])
        assert outcome.response[place] == (STATES[state] in states and watched >= at)
        assert outcome.included[place] == (enrolled + at <= cutoff)
    assert np.all(np.isinf(measurement.event_time(observation.watched_until)))


def test_a_visit_due_at_the_very_cutoff_counts_although_sums_are_rounded():
    enrolled = np.array([[0.1, 0.2, 0.3, 0.7]])
    at = 52 / 52.1775
    measurement = measure(Responder(name="r", states=("active",), at=at), STATES, (1, 4))
    tell([[(0.0, 0)]] * 4, measurement.recorders)
    outcome = measurement.outcome(
        Observation(
            arm=np.zeros((1, 4), dtype=np.int8),
            enrollment_time=enrolled,
            watched_until=np.full((1, 4), at),
            cutoff=np.array([0.3 + at]),
        )
    )
    assert outcome.included.tolist() == [[True, True, True, False]]
    assert outcome.response.tolist() == [[True] * 4]


def test_counts_are_by_arm_and_of_the_analyzed_alone():
    arm = np.array([[0, 0, 1, 1, 1]], dtype=np.int8)
    binary = BinaryOutcome(
        response=np.array([[True, True, True, False, True]]),
        included=np.array([[True, False, True, True, False]]),
        arm=arm,
    )
    assert np.hstack([binary.counts(k) for k in (0, 1)]).tolist() == [[1, 1], [1, 2]]
    survival = SurvivalOutcome(
        time=np.array([[1.0, 2.0, 0.5, 0.0, 4.0]]),
        event=np.array([[True, False, True, False, True]]),
        arm=arm,
    )
    assert np.hstack([survival.counts(k) for k in (0, 1)]).tolist() == [[1, 2], [3.0, 4.5]]


def test_a_negative_control_competing_death_taken_for_censoring_at_the_end_is_noticed(paths):
    everything = Observation(
        arm=np.zeros(SHAPE, dtype=np.int8),
        enrollment_time=np.zeros(SHAPE),
        watched_until=np.full(SHAPE, 2.0),
        cutoff=np.full(3, np.inf),
    )
    times = []
    for competing in ((), ("death",)):
        measurement = measure(
            TimeToEvent(name="x", events=("relapse",), competing=competing), STATES, SHAPE
        )
        tell(paths, measurement.recorders)
        times.append(measurement.outcome(everything).time)
    assert np.any(times[0] != times[1])
