"""Patients who fare alike under several randomizations, each the trial that it would be alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.multiplicity.procedures import Adjusted
from lupusim.analysis.survival.logrank_looks import Exits, logrank_looks, relabeled_looks
from lupusim.common.rng import stream
from lupusim.planning.controls.building import control_of
from lupusim.planning.runs.run import RunOptions, run
from lupusim.planning.runs.series import Estimates
from lupusim.scenario import load_scenario
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.looks.look_statistics import gather
from lupusim.simulation.looks.relabeled import gather_relabeled
from lupusim.simulation.moments import Moments
from lupusim.simulation.relabeling import AT_ONCE, FEWEST_SETS, is_exchangeable, score_relabeled
from lupusim.simulation.tally import Tally
from lupusim.trial import AtEvents, Dropout, Infusions, Lots, Trial
from lupusim.trial.multiplicity import Family
from tolerance import SEED
from trials import analysis, disease_trial, exponential_arm, survival_trial
from trials_of_values import value_trial

N_LABELINGS, N_SETS, N_PATIENTS = 3, 40, 30


@pytest.fixture
def labels() -> np.ndarray:
    shape = N_LABELINGS, N_SETS, N_PATIENTS
    return stream(SEED, "labels").integers(0, 2, shape).astype(np.int8)


@pytest.mark.parametrize("unit", [1e-9, 0.25], ids=["no ties", "ties"])
def test_each_randomization_has_the_log_rank_test_that_it_has_alone(labels, unit) -> None:
    rng = stream(SEED, "exits")
    time = np.ceil(rng.exponential(1.0, (N_SETS, N_PATIENTS)) / unit) * unit
    came = np.sort(rng.random((N_SETS, N_PATIENTS)), axis=1)
    exits = Exits(time=time, event=rng.random(time.shape) < 0.7, arm=None, enrollment_time=came)
    cutoffs = np.array([np.full(N_SETS, 0.6), rng.random(N_SETS) + 1, np.full(N_SETS, np.inf)])
    found = relabeled_looks(exits, labels, cutoffs, seen_by=cutoffs)
    for number, arm in enumerate(labels):
        here = slice(number * N_SETS, (number + 1) * N_SETS)
        alone = logrank_looks(replace(exits, arm=arm), cutoffs, seen_by=cutoffs)
        np.testing.assert_array_equal(found.events[:, here], alone.events)
        np.testing.assert_array_equal(found.enrolled[:, here], alone.enrolled)
        for together, one in zip(found.results, alone.results, strict=True):
            np.testing.assert_array_equal(together.observed[here], one.observed)
            np.testing.assert_allclose(together.z[here], one.z, rtol=1e-12, atol=1e-12)
            np.testing.assert_array_equal(together.undefined[here], one.undefined)


ALIKE = (exponential_arm("control", 0.8), exponential_arm("new", 0.8))
THREE = survival_trial(
    arms=(*ALIKE, replace(ALIKE[1], name="more")), family=Family(procedure=Adjusted(method="none"))
)
LOOKS = {
    "follow_up": np.inf,
    "interims": (AtEvents(events=15), AtEvents(events=25)),
    "cutoff": AtEvents(events=40),
    "stopping": GroupSequential(alpha=0.025),
}


@pytest.mark.parametrize(
    "trial",
    [
        survival_trial(),
        survival_trial(**LOOKS),
        survival_trial(analysis=analysis(sided=2)),
        survival_trial(analysis=analysis("peto"), **LOOKS),
        survival_trial(analysis=analysis("fleming_harrington")),
        value_trial("ancova"),
        value_trial("pooled_z", "response", second="ancova"),
        value_trial("rate_ratio", "flares"),
        THREE,
    ],
    ids=[
        "log-rank",
        "looks",
        "two sides",
        "one step",
        "weights",
        "score",
        "family",
        "rates",
        "three arms",
    ],
)
def test_each_randomization_shows_and_adds_what_it_would_alone(trial: Trial) -> None:
    twin = trial.null_twin()
    generated = generate(twin, Block(seed=SEED, number=0, n_replicates=N_SETS))
    shape = N_LABELINGS, N_SETS, twin.n_patients
    labels = stream(SEED, "labels").integers(0, len(twin.arms), shape).astype(np.int8)
    control = control_of(twin)
    values = control.relabeled(generated, labels)
    together = gather_relabeled(twin, generated, labels)
    for number, arm in enumerate(labels):
        here = slice(number * N_SETS, (number + 1) * N_SETS)
        other = replace(generated, arm=arm)
        np.testing.assert_allclose(values[number], control.values(other), atol=1e-12)
        for shown, alone in zip(together, gather(twin, other), strict=True):
            for name in ("cutoff", "p_value", "decisive", "information", "undefined"):
                found = getattr(shown, name)[here]
                np.testing.assert_allclose(found, getattr(alone, name), rtol=1e-12)


def test_tests_that_work_out_no_randomizations_together_say_so() -> None:
    test = analysis("cox").test
    assert not test.relabels
    assert test.relabeled(None, None, None, None) is None
    assert analysis().test.relabels
    assert analysis("peto").test.relabels


LOTS = Infusions(cells_per_kg=1e6, lots=Lots(sd=0.5, doses=10, raises=(("alive", "death"),)))


@pytest.mark.parametrize(
    ("trial", "expected"),
    [
        (survival_trial().null_twin(), True),
        (disease_trial().null_twin(), True),
        (value_trial("ancova").null_twin(), True),
        (survival_trial(), False),
        (value_trial("ancova"), False),
        (survival_trial(dropout=Dropout(per_year=0.1, by_arm={"cells": 2.0})).null_twin(), False),
        (survival_trial(arms=(ALIKE[0], replace(ALIKE[1], infusions=LOTS))).null_twin(), False),
        (load_scenario("regimen_selection").points[0].trial.null_twin(), False),
        (load_scenario("platform_regimens").points[0].trial.null_twin(), False),
        (THREE.null_twin(), True),
    ],
    ids=[
        "twin",
        "disease",
        "score",
        "effect",
        "other change",
        "dropout by arm",
        "lots",
        "adapts",
        "joins",
        "three arms",
    ],
)
def test_arms_are_exchangeable_where_nothing_tells_them_apart(trial: Trial, expected: bool) -> None:
    assert is_exchangeable(trial) is expected


def test_errors_are_those_between_sets_of_patients() -> None:
    rng = stream(SEED, "sets")
    likes = rng.random(50) < 0.5  # sets whose trials claim always, or never
    claims = np.tile(likes.astype(float), (4, 1))
    served = np.ones((4, 50), dtype=bool)
    tally = Tally.of_sets({"reject": claims}, served)
    of_sets = Tally.of({"reject": likes.astype(float)})
    shared, alone = tally.mean("reject"), of_sets.mean("reject")
    assert shared.value == alone.value
    assert shared.n == 4 * alone.n
    assert shared.mcse == pytest.approx(alone.mcse * np.sqrt(50 / 49), rel=1e-12)


def test_a_set_that_serves_less_counts_for_less() -> None:
    claims = np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 9.0]])
    served = np.array([[True, True, True], [True, True, False]])
    tally = Tally.of_sets({"reject": claims}, served)
    assert tally.sums["reject"] == (5, 4.0, 4 / 2 + 1 / 2 + 1)
    assert tally.n_sets == 3
    tally.add(Tally.of_sets({"reject": claims}, served))
    assert (tally.n_sets, tally.copy().n_sets) == (6, 6)


def test_sets_of_one_replicate_have_the_moments_of_replicates() -> None:
    rng = stream(SEED, "moments")
    claims, controls = (rng.random(100) < 0.4).astype(float), rng.standard_normal((100, 2))
    alone = Moments.of(claims, controls, np.eye(2))
    assert Moments.of_sets(np.ones(100), claims, controls, np.eye(2)) == alone


def test_an_error_of_sets_is_that_of_their_means() -> None:
    rng = stream(SEED, "means")
    y, h = rng.random(400), rng.standard_normal((400, 1))
    alone = Moments.of(y, h, np.zeros((1, 1))).share()
    sets = Moments.of_sets(np.full(400, 5.0), 5 * y, 5 * h, np.zeros((1, 1))).share()
    assert sets == pytest.approx(alone, rel=1e-9)


@pytest.mark.parametrize("n_replicates", [10, 3 * FEWEST_SETS + 1, 700])
def test_a_block_has_as_many_replicates_as_asked(n_replicates: int) -> None:
    twin = survival_trial(n_patients=12).null_twin()
    block = Block(seed=SEED, number=0, n_replicates=n_replicates)
    tally = score_relabeled({"": twin}, (), block, {"": control_of(twin)})[""]
    n_trials = n_replicates * AT_ONCE  # of a plain log-rank test
    n_sets = max(min(n_trials, FEWEST_SETS), -(-n_trials // 16))
    assert tally.sums["reject"][0] == n_trials
    assert n_sets <= tally.n_sets <= n_sets + 8
    assert tally.moments.products[:, 0, 0].sum() == pytest.approx(n_trials)


def test_a_run_has_the_same_bits_on_two_cores_and_counts_anew_where_plain() -> None:
    scenario = load_scenario("survival_three_looks")
    one, two = (run(scenario, 1500, seed=7, n_jobs=jobs).points[0] for jobs in (1, 2))
    assert one.type_one_error == two.type_one_error
    assert one.null_tally.n_sets == two.null_tally.n_sets > 0
    assert one.row()["type_one_error_mcse"] == two.row()["type_one_error_mcse"]
    plain = run(scenario, 1500, seed=7, options=RunOptions(estimates=Estimates.PLAIN)).points[0]
    assert plain.null_tally.n_sets == 0
