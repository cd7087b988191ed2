"""Arms that are alike: whether a claim of them is an error, wherever it is counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lupusim.analysis.multiplicity.procedures import Adjusted
from lupusim.analysis.proportions.posterior_tests import PosteriorDifferenceTest
from lupusim.analysis.registry import TESTS
from lupusim.endpoints import TimeToEvent
from lupusim.planning.runs.precision import Decision, TargetMcse
from lupusim.planning.runs.run import RunOptions, run
from lupusim.planning.runs.series import Estimates
from lupusim.planning.thresholds import calibrate_threshold
from lupusim.report.run.table import all_rows, meaning
from lupusim.simulation.looks.null_hypothesis import error_quantity
from lupusim.trial import Analysis, Better, Dropout, Infusions
from lupusim.trial.multiplicity import Family, Hypothesis
from trials import analysis, disease_trial, scenario, survival_trial


def with_margin(name, margin, better):
    test = TESTS[name].with_parameters({"margin": margin})
    trial = survival_trial(analysis=Analysis(name=name, test=test, effect="effect"))
    return replace(trial, primary=replace(trial.primary, better=better))


@pytest.mark.parametrize(
    ("name", "margin", "better", "enough"),
    [
        ("cox", 1.0, Better.FEWER, False),
        ("cox", 1.3, Better.FEWER, True),
        ("cox", 0.8, Better.FEWER, False),
        ("cox", 0.8, Better.MORE, True),
        ("cox", 1.3, Better.MORE, False),
        ("survival_difference", 0.0, Better.FEWER, False),
        ("survival_difference", 0.1, Better.FEWER, True),
        ("survival_difference", 0.1, Better.MORE, True),
    ],
)
def test_arms_alike_are_enough_where_the_margin_allows_a_worse_arm(name, margin, better, enough):
    kind = {"at": 1.0} if name == "survival_difference" else {}
    trial = with_margin(name, margin, better)
    test = replace(trial.analysis.test, **kind)
    assert test.alike_is_enough(better) is enough
    changed = replace(trial, analysis=replace(trial.analysis, test=test))
    assert error_quantity(changed) == (None if enough else "reject")


@pytest.mark.parametrize(("margin", "enough"), [(-0.1, True), (0.0, False), (0.1, False)])
def test_the_margin_of_a_posterior_is_by_how_much_the_rate_must_be_better(margin, enough):
    test = PosteriorDifferenceTest(threshold=0.975, margin=margin)
    assert test.alike_is_enough(Better.MORE) is enough


def test_a_test_without_a_margin_and_a_trial_without_a_test_ask_for_a_difference():
    assert error_quantity(survival_trial(analysis=analysis("logrank"))) == "reject"
    alone = survival_trial()
    assert error_quantity(replace(alone, arms=alone.arms[:1], analysis=None)) == "reject"


def test_claims_of_arms_that_are_alike_are_no_errors_within_the_margin():
    result = run(scenario(with_margin("cox", 1.3, Better.FEWER)), 20)
    text = meaning(result)
    assert "not worse by the margin" in text
    assert "would show the same" in text
    rows = dict(all_rows(result.points[0]))
    assert "claims, both arms alike (no error: within the margin)" in rows
    assert not any(name.startswith("type I error") for name in rows)


def test_trials_whose_claims_are_no_errors_have_patients_of_their_own():
    within = scenario(with_margin("cox", 1.3, Better.FEWER))
    plain = run(within, 80, options=RunOptions(estimates=Estimates.PLAIN)).points[0]
    point = run(within, 80).points[0]
    assert point.claims_if_alike == plain.claims_if_alike
    assert point.null_tally.n_sets == 0
    beaten = scenario(with_margin("cox", 0.9, Better.FEWER))  # alike is not enough: an error
    assert run(beaten, 80).points[0].null_tally.n_sets > 0


def test_claims_within_the_margin_are_errors_nowhere():
    trial = with_margin("cox", 1.3, Better.FEWER)
    (point,) = run(scenario(trial), 20).points
    assert point.type_one_error is None
    assert point.claims_if_alike is not None
    row = point.row()
    assert not any(name.startswith("type_one_error") for name in row)
    assert row["claims_if_alike"] == point.null_tally.mean("reject").value
    assert row["claims_if_alike_upper"] > row["claims_if_alike"]
    with pytest.raises(ValueError, match="within the margin, and to claim so is no type I error"):
        run(scenario(trial), options=RunOptions(precision=Decision.parse("type_one_error < 0.1")))
    with pytest.raises(ValueError, match="lie within the margin"):
        calibrate_threshold(
            lambda level: replace(trial, analysis=replace(trial.analysis, alpha=level)),
            (0.01, 0.2),
            type_one_error=0.05,
            n_replicates=10,
            seed=1,
        )


def test_a_precision_is_that_of_power_and_claims():
    (point,) = run(scenario(with_margin("cox", 1.3, Better.FEWER)), 100).points
    assert TargetMcse(mcse=0.3).assess(point, 1).words == "MCSE 0.3 reached"
    assert not TargetMcse(mcse=0.01).assess(point, 1).words


def test_with_a_margin_for_one_of_two_endpoints_claims_of_the_other_are_errors():
    margin = TESTS["cox"].with_parameters({"margin": 3.0})
    second = TimeToEvent(name="again", events=("death",))
    wide = Hypothesis(endpoint="again", name="cox", test=margin, effect="ratio")
    family = Family(procedure=Adjusted(method="bonferroni"), hypotheses=(wide,))
    trial = survival_trial(hazard_ratio=1.0, secondary=(second,), family=family)
    assert error_quantity(trial) == "false_rejection"
    (point,) = run(scenario(trial), 200).points
    assert point.null_tally.mean("reject").value > 0.5
    assert point.type_one_error.value < 0.1


def test_a_null_twin_has_one_law_even_where_the_control_is_treated_again():
    again = Infusions(cells_per_kg=1e6, at=(0.0,), again_on=("relapse",))
    placebo, cells = disease_trial().arms
    trial = disease_trial(arms=(replace(placebo, infusions=again), cells), dropout=Dropout())
    first, second = trial.null_twin().arms
    assert first.model is second.model


def test_differences_of_errors_are_told_only_between_tests_without_a_margin():
    strict, wide = (with_margin("cox", margin, Better.FEWER) for margin in (1.0, 1.3))
    level = replace(strict, analysis=replace(strict.analysis, alpha=0.05))
    points = run(scenario(strict, level, wide), 20).points
    assert "type_one_error" in points[1].compared.differences()
    assert "type_one_error" not in points[2].compared.differences()
    assert "power" in points[2].compared.differences()
