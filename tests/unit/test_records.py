"""Recorders against a walk through each patient's path in plain Python."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.records import (
    Cohort,
    FirstEntry,
    HazardAlong,
    Observation,
    StateAt,
    TimeIn,
    TransitionLog,
    Transitions,
)
from lupusim.records.histories import Histories
from tolerance import SEED

N_STATES = 4
N_PATIENTS = 60


@dataclass
class Path:
    """A patient: where it starts, and then (time, state) for each transition."""

    start: int
    steps: list[tuple[float, int]]

    def state_at(self, time):
        state = self.start
        for when, entered in self.steps:
            if when <= time:
                state = entered
        return state

    def entries(self):
        return [(0.0, self.start), *self.steps]

    def stays(self):
        ends = [when for when, _ in self.steps] + [math.inf]
        return [(begin, end, s) for (begin, s), end in zip(self.entries(), ends, strict=True)]


@pytest.fixture
def paths():
    """Random paths on a grid of quarters, so that times tie exactly with what is asked."""
    rng = stream(SEED, "records")
    found = []
    for _ in range(N_PATIENTS):
        state = start = int(rng.integers(N_STATES))
        time, steps = 0.0, []
        for _ in range(int(rng.integers(0, 7))):
            time += 0.25 * int(rng.integers(1, 5))
            state = int(rng.choice([s for s in range(N_STATES) if s != state]))
            steps.append((time, state))
        found.append(Path(start, steps))
    return found


def batch(rows, from_state, to_state, entry_time, time):
    return Transitions(
        rows=rows,
        from_state=from_state,
        to_state=np.array(to_state, dtype=np.int8),
        entry_time=np.array(entry_time, dtype=float),
        time=np.array(time, dtype=float),
    )


def tell_by_index(paths, recorders):
    """Round by round, one batch for each state that is left, rows as index arrays."""
    starts = np.array([path.start for path in paths], dtype=np.int8)
    for recorder in recorders:  # two arms, their patients interleaved
        for rows in (np.arange(0, len(paths), 2), np.arange(1, len(paths), 2)):
            recorder.start(rows, starts[rows])
    for number in range(max(len(path.steps) for path in paths)):
        for state in range(N_STATES):
            here = [
                k
                for k, path in enumerate(paths)
                if number < len(path.steps) and path.entries()[number][1] == state
            ]
            if here:
                told = batch(
                    np.array(here),
                    state,
                    [paths[k].steps[number][1] for k in here],
                    [paths[k].entries()[number][0] for k in here],
                    [paths[k].steps[number][0] for k in here],
                )
                for recorder in recorders:
                    recorder.record(told)


def tell_by_slice(paths, recorders):
    """Patient by patient; runs of patients who leave the same state together are one slice."""
    starts = np.array([path.start for path in paths], dtype=np.int8)
    for recorder in recorders:
        recorder.start(slice(None), starts)
    for number in range(max(len(path.steps) for path in paths)):
        begin = 0
        while begin < len(paths):
            end, first = begin + 1, paths[begin]
            if number >= len(first.steps):
                begin = end
                continue
            state = first.entries()[number][1]
            while (
                end < len(paths)
                and number < len(paths[end].steps)
                and paths[end].entries()[number][1] == state
            ):
                end += 1
            members = paths[begin:end]
            told = batch(
                slice(begin, end),
                state,
                [p.steps[number][1] for p in members],
                [p.entries()[number][0] for p in members],
                [p.steps[number][0] for p in members],
            )
            for recorder in recorders:
                recorder.record(told)
            begin = end


tellers = pytest.mark.parametrize("tell", [tell_by_index, tell_by_slice])


@tellers
def test_states_at_times_are_those_of_the_path(paths, tell):
    times = [0.0, 0.25, 1.0, 1.1, 5.0]
    recorder = StateAt(times, N_PATIENTS)
    tell(paths, [recorder])
    expected = [[path.state_at(time) for path in paths] for time in times]
    np.testing.assert_array_equal(recorder.states, expected)


@tellers
@pytest.mark.parametrize("states", [(1,), (0, 2), (3,), (0, 1, 2, 3)])
def test_first_entry_is_that_of_the_path(paths, tell, states):
    recorder = FirstEntry(states, N_PATIENTS)
    tell(paths, [recorder])
    expected = [
        min((t for t, s in path.entries() if s in states), default=math.inf) for path in paths
    ]
    np.testing.assert_array_equal(recorder.time, expected)


def entry_after(path, origin, events):
    """The first entry into `events` that comes after the first into `origin` in the path."""
    reached = False
    for time, state in path.entries():
        if reached and state in events:
            return time
        reached = reached or state in origin
    return math.inf


@tellers
@pytest.mark.parametrize(
    ("origin", "events"), [((1,), (2,)), ((0, 1), (2, 3)), ((1,), (1,)), ((1, 2), (2,)), ((0,), ())]
)
def test_first_entry_after_another_is_that_of_the_path(paths, tell, origin, events):
    first = FirstEntry(origin, N_PATIENTS)
    second = FirstEntry(events, N_PATIENTS, after=first)
    tell(paths, [first, second])
    np.testing.assert_array_equal(second.time, [entry_after(p, origin, events) for p in paths])


@tellers
@pytest.mark.parametrize("states", [(1,), (0, 2), (0, 1, 2, 3), ()])
@pytest.mark.parametrize("until", [0.25, 1.5, 30.0])
def test_time_in_states_is_that_of_the_path(paths, tell, states, until):
    recorder = TimeIn(states, until, N_PATIENTS)
    tell(paths, [recorder])
    expected = [
        sum(max(min(end, until) - begin, 0) for begin, end, s in path.stays() if s in states)
        for path in paths
    ]
    np.testing.assert_allclose(recorder.time, expected, atol=1e-12)


def strike(path, rates, threshold):
    for begin, end, state in path.stays():
        rate = rates[state]
        if rate > 0 and begin + threshold / rate <= end:
            return begin + threshold / rate
        threshold -= 0 if rate == 0 else rate * (end - begin)
    return math.inf


@tellers
@pytest.mark.parametrize(
    "rates", [(0.5, 0.0, 2.0, 0.1), (0.0, 0.0, 1.0, 0.0), (0.3,) * 4, (0.0,) * 4]
)
def test_a_hazard_along_the_path_strikes_when_its_threshold_is_used_up(paths, tell, rates):
    threshold = stream(SEED, "threshold").standard_exponential(N_PATIENTS)
    kept = threshold.copy()
    recorder = HazardAlong(np.array(rates), threshold)
    tell(paths, [recorder])
    expected = [strike(path, rates, t) for path, t in zip(paths, threshold, strict=True)]
    np.testing.assert_allclose(recorder.time, expected, rtol=1e-12)
    np.testing.assert_array_equal(threshold, kept)


@tellers
def test_a_log_keeps_every_transition(paths, tell):
    log = TransitionLog(N_PATIENTS)
    tell(paths, [log])
    table = Histories(tuple("wxyz"), 40.0, log).transitions()
    told = table[["patient", "from_state", "to_state", "entry_time", "study_time"]].values.tolist()
    expected = [
        [k, "wxyz"[a], "wxyz"[b], begin, time]
        for k, path in enumerate(paths)
        for (begin, a), (time, b) in zip(path.entries(), path.steps, strict=False)
    ]
    assert told == expected
    assert np.allclose(table["sojourn_time"], table["study_time"] - table["entry_time"])
    assert list(table["to_state"].cat.categories) == list("wxyz")
    assert log.initial.tolist() == [path.start for path in paths]


@tellers
def test_occupancy_counts_the_paths(paths, tell):
    log = TransitionLog(N_PATIENTS)
    tell(paths, [log])
    times = [0.0, 0.25, 1.0, 7.3]
    shares = Histories(tuple("wxyz"), 40.0, log).occupancy(times)
    expected = [
        [sum(p.state_at(t) == s for p in paths) / N_PATIENTS for s in range(N_STATES)]
        for t in times
    ]
    np.testing.assert_allclose(shares.to_numpy(), expected, atol=1e-12)
    assert shares.index.tolist() == times
    assert shares.index.name == "study_time"


def test_a_negative_control_a_path_with_one_step_less_is_noticed(paths):
    recorder = StateAt([50.0], N_PATIENTS)
    tell_by_index(paths, [recorder])
    shorter = [Path(p.start, p.steps[:-1]).state_at(50.0) for p in paths]
    assert np.any(recorder.states[0] != shorter)


def test_without_transitions_everybody_stays_and_tables_are_empty():
    log = TransitionLog(3)
    log.start(slice(None), np.array([0, 1, 1], dtype=np.int8))
    histories = Histories(("a", "b"), 2.0, log)
    assert histories.n_patients == 3
    assert histories.transitions().empty
    np.testing.assert_allclose(histories.occupancy(1.0).to_numpy(), [[1 / 3, 2 / 3]])
    assert histories.occupancy([]).empty


@pytest.mark.parametrize("times", [[-0.1], [2.1], [math.nan], [0.5, math.inf]])
def test_occupancy_is_known_up_to_the_horizon_alone(times):
    log = TransitionLog(1)
    log.start(slice(None), np.zeros(1, dtype=np.int8))
    with pytest.raises(ValueError, match="must lie from 0 to the horizon"):
        Histories(("a", "b"), 2.0, log).occupancy(times)


def test_a_patient_is_seen_until_dropout_follow_up_or_cutoff_whichever_is_first():
    seen = Observation(
        arm=np.zeros((2, 3), dtype=np.int8),
        enrollment_time=np.array([[0.0, 1.0, 3.0], [0.0, 1.0, 3.0]]),
        watched_until=np.array([[0.5, 2.0, 2.0], [0.5, 2.0, np.inf]]),
        cutoff=np.array([2.5, np.inf]),
    ).seen_until
    np.testing.assert_allclose(seen, [[0.5, 1.5, -0.5], [0.5, 2.0, math.inf]], atol=2e-9)


def test_a_cohort_takes_the_first_rows_unless_told():
    assert Cohort(n_patients=3).rows == slice(None)
