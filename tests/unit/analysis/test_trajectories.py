"""What the visits show of a marker over time, and when events happened, patient by patient."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.continuous.mmrm import mmrm
from lupusim.analysis.outcomes import NumberOutcome
from lupusim.analysis.registry import TESTS
from lupusim.common.rng import stream
from lupusim.endpoints import EventCount, MarkerChange
from lupusim.endpoints.setting import MarkerValues, Setting, Visits, clocks, imperfect_visits
from lupusim.records import Observation
from lupusim.trial import Better
from lupusim.trial.endpoints import MissingChange
from lupusim.trial.observation import IntercurrentEvent, Marker, Strategy, VisitConduct
from paths import SHAPE, STATES, N, make_path, one_arm, patients, tell
from tolerance import SEED

VISITS = (0.0, 0.25, 0.5, 1.0, 1.5)
DEATH = 3
MARKER = Marker(
    name="score",
    mean={"active": 11.5, "remission": 3.2, "relapse": 10.0},
    sd={"active": 3.7, "remission": 2.8, "relapse": 3.0},
    correlation=0.5,
)
CHANGE = MarkerChange(name="change", at=1.0, missing=MissingChange.LEFT_OUT)


@pytest.fixture(scope="module")
def paths():
    rng = stream(SEED, "trajectories")
    return [make_path(rng) for _ in range(N)]


@pytest.fixture(scope="module")
def observation():
    rng = stream(SEED, "trajectories seen")
    return Observation(
        arm=rng.integers(0, 3, size=SHAPE).astype(np.int8),
        enrollment_time=np.sort(0.25 * rng.integers(0, 8, size=SHAPE), axis=1),
        watched_until=np.where(rng.random(SHAPE) < 0.3, rng.uniform(0, 2, size=SHAPE), 2.0),
        cutoff=np.array([2.6, 1.3, math.inf]),
    )


def setting(strategy=None, conduct=None):
    events = ()
    if strategy is not None:
        hazards = {"active": 0.8, "relapse": 1.5, "remission": 0.4}
        events = (IntercurrentEvent(name="rescue", hazard_per_year=hazards, strategy=strategy),)

    def streams(purpose):
        return stream(SEED, purpose)

    visits = Visits(VISITS, N)
    if conduct is not None:
        rng = stream(SEED, "conduct")
        visits = imperfect_visits(VISITS, N, conduct=conduct, states=STATES, follow_up=2.0, rng=rng)
    marker = MarkerValues(MARKER, STATES, one_arm(VISITS, N), rng=stream(SEED, "marker"))
    return Setting(
        states=STATES,
        shape=SHAPE,
        absorbing=("death",),
        visits=visits,
        strikes=clocks(events, STATES, ("death",), n_patients=N, streams=streams),
        marker=marker,
    )


def outcome(endpoint, where, paths, observation):
    measurement = endpoint.measurement(where)
    tell(paths, list(dict.fromkeys(measurement.recorders)))
    return measurement.outcome(observation)


def value(where, path, k, time, number):
    state = STATES[[s for t, s in path if t <= time][-1]]
    return MARKER.mean[state] + MARKER.sd[state] * where.marker.deviation[number][k]


def alive(path, time):
    return [s for t, s in path if t <= time][-1] != DEATH


def expected_change(where, path, k, number, *, watched, struck):
    """Return the change that a visit shows of patient k; NaN for none."""
    visits, strategy = where.visits, where.strikes[0][0] if where.strikes else None
    times = np.broadcast_to(visits.times, (len(VISITS), N))[:, k]
    attended = np.broadcast_to(visits.attended, (len(VISITS), N))[:, k]
    if struck <= times[number] and strategy in (Strategy.HYPOTHETICAL, Strategy.COMPOSITE):
        return np.nan
    until, tried = watched, [number]
    if struck <= times[number] and strategy is Strategy.WHILE_ON_TREATMENT:
        until, tried = min(watched, struck), range(number + 1)
    there = [n for n in tried if attended[n] and times[n] <= until]
    if not there or not alive(path, times[there[-1]]):
        return np.nan
    last = there[-1]
    return value(where, path, k, times[last], last + 1) - value(where, path, k, 0.0, 0)


@pytest.mark.parametrize("strategy", [None, *Strategy])
@pytest.mark.parametrize("conduct", [None, VisitConduct(window=0.1, missed=0.2)])
def test_a_trajectory_holds_what_every_visit_after_the_first_shows(
    paths, observation, strategy, conduct
):
    where = setting(strategy, conduct)
    found = outcome(CHANGE, where, paths, observation)
    assert found.trajectory.shape == (*SHAPE, 3)
    struck = where.strikes[0][1].time if where.strikes else np.full(N, np.inf)
    times = np.broadcast_to(where.visits.times, (len(VISITS), N))
    for k, (path, enrolled, watched, cutoff) in enumerate(patients(paths, observation)):
        expected = [
            expected_change(where, path, k, number, watched=watched, struck=struck[k])
            if enrolled + times[number, k] <= cutoff
            else np.nan
            for number in (1, 2, 3)
        ]
        place = divmod(k, SHAPE[1])
        np.testing.assert_allclose(found.trajectory[place], expected, rtol=1e-12)
    seen = np.isfinite(found.trajectory)
    assert seen[..., :2][~seen[..., 2]].any()  # some are seen before, but not at the last visit


def test_who_has_a_last_value_is_included_with_it(paths, observation):
    found = outcome(CHANGE, setting(), paths, observation)
    last = found.trajectory[..., -1]
    np.testing.assert_array_equal(np.isfinite(last), found.included)
    np.testing.assert_array_equal(last[found.included], found.values[found.included])


def test_where_missing_changes_count_as_none_there_is_no_trajectory(paths, observation):
    endpoint = replace(CHANGE, missing=MissingChange.NO_CHANGE)
    assert outcome(endpoint, setting(), paths, observation).trajectory is None


def many_patients(n_arms):
    rng = stream(SEED, "many patients")
    values = rng.normal(size=(4, 90, 1)) + rng.normal(size=(4, 90, 3))
    values[rng.random(values.shape) < 0.15] = np.nan
    return NumberOutcome(
        values=np.nan_to_num(values[..., -1]),
        included=np.isfinite(values[..., -1]),
        arm=rng.integers(0, n_arms, size=(4, 90)).astype(np.int8),
        baseline=rng.normal(size=(4, 90)),
        trajectory=values,
    )


def test_a_mixed_model_of_one_of_several_arms_is_that_of_its_patients_and_the_controls():
    found = many_patients(3)
    chosen = found.against_control(2).first(80)
    assert chosen.trajectory.shape == (4, 80, 3)
    stratum = np.zeros(chosen.arm.shape, dtype=np.intp)
    verdict = TESTS["mmrm"](chosen, better=Better.FEWER, sided=1, stratum=stratum)
    covariates = chosen.baseline[:, :, None]
    for row in range(4):
        kept = np.flatnonzero(found.arm[row, :80] != 1)
        alone = mmrm(found.trajectory[row, kept], found.arm[row, kept] == 2, covariates[row, kept])
        assert not alone.undefined
        np.testing.assert_allclose(verdict.p_value[row], alone.p_less, rtol=1e-6)


def test_all_replicates_together_are_one_trial(paths, observation):
    together = outcome(CHANGE, setting(), paths, observation).pooled()
    assert together.trajectory.shape == (1, N, 3)
    counted = outcome(EventCount(name="x", events=("relapse",)), setting(), paths, observation)
    assert counted.pooled().times.shape[:2] == (1, N)


def test_covariates_and_strata_adjust_at_every_visit():
    found, rng = many_patients(2), stream(SEED, "adjusting")
    covariates, stratum = rng.normal(size=(4, 90, 1)), rng.integers(0, 2, (4, 90))
    verdict = TESTS["mmrm"](
        found, better=Better.FEWER, sided=1, stratum=stratum, covariates=covariates
    )
    columns = [found.baseline[:, :, None], covariates, stratum[:, :, None]]
    alone = mmrm(found.trajectory, found.arm, np.concatenate(columns, axis=2))
    np.testing.assert_allclose(verdict.p_value, alone.p_less, rtol=1e-6)
    assert not verdict.undefined.any()


def test_without_baseline_or_trajectory_mixed_models_do_what_they_can():
    found, stratum = replace(many_patients(2), baseline=None), np.zeros((4, 90), dtype=np.intp)
    verdict = TESTS["mmrm"](found, better=Better.MORE, sided=1, stratum=stratum)
    alone = mmrm(found.trajectory, found.arm)
    np.testing.assert_allclose(verdict.p_value, alone.p_greater, rtol=1e-6)
    bare = replace(found, trajectory=None)
    with pytest.raises(ValueError, match="all visits"):
        TESTS["mmrm"](bare, better=Better.MORE, sided=1, stratum=stratum)


@pytest.mark.parametrize("strategy", [None, Strategy.COMPOSITE, Strategy.HYPOTHETICAL])
def test_times_of_events_are_those_that_are_counted(paths, observation, strategy):
    endpoint = EventCount(name="relapses", events=("relapse", "death"), until=1.6)
    found = outcome(endpoint, setting(strategy), paths, observation)
    seen = (found.times <= found.years[:, :, None]) & (found.years > 0)[:, :, None]
    np.testing.assert_array_equal(seen.sum(axis=2), found.count)
    assert found.count.max() > 1


def test_recurrent_events_need_their_times(paths, observation):
    found = outcome(EventCount(name="x", events=("relapse",)), setting(), paths, observation)
    stratum = np.zeros(SHAPE, dtype=np.intp)
    with pytest.raises(ValueError, match="times"):
        TESTS["andersen_gill"](
            replace(found, times=None), better=Better.FEWER, sided=1, stratum=stratum
        )
