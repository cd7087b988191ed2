"""Runs: the same bits in any order, blocks by name, what is refused, the table."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from lupusim.endpoints import Responder, TimeToEvent
from lupusim.planning.execution import tasks as tasks_module
from lupusim.planning.execution import workers as parallel
from lupusim.planning.runs.replicates import simulate_replicates
from lupusim.planning.runs.run import run
from lupusim.simulation.block import PATIENTS_PER_BLOCK, replicates_per_block, simulate_block
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.looks.cutoffs import observed
from lupusim.simulation.relabeling import score_relabeled
from lupusim.simulation.tally import Tally
from lupusim.trial import AfterLastPatient, AtCalendarTime, AtEvents, Dropout, SimpleRandomization
from lupusim.trial.scenario import Scenario
from trials import analysis, disease_trial, exponential_arm, scenario, survival_trial

ONE_BLOCK = Block(seed=1, number=0, n_replicates=4)
LARGE = 30_000  # so many patients that a block holds few replicates


def sums(result):
    return [(p.tally.sums, p.null_tally.sums if p.null_tally else None) for p in result.points]


def small(n=8):
    return scenario(
        survival_trial(n_patients=LARGE), disease_trial(n_patients=30_001), n_replicates=n
    )


def test_a_run_is_the_sum_of_its_blocks_whichever_was_simulated_first():
    trial = survival_trial(n_patients=LARGE)
    size = replicates_per_block(LARGE)
    blocks = [
        Block(seed=3, number=0, n_replicates=size),
        Block(seed=3, number=1, n_replicates=size),
        Block(seed=3, number=2, n_replicates=1),
    ]
    point = run(scenario(trial), 2 * size + 1, seed=3).points[0].plain

    def of_twin(design, block):
        return score_relabeled({"": design}, (), block, {})[""]

    for design, tally, score in (
        (trial, point.tally, simulate_block),
        (trial.null_twin(), point.null_tally, of_twin),
    ):
        backwards = {block.number: score(design, block) for block in reversed(blocks)}
        total = Tally()
        for number in range(3):
            total.add(backwards[number])
        assert total == tally


def test_another_seed_gives_other_bits():
    asked = scenario(survival_trial(), n_replicates=20)
    assert sums(run(asked, seed=3)) != sums(run(asked, seed=4))
    assert sums(run(asked)) == sums(run(asked, seed=asked.seed))


@pytest.mark.slow
def test_two_processes_give_the_same_bits_as_one(monkeypatch):
    monkeypatch.setattr(parallel, "_POOL_PAYS_AFTER", 0.0)
    monkeypatch.setattr(tasks_module, "_SECONDS_PER_TASK", 0.0)
    asked = small()
    assert sums(run(asked, n_jobs=2)) == sums(run(asked, n_jobs=1))


def test_a_block_is_named_by_seed_and_number_alone():
    trial = survival_trial()
    block = Block(seed=5, number=2, n_replicates=4)
    assert simulate_block(trial, block) == simulate_block(trial, block)
    for other in (replace(block, number=3), replace(block, seed=6)):
        assert simulate_block(trial, block) != simulate_block(trial, other)


def test_designs_share_their_patients():
    block = Block(seed=5, number=0, n_replicates=3)
    trial, weaker = survival_trial(), survival_trial(hazard_ratio=0.7)
    one, other = generate(trial, block), generate(weaker, block)
    np.testing.assert_array_equal(one.enrollment_time, other.enrollment_time)
    np.testing.assert_array_equal(one.arm, other.arm)
    times = [g.measurements[0].event_time(np.full((3, 60), np.inf)) for g in (one, other)]
    control = one.arm == 0
    np.testing.assert_array_equal(times[0][control], times[1][control])
    assert np.all(times[0][~control] >= times[1][~control])


@pytest.mark.parametrize(
    ("n_patients", "expected"),
    [(1, PATIENTS_PER_BLOCK), (120, PATIENTS_PER_BLOCK // 120), (10**6, 1)],
)
def test_a_block_holds_as_many_patients_as_fit_into_the_cache(n_patients, expected):
    assert replicates_per_block(n_patients) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_replicates": 0}, "n_replicates=0"),
        ({"n_replicates": -1}, "n_replicates=-1"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 1.5}, "seed=1.5"),
        ({"n_jobs": 0}, "n_jobs=0"),
        ({"n_jobs": -2}, "n_jobs=-2"),
    ],
)
def test_what_cannot_be_run_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        run(scenario(survival_trial()), **{"n_replicates": 2, **values})


def test_a_scenario_needs_a_design_and_a_replicate():
    with pytest.raises(ValueError, match="points is empty"):
        Scenario(name="s", title="", question="", points=())
    with pytest.raises(ValueError, match="n_replicates=0"):
        scenario(survival_trial(), n_replicates=0)


def test_a_listener_hears_of_every_replicate_once():
    heard = []
    run(scenario(survival_trial(), disease_trial()), 40, listener=heard.append)
    assert [p.done for p in heard] == sorted(p.done for p in heard)
    assert heard[-1].done == heard[-1].total == 2 * 2 * 40
    assert 0 <= heard[-1].power.value <= 1


def test_without_a_test_there_is_no_power():
    single = survival_trial(arms=(exponential_arm("cells", 0.5),), analysis=None)
    heard = []
    result = run(scenario(single), 10, listener=heard.append)
    (point,) = result.points
    assert point.power is None
    assert point.type_one_error is None
    assert "power" not in result.operating_characteristics
    assert heard[-1].power is None
    assert heard[-1].total == 10


def test_every_estimate_stands_beside_its_error():
    result = run(scenario(disease_trial()), 30)
    table = result.operating_characteristics
    assert len(table) == 1
    estimates = [c for c in table.columns if f"{c}_mcse" in table.columns]
    assert {"power", "type_one_error", "estimate", "duration"} <= set(estimates)
    assert {"remission: response_cells", "relapse: events_placebo"} <= set(estimates)
    assert {c for c in table.columns if c.endswith("_mcse")} == {f"{c}_mcse" for c in estimates}
    assert table["n_replicates"].tolist() == [30]
    assert table["n_patients"].tolist() == [61]


def test_json_is_plain_and_complete():
    result = run(scenario(survival_trial(), survival_trial(n_patients=80)), 5, seed=2)
    told = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert told["seed"] == 2
    assert told["n_replicates"] == 5
    assert [p["design_point"] for p in told["points"]] == [
        {"sample_size": 60},
        {"sample_size": 80},
    ]
    assert {"power", "power_mcse", "type_one_error", "n_patients"} <= set(told["points"][0])
    assert set(told["versions"]) == {"python", "lupusim", "numpy"}
    assert told["seconds"] >= 0


def test_what_no_replicate_has_is_null_in_json():
    early = disease_trial(cutoff=AtCalendarTime(time=0.5))  # before anybody's visit at one year
    told = json.dumps(run(scenario(early), 3).to_json(), allow_nan=False)
    assert json.loads(told)["points"][0]["remission: response_cells"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"n_patients": 4},
        {"n_patients": 61},  # no multiple of the block
        {"allocation": SimpleRandomization(), "n_patients": 4},  # an arm may be empty
        {"follow_up": math.inf, "cutoff": AtEvents(events=30)},
        {
            "follow_up": math.inf,
            "cutoff": AtEvents(events=60),
            "dropout": Dropout(per_year=2.0),
        },  # never reached
        {"follow_up": math.inf, "cutoff": AtCalendarTime(time=0.01)},  # before most have come
        {"dropout": Dropout(per_year=1e6)},  # all leave at once
        {"dropout": Dropout(per_year=0.5)},
    ],
    ids=str,
)
@pytest.mark.parametrize("make", [survival_trial, disease_trial])
def test_trials_at_the_edge_run_without_a_hitch(make, changes):
    if make is disease_trial:
        changes = {"visits": (0.5, 1.0), **changes}
        if changes["n_patients"] == 4 if "n_patients" in changes else False:
            changes = {**changes, "n_patients": 5}
    result = run(scenario(make(**changes)), 20)
    power = result.points[0].power
    assert 0 <= power.value <= 1
    json.dumps(result.to_json(), allow_nan=False)


def test_a_trial_whose_events_never_come_ends_when_nobody_is_left_to_have_one():
    relapse = TimeToEvent(name="first relapse", events=("relapse",), competing=("death",))
    trial = disease_trial(
        follow_up=math.inf, cutoff=AtEvents(events=61), dropout=Dropout(per_year=1.0)
    )
    found = simulate_replicates(replace(trial, primary=relapse), ONE_BLOCK)
    generated = generate(replace(trial, primary=relapse), ONE_BLOCK)
    everything = observed(generated, np.full(4, np.inf))
    left = generated.measurements[0].outcome(everything).time + generated.enrollment_time
    assert found["missed_cutoff"].all()
    assert found["duration"] == pytest.approx(left.max(axis=1))


def test_a_trial_never_ends_where_events_never_come_and_somebody_stays():
    harmless = (exponential_arm("control", 0.001), exponential_arm("cells", 0.001))
    trial = survival_trial(arms=harmless, follow_up=math.inf, cutoff=AtEvents(events=40))
    tally = simulate_block(trial, ONE_BLOCK)
    assert tally.mean("missed_cutoff").value == 1
    assert tally.sums["duration"][0] == 0


def test_an_event_driven_trial_has_its_number_of_events_and_ends_with_the_last():
    trial = survival_trial(follow_up=math.inf, cutoff=AtEvents(events=25))
    tally = simulate_block(trial, Block(seed=1, number=0, n_replicates=50))
    events = tally.mean("events_control").value + tally.mean("events_cells").value
    assert events == pytest.approx(25)
    assert tally.mean("missed_cutoff").value == 0


def test_an_undefined_test_rejects_nothing():
    harmless = (exponential_arm("control", 0.0001), exponential_arm("cells", 0.0001))
    trial = survival_trial(arms=harmless, n_patients=4)
    tally = simulate_block(trial, Block(seed=1, number=0, n_replicates=100))
    assert tally.mean("undefined").value > 0.9
    assert tally.mean("reject").value == 0
    assert math.isnan(tally.mean("estimate").value)


def test_levels_of_a_control_named_like_any_other_do_not_mix_endpoints():
    trial = disease_trial(
        secondary=(
            Responder(name="one", states=("remission",), at=1.0),
            Responder(name="two", states=("remission", "relapse"), at=1.0),
            TimeToEvent(name="three", events=("remission",), competing=("death",)),
        )
    )
    tally = simulate_block(trial, Block(seed=1, number=0, n_replicates=30))
    one, two = (tally.mean(f"{name}: response_cells").value for name in ("one", "two"))
    assert one < two
    assert tally.mean("three: events_cells").value > tally.mean("events_cells").value


def test_a_follow_up_longer_than_the_cutoff_is_cut():
    long = survival_trial(follow_up=5.0, cutoff=AfterLastPatient(follow_up=0.5))
    short = survival_trial(follow_up=0.5, cutoff=AfterLastPatient(follow_up=0.5))
    block = Block(seed=1, number=0, n_replicates=30)
    longer, shorter = (simulate_block(t, block) for t in (long, short))
    assert longer.mean("duration").value == pytest.approx(shorter.mean("duration").value)
    assert longer.mean("events_control").value > shorter.mean("events_control").value


def test_an_analysis_at_another_level_rejects_more_often():
    strict, loose = (
        run(scenario(survival_trial(analysis=analysis(alpha=alpha))), 100).points[0].power.value
        for alpha in (0.01, 0.2)
    )
    assert strict < loose


def test_more_replicates_than_a_standard_error_asks_for_are_refused() -> None:
    with pytest.raises(ValueError, match="n_replicates=10000001 must be at least 1 and at most"):
        run(scenario(survival_trial()), 10_000_001)
