"""What holds for any allocation, enrollment and small trial."""

from __future__ import annotations

import json
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
from hypothesis import HealthCheck, assume, example, given, settings

from lupusim.common.rng import stream
from lupusim.planning.runs.run import run
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block
from lupusim.trial import (
    AfterLastPatient,
    AtCalendarTime,
    AtEvents,
    Dropout,
    PermutedBlocks,
    PiecewiseEnrollment,
    PoissonEnrollment,
    SimpleRandomization,
    UniformEnrollment,
)
from tolerance import SEED
from trials import disease_trial, scenario

FEW = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
ratio_and_repeats = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4))
enrollments = st.one_of(
    st.builds(UniformEnrollment, duration=st.floats(0.01, 5.0)),
    st.builds(
        PoissonEnrollment,
        sites=st.integers(1, 20),
        per_site_per_year=st.floats(0.5, 50.0),
        ramp_up=st.floats(0.0, 2.0),
    ),
    st.builds(
        PiecewiseEnrollment,
        breaks=st.just((0.3, 0.9)),
        rates_per_year=st.tuples(st.floats(0, 50), st.floats(0, 50), st.floats(1, 50)),
    ),
)
cutoffs = st.one_of(
    st.builds(AtEvents, events=st.integers(1, 60)),
    st.builds(AtCalendarTime, time=st.floats(0.01, 5.0)),
    st.builds(AfterLastPatient, follow_up=st.floats(0.05, 2.0)),
)
dropouts = st.builds(
    Dropout,
    per_year=st.floats(0.0, 20.0),
    by_state=st.dictionaries(st.sampled_from(["active", "death"]), st.floats(0.0, 3.0)),
)


@given(ratio_and_repeats, st.integers(1, 70), st.integers(1, 4), st.integers(0, 99))
@FEW
def test_arms_never_differ_by_more_than_a_block_in_each_stratum(parts, n_patients, n_strata, seed):
    *ratio, repeats = parts
    stratum = stream(seed, "strata").integers(0, n_strata, size=(5, n_patients))
    blocks = PermutedBlocks(block_size=repeats * sum(ratio))
    arm = blocks.assign(ratio, stratum, rng=stream(seed, "allocation"))
    for row, levels in zip(arm, stratum, strict=True):
        for level in range(n_strata):
            mine = row[levels == level]
            full = mine[: mine.size // blocks.block_size * blocks.block_size]
            assert np.sum(full == 1) * sum(ratio) == full.size * ratio[1]


@given(enrollments, st.integers(1, 50))
@FEW
def test_enrollment_times_rise(enrollment, n_patients):
    times = enrollment.times(4, n_patients, rng=stream(SEED, "enrollment"))
    assert times.shape == (4, n_patients)
    assert np.all(np.isfinite(times))
    assert np.all(times >= 0)
    assert np.all(np.diff(times, axis=1) >= 0)


@given(
    enrollments,
    cutoffs,
    dropouts,
    st.integers(4, 40),
    st.sampled_from([None, SimpleRandomization(), PermutedBlocks(block_size=12)]),
)
@example(  # hazards too small for a division
    UniformEnrollment(duration=1.0),
    AtEvents(events=1),
    Dropout(per_year=1.0, by_state={"active": 0.0, "death": 1e-308}),
    4,
    None,
)
@settings(FEW, max_examples=15)
def test_any_trial_runs_and_says_what_json_can_hold(
    enrollment, cutoff, dropout, n_patients, allocation
):
    assume(not isinstance(cutoff, AtEvents) or cutoff.events <= n_patients)  # else refused
    trial = disease_trial(
        enrollment=enrollment,
        cutoff=cutoff,
        dropout=dropout,
        n_patients=n_patients,
        allocation=allocation,
    )
    result = run(scenario(trial), 6, seed=SEED)
    json.dumps(result.to_json(), allow_nan=False)
    (point,) = result.points
    assert 0 <= point.power.value <= 1
    tally = point.tally
    events = tally.mean("events_placebo").value + tally.mean("events_cells").value
    assert 0 <= events <= n_patients
    if isinstance(cutoff, AtEvents):
        assert events <= cutoff.events + 1e-9
    plain = simulate_block(trial, Block(seed=SEED, number=0, n_replicates=6))
    assert replace(tally, moments=None) == plain
