"""What a hierarchy compares over a pair's common follow-up, against a walk along both paths."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from lupusim.analysis import FollowUpLevel, win_statistics
from lupusim.common.rng import stream
from lupusim.endpoints import EventCount, TimeInStates
from lupusim.endpoints.setting import Setting, Visits, clocks
from lupusim.records import Observation
from lupusim.trial.endpoints import Better
from lupusim.trial.observation import IntercurrentEvent, Strategy
from paths import SHAPE, STATES, N, first, make_path, patients, tell
from tolerance import SEED

ROW, HALF = 2, SHAPE[1] // 2
STOPS = (Strategy.HYPOTHETICAL, Strategy.WHILE_ON_TREATMENT)


@pytest.fixture(scope="module")
def paths():
    rng = stream(SEED, "levels")
    return [make_path(rng) for _ in range(N)]


@pytest.fixture(scope="module")
def observation():
    rng = stream(SEED, "followed for unequally long")
    return Observation(
        arm=rng.integers(0, 2, size=SHAPE).astype(np.int8),
        enrollment_time=np.sort(0.25 * rng.integers(0, 8, size=SHAPE), axis=1),
        watched_until=np.where(rng.random(SHAPE) < 0.5, rng.uniform(0, 2, size=SHAPE), 2.0),
        cutoff=np.array([2.6, 1.3, 3.1]),
    )


def level_of(endpoint, strategy, paths, observation):
    """Return the level of an endpoint, and when the trial sees an event strike each patient."""
    events = ()
    if strategy is not None:
        hazards = {"active": 0.8, "relapse": 1.5, "remission": 0.4}
        events = (IntercurrentEvent(name="rescue", hazard_per_year=hazards, strategy=strategy),)
    strikes = clocks(
        events, STATES, ("death",), n_patients=N, streams=lambda purpose: stream(SEED, purpose)
    )
    where = Setting(
        states=STATES,
        shape=SHAPE,
        absorbing=("death",),
        visits=Visits((1.0,), N),
        strikes=strikes,
    )
    measurement = endpoint.measurement(where)
    tell(paths, list(dict.fromkeys(measurement.recorders)))
    level = measurement.level(observation)
    struck = strikes[0][1].time.reshape(SHAPE) if strikes else np.full(SHAPE, math.inf)
    return level, np.where(struck <= observation.watched_until, struck, math.inf)


def end_of(patient, struck, strategy, until):
    path, enrolled, watched, cutoff = patient
    ends = (watched, cutoff - enrolled, first(path, ("death",)), until)
    return max(min(*ends, struck if strategy in STOPS else math.inf), 0.0)


def years_by(path, common, failed, endpoint):
    """Return the years in the states up to a time; after a failure they are where it is worse."""
    stop = min(common, failed)
    ends = [time for time, _ in path[1:]] + [math.inf]
    spent = sum(
        max(min(end, stop) - min(begin, stop), 0.0)
        for (begin, state), end in zip(path, ends, strict=True)
        if STATES[state] in endpoint.states
    )
    return spent + (max(common - failed, 0.0) if endpoint.better is Better.FEWER else 0.0)


def count_by(path, common, failed, endpoint):
    """Return the events up to a time; a failure is one, or the last moment for those hoped for."""
    entries = [time for time, state in path if time > 0 and STATES[state] in endpoint.events]
    if endpoint.better is Better.FEWER:
        return sum(time <= common for time in (*entries, failed))
    return sum(time <= min(common, failed) for time in entries)


@pytest.mark.parametrize("strategy", [None, *Strategy])
@pytest.mark.parametrize("better", list(Better))
@pytest.mark.parametrize("kind", ["years", "events"])
def test_a_pair_is_compared_by_what_each_has_had_by_the_end_of_the_common_follow_up(
    paths, observation, kind, better, strategy
):
    if kind == "years":
        endpoint = TimeInStates(name="t", states=("remission",), until=1.6, better=better)
    else:
        endpoint = EventCount(name="n", events=("relapse",), until=1.6, better=better)
    had = years_by if kind == "years" else count_by
    level, struck = level_of(endpoint, strategy, paths, observation)
    won, lost = level.pairs()(ROW, np.arange(HALF), np.arange(HALF, SHAPE[1]))
    everybody = list(patients(paths, observation))[ROW * SHAPE[1] :]
    own = [end_of(p, s, strategy, 1.6) for p, s in zip(everybody, struck[ROW], strict=True)]
    for i, j in product(range(HALF), range(HALF, SHAPE[1])):
        common = min(own[i], own[j]) + (1e-8 if kind == "events" else 0.0)
        failed = struck[ROW] if strategy is Strategy.COMPOSITE else np.full(SHAPE[1], math.inf)
        one, other = (had(everybody[k][0], common, failed[k], endpoint) for k in (i, j))
        assert won[i, j - HALF] == ((one - other) * better.value > 1e-7), (i, j)
        assert lost[i, j - HALF] == ((other - one) * better.value > 1e-7), (i, j)
    assert won.any()
    assert lost.any()


def test_counts_of_all_followed_alike_are_compared_as_they_are_and_longer_follow_up_is_no_gain():
    times = np.array([[0.5, 0.9], [0.7, np.inf], [0.2, 0.3], [np.inf, np.inf]])
    arm = np.array([1, 1, 0, 0])
    alike = FollowUpLevel(times=times, followed=np.ones(4), more_is_better=False)
    found = win_statistics([alike], arm)
    assert (found.wins, found.losses) == (0.25, 0.5)  # 1 event wins over 2, all lose to none
    left_early = FollowUpLevel(
        times=times, followed=np.array([1.0, 1.0, 0.25, 1.0]), more_is_better=False
    )
    found = win_statistics([left_early], arm)
    assert (found.wins, found.losses) == (0.5, 0.5)  # both had none by 0.25, when he left with 1


def test_years_count_from_each_entry_to_each_exit_also_without_replicates():
    level = FollowUpLevel(
        times=np.array([[0.0, 0.5], [0.2, np.inf]]),
        weights=np.array([[1.0, -1.0], [1.0, -1.0]]),
        followed=np.array([1.0, 0.6]),
        more_is_better=True,
    )
    np.testing.assert_allclose(level.columns["value"], [0.5, 0.4])
    found = win_statistics([level], [1, 0])
    assert (found.wins, found.losses) == (1.0, 0.0)  # 0.5 against 0.4 by 0.6
    nobody = level.known_of(np.array([False, True]))
    assert win_statistics([nobody], [1, 0]).ties == 1.0


def test_a_time_that_is_not_a_number_is_refused():
    level = FollowUpLevel(times=np.array([[np.nan]]), followed=np.ones(1), more_is_better=True)
    with pytest.raises(ValueError, match="not a number"):
        level.pairs()
