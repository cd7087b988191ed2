"""Endpoints under imperfect visits and intercurrent events, patient by patient."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.endpoints import (
    EventCount,
    Hierarchy,
    MarkerChange,
    MarkerResponder,
    MissingTime,
    OrdinalState,
    Responder,
    SustainedResponder,
    TimeInStates,
    TimeToEvent,
)
from lupusim.endpoints.setting import (
    Course,
    Known,
    MarkerValues,
    Setting,
    Visits,
    clocks,
    imperfect_visits,
)
from lupusim.records import Observation
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block
from lupusim.trial.endpoints import Better, MissingChange
from lupusim.trial.observation import IntercurrentEvent, Marker, Strategy, VisitConduct
from paths import SHAPE, STATES, N, first, make_path, one_arm, patients, tell
from tolerance import SEED, assert_within_mcse
from trials import disease_trial

VISITS = (0.25, 0.5, 1.0, 1.5)
DEATH = 3


@pytest.fixture(scope="module")
def paths():
    rng = stream(SEED, "visits and strikes")
    return [make_path(rng) for _ in range(N)]


@pytest.fixture(scope="module")
def observation():
    rng = stream(SEED, "seen")
    enrollment = np.sort(0.25 * rng.integers(0, 8, size=SHAPE), axis=1)
    return Observation(
        arm=rng.integers(0, 2, size=SHAPE).astype(np.int8),
        enrollment_time=enrollment,
        watched_until=np.where(rng.random(SHAPE) < 0.3, rng.uniform(0, 2, size=SHAPE), 2.0),
        cutoff=np.array([2.6, 1.3, math.inf]),
    )


def streams(purpose):
    return stream(SEED, purpose)


def setting(visits=None, strategy=None):
    events = ()
    if strategy is not None:
        hazards = {"active": 0.8, "relapse": 1.5, "remission": 0.4}
        events = (IntercurrentEvent(name="rescue", hazard_per_year=hazards, strategy=strategy),)
    strikes = clocks(events, STATES, ("death",), n_patients=N, streams=streams)
    if visits is None and strikes:
        visits = Visits(VISITS, N)
    return Setting(states=STATES, shape=SHAPE, absorbing=("death",), visits=visits, strikes=strikes)


def outcome(endpoint, where, paths, observation):
    measurement = endpoint.measurement(where)
    tell(paths, list(dict.fromkeys(measurement.recorders)))
    return measurement.outcome(observation)


def state_at(path, time):
    return [s for t, s in path if t <= time][-1]


def ill_conducted():
    conduct = VisitConduct(window=0.1, missed=0.2, misread={"relapse": {"active": 0.3}})
    return imperfect_visits(
        VISITS,
        N,
        conduct=conduct,
        states=STATES,
        follow_up=1.55,
        rng=stream(SEED, "ill conducted"),
    )


def shown(visits, path, k, number):
    """Return the state a visit shows of patient k, by the draws of the visits."""
    true = state_at(path, visits.times[number, k])
    if STATES[true] == "relapse" and visits.misreading.luck[number, k] < 0.3:
        return STATES.index("active")
    return true


def took_place(visits, k, number, seen):
    return bool(visits.attended[number, k]) and visits.times[number, k] <= seen


RESPONDERS = [
    Responder(name="one visit", states=("remission", "active"), at=1.0),
    SustainedResponder(name="three visits", states=("remission", "active"), visits=VISITS[:3]),
]


@pytest.mark.parametrize("endpoint", RESPONDERS, ids=lambda e: e.name)
def test_response_is_what_the_visits_show(paths, observation, endpoint):
    visits = ill_conducted()
    found = outcome(endpoint, setting(visits), paths, observation)
    numbers = [VISITS.index(t) for t in getattr(endpoint, "visits", (endpoint.at,))]
    for k, (path, enrolled, watched, cutoff) in enumerate(patients(paths, observation)):
        place = divmod(k, SHAPE[1])
        expected = all(
            took_place(visits, k, n, watched)
            and STATES[shown(visits, path, k, n)] in endpoint.states
            for n in numbers
        )
        assert found.response[place] == expected
        due = enrolled + visits.times[numbers[-1], k]
        assert found.included[place] == (due <= cutoff)
    assert 0 < found.response.mean() < 1


def test_window_missed_and_misread_visits_are_as_frequent_as_told():
    n = 40_000
    conduct = VisitConduct(window=0.1, missed=0.2, misread={"relapse": {"active": 0.3}})
    visits = imperfect_visits(
        (0.5,), n, conduct=conduct, states=STATES, follow_up=2.0, rng=stream(SEED, "many visits")
    )
    visits.recorder.start(slice(None), np.full(n, STATES.index("relapse"), dtype=np.int8))
    misread = np.mean(visits.seen(0) == STATES.index("active"))
    assert_within_mcse(misread, 0.3, mcse=math.sqrt(0.21 / n))
    assert_within_mcse(np.mean(visits.attended), 0.8, mcse=math.sqrt(0.16 / n))
    assert np.all(np.abs(visits.times - 0.5) <= 0.1)
    assert_within_mcse(np.mean(visits.times), 0.5, mcse=0.2 / math.sqrt(12 * n))
    assert abs(misread - 0.25) > 8 * math.sqrt(0.21 / n)  # negative control


def walk(endpoint, visits, k, path, seen):
    """Return origin, event, competing event and last visit of one patient's visits."""
    origin = math.inf if endpoint.origin else 0.0
    event = rival = math.inf
    last = 0.0
    for n in range(len(VISITS)):
        time = visits.times[n, k]
        if state_at(path, time) == DEATH or not took_place(visits, k, n, seen):
            continue
        last, state = time, STATES[shown(visits, path, k, n)]
        event = min(event, time) if state in endpoint.events and origin <= time else event
        rival = min(rival, time) if state in endpoint.competing else rival
        origin = min(origin, time) if state in endpoint.origin else origin
    return origin, event, rival, last


def expected_visited(endpoint, visits, k, patient):
    """Return time and event of one patient, in plain Python."""
    path, enrolled, watched, cutoff = patient
    seen = min(watched, cutoff - enrolled)
    origin, event, rival, last = walk(endpoint, visits, k, path, seen)
    death = first(path, ("death",))
    end = min(last, rival)
    if death <= seen and "death" in endpoint.events and death >= origin:
        event = min(event, death)
    if death <= seen and "death" in endpoint.competing:
        rival, end = min(rival, death), death
    if math.isinf(origin):
        return 0.0, event < rival
    return (event - origin, True) if event < rival else (max(end - origin, 0.0), False)


VISITED = [
    TimeToEvent(name="relapse or death", events=("relapse", "death"), visits=VISITS),
    TimeToEvent(name="remission", events=("remission",), competing=("death",), visits=VISITS),
    TimeToEvent(
        name="after remission",
        events=("relapse", "death"),
        origin=("remission",),
        visits=VISITS,
    ),
]


@pytest.mark.parametrize("endpoint", VISITED, ids=lambda e: e.name)
def test_events_between_visits_are_dated_at_the_visit_that_first_sees_them(
    paths, observation, endpoint
):
    visits = ill_conducted()
    found = outcome(endpoint, setting(visits), paths, observation)
    for k, patient in enumerate(patients(paths, observation)):
        time, event = expected_visited(endpoint, visits, k, patient)
        place = divmod(k, SHAPE[1])
        assert found.event[place] == event, (k, paths[k])
        assert found.time[place] == pytest.approx(time, abs=1e-8)
    assert found.event.any()


def test_death_alone_is_dated_exactly_although_states_are_seen_at_visits(paths, observation):
    exact = TimeToEvent(name="death", events=("death",))
    visited = TimeToEvent(name="death", events=("death",), visits=VISITS)
    one, other = (outcome(e, setting(), paths, observation) for e in (exact, visited))
    np.testing.assert_array_equal(one.time, other.time)
    np.testing.assert_array_equal(one.event, other.event)


def test_a_relapse_seen_at_visits_is_never_dated_before_it_happens(paths):
    everything = Observation(
        arm=np.zeros(SHAPE, dtype=np.int8),
        enrollment_time=np.zeros(SHAPE),
        watched_until=np.full(SHAPE, 2.0),
        cutoff=np.full(3, np.inf),
    )
    events = {"events": ("relapse",), "competing": ("death",)}
    exact = outcome(TimeToEvent(name="x", **events), setting(), paths, everything)
    visited = outcome(TimeToEvent(name="x", visits=VISITS, **events), setting(), paths, everything)
    assert np.all(exact.event[visited.event])
    assert np.all(visited.time[visited.event] >= exact.time[visited.event])
    assert visited.event.sum() < exact.event.sum()


def test_counts_and_years_are_those_of_every_patient(paths, observation):
    endpoint = EventCount(name="relapses", events=("relapse", "remission"), until=1.6)
    found = outcome(endpoint, setting(), paths, observation)
    for k, (path, enrolled, watched, cutoff) in enumerate(patients(paths, observation)):
        end = min(watched, cutoff - enrolled, 1.6)
        count = sum(0 < t <= end + 1e-8 and STATES[s] in endpoint.events for t, s in path)
        place = divmod(k, SHAPE[1])
        assert found.count[place] == count
        years = max(min(end, first(path, ("death",))), 0.0)
        assert found.years[place] == pytest.approx(years, abs=1e-8)
    assert found.count.max() > 1


def time_in(path, states, end):
    ends = [t for t, _ in path[1:]] + [math.inf]
    return sum(
        max(min(until, end) - min(begin, end), 0.0)
        for (begin, state), until in zip(path, ends, strict=True)
        if STATES[state] in states
    )


@pytest.mark.parametrize("states", [("remission",), ("active", "remission")])
def test_time_in_states_is_that_of_every_patient(paths, observation, states):
    endpoint = TimeInStates(name="years", states=states, until=1.6)
    found = outcome(endpoint, setting(), paths, observation)
    for k, (path, enrolled, watched, cutoff) in enumerate(patients(paths, observation)):
        place = divmod(k, SHAPE[1])
        assert found.values[place] == pytest.approx(time_in(path, states, min(watched, 1.6)))
        assert found.included[place] == (enrolled + 1.6 <= cutoff)


RANKING = (("death",), ("relapse", "active"), ("remission",))


def test_ranks_are_those_of_every_patient_and_a_known_death_ranks_as_death(paths, observation):
    endpoint = OrdinalState(name="rank", ranking=RANKING, at=1.0, missing="active")
    found = outcome(endpoint, setting(), paths, observation)
    ranks = {"death": 0, "relapse": 1, "active": 1, "remission": 2}
    for k, (path, _, watched, _) in enumerate(patients(paths, observation)):
        died = first(path, ("death",)) <= watched
        expected = ranks[STATES[state_at(path, 1.0)]] if watched >= 1.0 or died else 1
        assert found.values[divmod(k, SHAPE[1])] == expected
    assert set(np.unique(found.values)) == {0, 1, 2}
    worst = OrdinalState(name="rank", ranking=RANKING, at=1.0)
    assert np.all(outcome(worst, setting(), paths, observation).values <= found.values)


def test_a_hierarchy_holds_what_its_levels_hold_and_does_not_decide_the_unknown(paths, observation):
    death = TimeToEvent(name="death", events=("death",))
    remission = TimeToEvent(
        name="remission", events=("remission",), competing=("death",), better=death.better.MORE
    )
    levels = (
        death,
        EventCount(name="relapses", events=("relapse",)),
        remission,
        Responder(name="r", states=("remission",), at=1.0),
        TimeInStates(name="t", states=("remission",), until=1.0),
    )
    found = outcome(Hierarchy(name="all", levels=levels), setting(), paths, observation)
    alone = [outcome(level, setting(), paths, observation) for level in levels]
    assert len(found.levels) == len(levels)
    np.testing.assert_allclose(found.levels[0].low, alone[0].time, atol=1e-12)
    np.testing.assert_array_equal(found.levels[1].columns["value"], alone[1].count)
    np.testing.assert_array_equal(found.levels[1].followed, alone[1].years)
    seen = alone[2].event
    np.testing.assert_allclose(found.levels[2].high[seen], -alone[2].time[seen], atol=1e-12)
    known = alone[3].included
    np.testing.assert_array_equal(found.levels[3].low[known], alone[3].response[known])
    assert np.all(np.isinf(found.levels[3].low[~known]))
    late = observation.enrollment_time > observation.cutoff[:, None]
    np.testing.assert_array_equal(found.included, ~late)
    for k, (path, enrolled, watched, cutoff) in enumerate(patients(paths, observation)):
        end = min(watched, cutoff - enrolled, 1.0, first(path, ("death",)))
        value = time_in(path, ("remission",), max(end, 0.0))
        place = divmod(k, SHAPE[1])
        assert found.levels[4].columns["value"][place] == pytest.approx(value, abs=1e-8)
        assert found.levels[4].followed[place] == pytest.approx(max(end, 0.0), abs=1e-8)
    whole = Hierarchy(name="all", levels=levels).measurement(setting())
    with pytest.raises(ValueError, match="cannot hold another one"):
        whole.level(observation)


def strike_times(where, paths):
    clock = where.strikes[0][1]
    tell(paths, [clock])
    return clock.time.reshape(SHAPE)


def seen_strikes(where, paths, observation):
    """Return the strikes that the trial sees: those of patients who have not left before."""
    struck = strike_times(where, paths)
    return np.where(struck <= observation.watched_until, struck, np.inf)


ALL = [
    Responder(name="remission", states=("remission", "active"), at=1.0),
    TimeToEvent(name="relapse or death", events=("relapse", "death")),
    TimeToEvent(name="seen", events=("relapse", "death"), visits=VISITS),
    EventCount(name="relapses", events=("relapse",), until=1.6),
    TimeInStates(name="years", states=("active", "remission"), until=1.6),
    OrdinalState(name="rank", ranking=RANKING, at=1.0),
]


@pytest.mark.parametrize("endpoint", ALL, ids=lambda e: e.name)
def test_treatment_policy_changes_nothing(paths, observation, endpoint):
    plain = outcome(endpoint, setting(), paths, observation)
    policy = outcome(endpoint, setting(strategy=Strategy.TREATMENT_POLICY), paths, observation)
    for name in type(plain).__slots__:
        np.testing.assert_array_equal(getattr(plain, name), getattr(policy, name))


def test_composite_makes_the_strike_a_failure(paths, observation):
    struck = seen_strikes(setting(strategy=Strategy.COMPOSITE), paths, observation)
    plain = [outcome(e, setting(), paths, observation) for e in ALL]
    found = [outcome(e, setting(strategy=Strategy.COMPOSITE), paths, observation) for e in ALL]
    response, times, seen, counts, years, ranks = found
    np.testing.assert_array_equal(response.response, plain[0].response & (struck > 1.0))
    until = observation.seen_until
    either = np.minimum(struck, np.where(plain[1].event, plain[1].time, np.inf))
    np.testing.assert_array_equal(times.event, either <= until)
    np.testing.assert_allclose(times.time[times.event], either[times.event])
    later = seen.event & ~plain[2].event
    np.testing.assert_allclose(seen.time[later], struck[later])
    assert later.any()
    np.testing.assert_array_equal(counts.count, plain[3].count + (struck <= np.minimum(until, 1.6)))
    assert np.all(years.values <= plain[4].values)
    assert np.all(years.values <= np.maximum(struck, 0))
    alive = ranks.values[(struck <= 1.0)]
    assert np.all(alive == 0)


def test_hypothetical_censors_times_and_leaves_others_out(paths, observation):
    where = setting(strategy=Strategy.HYPOTHETICAL)
    struck = seen_strikes(where, paths, observation)
    plain = [outcome(e, setting(), paths, observation) for e in ALL]
    found = [outcome(e, setting(strategy=Strategy.HYPOTHETICAL), paths, observation) for e in ALL]
    np.testing.assert_array_equal(found[0].included, plain[0].included & (struck > 1.0))
    np.testing.assert_array_equal(found[0].response, plain[0].response)
    np.testing.assert_array_equal(found[1].event, plain[1].event & (plain[1].time <= struck))
    np.testing.assert_allclose(found[1].time, np.minimum(plain[1].time, struck))
    assert np.all(found[2].time <= np.maximum(struck, 0))
    np.testing.assert_allclose(found[3].years, np.minimum(plain[3].years, struck))
    np.testing.assert_array_equal(found[4].included, plain[4].included & (struck > 1.6))
    np.testing.assert_array_equal(found[5].included, plain[5].included & (struck > 1.0))


def test_where_fewer_are_better_or_events_hoped_for_a_composite_strike_is_bad_too(
    paths, observation
):
    struck = seen_strikes(setting(strategy=Strategy.COMPOSITE), paths, observation)
    turned = [replace(e, better=Better.FEWER) for e in (ALL[0], ALL[4])]
    turned += [replace(e, better=Better.MORE) for e in ALL[1:4]]
    plain = [outcome(e, setting(), paths, observation) for e in turned]
    found = [outcome(e, setting(strategy=Strategy.COMPOSITE), paths, observation) for e in turned]
    np.testing.assert_array_equal(found[0].response, plain[0].response | (struck <= 1.0))
    for k, (path, _, watched, _) in enumerate(patients(paths, observation)):
        place = divmod(k, SHAPE[1])
        before = time_in(path, turned[1].states, min(struck[place], 1.6, watched))
        assert found[1].values[place] == pytest.approx(
            before + max(0.0, 1.6 - struck[place]) if struck[place] <= 1.6 else before
        )
    for times, alone in ((found[2], plain[2]), (found[3], plain[3])):
        np.testing.assert_array_equal(times.event, alone.event & (alone.time <= struck))
    free = struck < np.where(plain[2].event, plain[2].time, np.inf)
    death = np.array([first(path, ("death",)) for path in paths]).reshape(SHAPE)
    alive = free & (death > 2.0)
    np.testing.assert_allclose(
        found[2].time[alive], np.maximum(observation.seen_until, 0)[alive], atol=1e-8
    )
    assert np.any(found[4].count < plain[4].count)
    np.testing.assert_array_equal(found[4].years, plain[4].years)


@pytest.mark.parametrize("missing", list(MissingTime))
def test_time_after_a_dropout_counts_as_the_endpoint_says(paths, observation, missing):
    states = ("remission", "death")  # of the dead all is known
    endpoint = TimeInStates(name="years", states=states, until=1.6, missing=missing)
    found = outcome(endpoint, setting(), paths, observation)
    for k, (path, enrolled, watched, cutoff) in enumerate(patients(paths, observation)):
        place = divmod(k, SHAPE[1])
        end = 1.6 if first(path, ("death",)) <= watched else min(watched, 1.6)
        lost = 1.6 - end if missing is MissingTime.IN_STATES else 0.0
        assert found.values[place] == pytest.approx(time_in(path, states, end) + lost)
        kept = missing is not MissingTime.LEFT_OUT or end == 1.6
        assert found.included[place] == (enrolled + 1.6 <= cutoff and kept)


def test_a_competing_state_seen_at_a_visit_ends_the_time_as_a_competing_event(paths, observation):
    endpoint = TimeToEvent(
        name="x", events=("relapse",), competing=("remission", "death"), visits=VISITS
    )
    found = outcome(endpoint, setting(Visits(VISITS, N)), paths, observation)
    for k, (path, enrolled, watched, cutoff) in enumerate(patients(paths, observation)):
        place, seen = divmod(k, SHAPE[1]), min(watched, cutoff - enrolled)
        by_visit = [(t, STATES[state_at(path, t)]) for t in VISITS if t <= seen + 1e-9]
        rival = min((t for t, s in by_visit if s == "remission"), default=math.inf)
        death = first(path, ("death",))
        rival = min(rival, death if death <= seen else math.inf)
        event = min((t for t, s in by_visit if s == "relapse"), default=math.inf)
        assert found.competing[place] == (rival < math.inf and rival <= event)
        assert found.event[place] == (event < rival)
    assert found.competing.any()


def test_the_first_event_of_a_count_may_be_a_strike(paths, observation):
    where = setting(strategy=Strategy.COMPOSITE)
    measurement = ALL[3].measurement(where)
    tell(paths, list(dict.fromkeys(measurement.recorders)))
    struck = where.strikes[0][1].time.reshape(SHAPE)
    times = measurement.event_time(observation.watched_until)
    entered = np.array([first(path, ("relapse",)) for path in paths]).reshape(SHAPE)
    either = np.minimum(entered, struck)
    known = either <= np.minimum(observation.watched_until, 1.6)
    np.testing.assert_array_equal(times, np.where(known, either, np.inf))
    assert np.any(struck[known] < entered[known])


def test_while_on_treatment_keeps_what_was_seen_before(paths, observation):
    struck = seen_strikes(setting(strategy=Strategy.WHILE_ON_TREATMENT), paths, observation)
    where = setting(strategy=Strategy.WHILE_ON_TREATMENT)
    found = outcome(ALL[0], where, paths, observation)
    early = 0
    for k, (path, _, watched, _) in enumerate(patients(paths, observation)):
        place = divmod(k, SHAPE[1])
        if struck[place] > 1.0:
            expected = watched >= 1.0 and STATES[state_at(path, 1.0)] in ALL[0].states
        else:
            before = [t for t in VISITS if t <= min(struck[place], watched)]
            expected = bool(before) and STATES[state_at(path, before[-1])] in ALL[0].states
            early += expected
        assert found.response[place] == expected
    assert early
    years = outcome(ALL[4], setting(strategy=Strategy.WHILE_ON_TREATMENT), paths, observation)
    for k, (path, _, watched, _) in enumerate(patients(paths, observation)):
        place = divmod(k, SHAPE[1])
        end = min(watched, 1.6, struck[place])
        assert years.values[place] == pytest.approx(time_in(path, ALL[4].states, end))


def test_nothing_strikes_the_dead(paths):
    where = setting(strategy=Strategy.COMPOSITE)
    struck = strike_times(where, paths).ravel()
    deaths = np.array([first(path, ("death",)) for path in paths])
    hit = np.isfinite(struck)
    assert np.all(struck[hit] <= deaths[hit])
    assert np.any(~hit)


@pytest.mark.parametrize(
    "endpoint", [ALL[0], ALL[4], ALL[5], Hierarchy(name="h", levels=(ALL[0], ALL[1]))]
)
def test_what_is_no_event_has_no_event_time(paths, observation, endpoint):
    measurement = endpoint.measurement(setting())
    tell(paths, list(dict.fromkeys(measurement.recorders)))
    assert np.all(np.isinf(measurement.event_time(observation.watched_until)))


@pytest.mark.parametrize("endpoint", [ALL[1], ALL[2], ALL[3]], ids=lambda e: e.name)
def test_event_times_are_those_of_the_outcome_without_a_cutoff(paths, observation, endpoint):
    endless = Observation(
        arm=observation.arm,
        enrollment_time=observation.enrollment_time,
        watched_until=observation.watched_until,
        cutoff=np.full(3, np.inf),
    )
    measurement = endpoint.measurement(setting())
    tell(paths, list(dict.fromkeys(measurement.recorders)))
    times = measurement.event_time(observation.watched_until)
    found = measurement.outcome(endless)
    if isinstance(endpoint, EventCount):
        np.testing.assert_array_equal(np.isfinite(times), found.count > 0)
    else:
        np.testing.assert_array_equal(np.isfinite(times), found.event)
        np.testing.assert_allclose(times[found.event], found.time[found.event])


MARKER = Marker(
    name="score",
    mean={"active": 11.5, "remission": 3.2, "relapse": 10.0},
    sd={"active": 3.7, "remission": 2.8, "relapse": 3.0},
    correlation=0.5,
    lowest=0.0,
)


def with_marker(marker=MARKER, visits=None, strategy=None, n=N):
    where = setting(visits or Visits(VISITS, n), strategy)
    values = MarkerValues(marker, STATES, one_arm(VISITS, n), rng=stream(SEED, "marker"))
    return replace(where, marker=values)


def marker_of(where, path, k, time, number):
    state = STATES[state_at(path, time)]
    deviation = where.marker.deviation[number][k]
    return max(MARKER.mean[state] + MARKER.sd[state] * deviation, 0.0)


@pytest.mark.parametrize("missing", list(MissingChange))
def test_marker_changes_are_those_of_every_patient(paths, observation, missing):
    where = with_marker()
    endpoint = MarkerChange(name="change", at=1.0, missing=missing)
    found = outcome(endpoint, where, paths, observation)
    fallen = outcome(
        MarkerResponder(name="fall", at=1.0, fall=4.0), with_marker(), paths, observation
    )
    for k, (path, enrolled, watched, cutoff) in enumerate(patients(paths, observation)):
        place = divmod(k, SHAPE[1])
        known = watched >= 1.0 and state_at(path, 1.0) != DEATH
        baseline = marker_of(where, path, k, 0.0, 0)
        change = marker_of(where, path, k, 1.0, 3) - baseline if known else 0.0
        assert found.baseline[place] == pytest.approx(baseline)
        assert found.values[place] == pytest.approx(change)
        due = enrolled + 1.0 <= cutoff
        assert found.included[place] == (due and (known or missing is MissingChange.NO_CHANGE))
        assert fallen.response[place] == (known and change <= -4.0)
    assert 0 < fallen.response.mean() < 1


def test_a_marker_counts_what_was_seen_before_a_strike(paths, observation):
    strategy = Strategy.WHILE_ON_TREATMENT
    where = with_marker(strategy=strategy)
    found = outcome(MarkerChange(name="change", at=1.0), where, paths, observation)
    struck = where.strikes[0][1].time.reshape(SHAPE)
    struck = np.where(struck <= observation.watched_until, struck, np.inf)
    for k, (path, _, watched, _) in enumerate(patients(paths, observation)):
        place = divmod(k, SHAPE[1])
        end = min(struck[place], watched) if struck[place] <= 1.0 else watched
        tried = VISITS[:3] if struck[place] <= 1.0 else (1.0,)
        before = [t for t in tried if t <= end]
        change = 0.0
        if before and state_at(path, before[-1]) != DEATH:
            number = VISITS.index(before[-1]) + 1
            change = marker_of(where, path, k, before[-1], number) - marker_of(where, path, k, 0, 0)
        assert found.values[place] == pytest.approx(change)
    assert np.any(struck <= 1.0)


def test_the_marker_has_the_mean_the_spread_and_the_correlation_it_is_given():
    n = 40_000
    free = replace(MARKER, lowest=-math.inf)
    values = MarkerValues(free, STATES, one_arm((1.0,), n), rng=stream(SEED, "many markers"))
    active = np.zeros(n, dtype=np.int8)
    before, after = values.baseline(active), values.at_visit(0, active)
    assert_within_mcse(after.mean(), 11.5, mcse=3.7 / math.sqrt(n))
    assert_within_mcse(after.std(), 3.7, mcse=3.7 / math.sqrt(2 * n))
    found = np.corrcoef(before, after)[0, 1]
    assert_within_mcse(found, 0.5, mcse=(1 - 0.25) / math.sqrt(n))
    assert abs(found - 0.45) > 8 * 0.75 / math.sqrt(n)  # negative control


def test_values_that_patients_come_with_are_kept_and_correlated_with_the_later_ones():
    n = 40_000
    free = replace(MARKER, lowest=-math.inf)
    active = np.zeros(n, dtype=np.int8)
    screened = 11.5 + 3.7 * stream(SEED, "screened").standard_normal(n)
    known = Known(screened, "active")
    values = MarkerValues(
        free, STATES, one_arm((1.0, 2.0), n), known=known, rng=stream(SEED, "more markers")
    )
    np.testing.assert_allclose(values.baseline(active), screened)
    later = [values.at_visit(number, active) for number in (0, 1)]
    for one, other in ((screened, later[0]), (screened, later[1]), tuple(later)):
        found = np.corrcoef(one, other)[0, 1]
        assert_within_mcse(found, 0.5, mcse=(1 - 0.25) / math.sqrt(n))
    assert_within_mcse(later[0].std(), 3.7, mcse=3.7 / math.sqrt(2 * n))
    high = screened > 15.2  # one spread above the mean: half of it is luck, and is lost again
    expected = 11.5 + 0.5 * (screened[high] - 11.5)
    excess = later[0][high] - expected
    assert_within_mcse(excess.mean(), 0.0, mcse=3.7 * math.sqrt(0.75 / high.sum()))


def test_a_stated_course_moves_the_mean_of_an_arm_and_the_spread_between_its_points():
    n = 40_000
    marker = replace(
        MARKER,
        lowest=-math.inf,
        course={"a": ((0.5, -2.0), (1.0, -6.0)), "b": ((1.0, 1.0),)},
        spread=((1.0, 2.0),),
        correlation=0.6,
        baseline_correlation=0.3,
    )
    arm = np.repeat(np.array([0, 1, 2], dtype=np.int8), n)
    course = Course((0.75, 2.0), ("a", "b", "no course"), arm)
    values = MarkerValues(marker, STATES, course, rng=stream(SEED, "courses"))
    active = np.zeros(3 * n, dtype=np.int8)
    seen = [values.baseline(active), values.at_visit(0, active), values.at_visit(1, active)]
    changes = [(0.0, 0.0, 0.0), (-4.0, 0.75, 0.0), (-6.0, 1.0, 0.0)]  # straight lines, then level
    for found, expected, factor in zip(seen, changes, (1.0, 1.75, 2.0), strict=True):
        for position in range(3):
            mean = found[arm == position].mean()
            mcse = factor * 3.7 / math.sqrt(n)
            assert_within_mcse(mean, 11.5 + expected[position], mcse=mcse)
            spread = found[arm == position].std()
            assert_within_mcse(spread, factor * 3.7, mcse=mcse / math.sqrt(2))
    first, *later = (found[arm == 2] for found in seen)
    for one, other, rho in ((first, later[0], 0.3), (first, later[1], 0.3), (*later, 0.6)):
        found = np.corrcoef(one, other)[0, 1]
        assert_within_mcse(found, rho, mcse=(1 - rho**2) / math.sqrt(n))
    assert abs(found - 0.5) > 8 * 0.64 / math.sqrt(n)  # negative control


def test_a_null_twin_gives_every_arm_the_course_of_the_control():
    marker = replace(MARKER, course={"b": ((1.0, -6.0),)})
    assert marker.alike(("a", "b")).course == {"a": (), "b": ()}
    assert MARKER.alike(("a", "b")) is MARKER


@pytest.mark.parametrize(
    "wrong",
    [
        {"baseline_correlation": 0.9},
        {"course": {"a": ((1.0, 0.0), (0.5, 0.0))}},
        {"course": {"a": ((0.0, 1.0),)}},
        {"spread": ((1.0, -1.0),)},
    ],
)
def test_an_impossible_course_is_refused(wrong):
    with pytest.raises(ValueError, match="must"):
        replace(MARKER, **wrong)


def test_a_marker_endpoint_without_a_marker_is_refused():
    with pytest.raises(ValueError, match="no marker"):
        MarkerChange(name="change", at=1.0).measurement(setting())


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        (VisitConduct, {"window": -1.0}, "window"),
        (VisitConduct, {"missed": 1.0}, "missed"),
        (VisitConduct, {"misread": {"active": {"relapse": 1.1}}}, "sum to at most 1"),
        (IntercurrentEvent, {"name": "x", "hazard_per_year": {"active": -1.0}}, "hazard"),
        (Marker, {"name": "x", "mean": {}, "sd": {}, "correlation": 1.1}, "correlation"),
        (Marker, {"name": "x", "mean": {"a": 1.0}, "sd": {}, "correlation": 0.5}, "same states"),
        (
            Marker,
            {"name": "x", "mean": {"a": 1.0}, "sd": {"a": -1.0}, "correlation": 0.5},
            "0 or above",
        ),
        (SustainedResponder, {"name": "x", "states": (), "visits": (1.0,)}, "states"),
        (SustainedResponder, {"name": "x", "states": ("a",), "visits": (1.0, 0.5)}, "rising"),
        (EventCount, {"name": "x", "events": ()}, "events"),
        (EventCount, {"name": "x", "events": ("a",), "until": 0.0}, "until"),
        (TimeInStates, {"name": "x", "states": (), "until": 1.0}, "states"),
        (TimeInStates, {"name": "x", "states": ("a",), "until": math.inf}, "until"),
        (OrdinalState, {"name": "x", "ranking": (("a",),), "at": 1.0}, "two groups"),
        (OrdinalState, {"name": "x", "ranking": (("a",), ("a",)), "at": 1.0}, "one of them"),
        (
            OrdinalState,
            {"name": "x", "ranking": (("a",), ("b",)), "at": 1.0, "missing": "c"},
            "state of the ranking",
        ),
        (MarkerResponder, {"name": "x", "at": 1.0, "fall": 0.0}, "fall"),
        (MarkerChange, {"name": "x", "at": 0.0}, "above 0"),
        (Hierarchy, {"name": "x", "levels": ()}, "two endpoints"),
    ],
)
def test_what_makes_no_sense_is_refused(kind, values, words):
    with pytest.raises(ValueError, match=words):
        kind(**values)


@pytest.mark.parametrize("strategy", Strategy)
def test_an_endpoint_may_have_a_strategy_of_its_own(strategy):
    rescue = IntercurrentEvent(name="rescue", hazard_per_year={"active": 1.0, "relapse": 2.0})
    own = replace(rescue, by_endpoint={"remission": strategy})
    alike = replace(rescue, strategy=strategy)
    block = Block(seed=SEED, number=0, n_replicates=6)
    found = [
        simulate({"": trial}, block)[""]
        for trial in (disease_trial(intercurrent_events=(e,)) for e in (own, alike, rescue))
    ]
    for name in found[0]:
        expected = found[1 if name.startswith("remission: ") else 2]
        np.testing.assert_array_equal(found[0][name], expected[name], err_msg=name)
    same = strategy is Strategy.TREATMENT_POLICY
    name = "remission: response_placebo"
    assert np.array_equal(found[0][name], found[2][name]) is same
