"""How long to simulate: precision reached, errors bounded, maximum kept."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.planning.execution.shards import Shard
from lupusim.planning.runs.precision import MOST_REPLICATES, PRESETS, Decision, TargetMcse
from lupusim.planning.runs.results import PointResult
from lupusim.planning.runs.run import RunOptions, run
from lupusim.scenario import load_scenario
from lupusim.simulation.tally import Tally
from tolerance import SEED, assert_within_mcse
from trials import exponential_arm, scenario, survival_trial

TRIAL = survival_trial()


def shares(n, rejected, null_rejected):
    """Return a design in which so many of n replicates rejected."""

    def tally(count):
        return Tally({"missed_cutoff": (n, 1.0, 1.0), "reject": (n, float(count), float(count))})

    return PointResult(
        values={}, trial=TRIAL, tally=tally(rejected), null_tally=tally(null_rejected)
    )


def test_presets_are_the_numbers_that_the_words_promise():
    assert PRESETS == {"peek": 10, "rough": 100, "plan": 1_000, "submit": 100_000}


def test_a_target_is_met_where_the_standard_error_is_small_enough():
    rule = TargetMcse(mcse=0.01)
    assert rule.assess(shares(2_500, 1_250, 60), 1).words == "MCSE 0.01 reached"
    more = rule.assess(shares(1_000, 500, 25), 1)
    assert more.words == ""
    assert more.wanted == math.ceil(1.02 * 0.25 / 0.01**2)


def test_a_power_of_one_after_few_replicates_does_not_look_certain():
    rule = TargetMcse(mcse=0.001)
    assert rule.assess(shares(500, 500, 0), 1).words == ""
    assert rule.assess(shares(10_000, 10_000, 0), 1).words == "MCSE 0.001 reached"


def test_where_nothing_is_tested_the_responses_count():
    point = replace(
        shares(100, 0, 0),
        null_tally=None,
        tally=Tally(
            {
                "missed_cutoff": (100, 1.0, 1.0),
                "response_a": (100, 50.0, 29.0),
                "x": (100, 0.0, 1e9),
            }
        ),
    )
    assert TargetMcse(mcse=0.021).assess(point, 1).words
    assert not TargetMcse(mcse=0.019).assess(point, 1).words
    assert "0.02 is what the maximum" in TargetMcse(mcse=0.01).shortfall(point)


def test_a_run_reaches_the_precision_asked_for_in_whole_blocks():
    asked = scenario(survival_trial(n_patients=60), survival_trial(n_patients=300))
    rule = TargetMcse(mcse=0.012)
    result = run(asked, seed=SEED, options=RunOptions(precision=rule))
    for point in result.points:
        assert point.power.mcse <= 0.012
        assert point.type_one_error.mcse <= 0.012
        same = run(scenario(point.trial), point.n_replicates, seed=SEED).points[0]
        assert (same.tally, same.null_tally) == (point.tally, point.null_tally)
    assert result.notes == (
        "sample_size = 60: MCSE 0.012 reached",
        "sample_size = 300: MCSE 0.012 reached",
    )
    assert result.n_replicates == max(point.n_replicates for point in result.points)


@pytest.mark.parametrize("rule", [TargetMcse(mcse=1e-4), Decision.parse("type_one_error > 0.025")])
def test_never_more_than_the_maximum_and_never_silently(rule):
    asked = scenario(survival_trial(n_patients=500, hazard_ratio=0.81))
    rule = replace(rule, most_replicates=333)
    result = run(asked, seed=SEED, options=RunOptions(precision=rule))
    assert result.points[0].n_replicates == 333
    assert "the maximum of 333 replicates" in result.notes[0]


@pytest.mark.parametrize(
    ("statement", "rejected", "words"),
    [
        ("power > 0.8", 450, "power > 0.8: yes (error at most 0.01)"),
        ("power > 0.8", 350, "power > 0.8: no (error at most 0.01)"),
        ("power > 0.8", 410, ""),
        ("power < 0.8", 350, "power < 0.8: yes (error at most 0.01)"),
        ("power<.8", 500, "power < 0.8: no (error at most 0.01)"),
        ("power > 0.8", 0, "power > 0.8: no (error at most 0.01)"),
        ("type_one_error < 0.05", 250, "type_one_error < 0.05: yes (error at most 0.01)"),
    ],
)
def test_a_statement_is_decided_by_what_was_seen(statement, rejected, words):
    assert Decision.parse(statement).assess(shares(500, rejected, 5), 1).words == words


@pytest.mark.parametrize(
    ("statement", "verdict"),
    [("type_one_error < 0.05", "yes"), ("type_one_error > 0.05", "no")],
)
def test_a_level_that_is_known_exactly_is_decided_at_once(statement, verdict):
    rule = Decision.parse(statement)
    found = run(load_scenario("single_arm_simon"), seed=SEED, options=RunOptions(precision=rule))
    assert all(note.endswith(f"{statement}: {verdict} (exact)") for note in found.notes)
    assert found.n_replicates < 10_000  # one block


def test_a_decision_by_hand():
    """Level 0.01 / 2 in the first stage: P(X >= 422 | 500, 0.8) is above it, P(X >= 424) below.

    Source: R 4.2, pbinom(c(421, 423), 500, 0.8, lower = FALSE) is 0.006870556 0.00344095.
    """
    rule = Decision.parse("power > 0.8")
    assert rule.assess(shares(500, 422, 0), 1).words == ""
    assert rule.assess(shares(500, 424, 0), 1).words != ""
    assert rule.assess(shares(500, 424, 0), 2).words == ""
    assert rule.assess(shares(500, 422, 0), 2).wanted == 750


def share_decided_wrongly(rule, truth, n_runs):
    """Return how often coins with this truth are decided to lie above the threshold."""
    rng = stream(SEED, "decisions", str(truth))
    wrong = 0
    for _ in range(n_runs):
        n, count, stage = 0, 0, 0
        words, wanted = "", rule.first
        while not words and n < rule.most_replicates:
            stage += 1
            wanted = min(wanted, rule.most_replicates)
            count += int(rng.binomial(wanted - n, truth))
            n = wanted
            assessment = rule.assess(shares(n, count, 0), stage)
            words, wanted = assessment.words, assessment.wanted
        wrong += ": yes" in words
    return wrong / n_runs


def test_wrong_decisions_are_as_rare_as_promised_at_the_threshold_itself():
    rule = replace(Decision.parse("power > 0.8"), error=0.1, most_replicates=20_000)
    n_runs = 400
    found = share_decided_wrongly(rule, 0.8, n_runs)
    assert found <= 0.1 + 4 * math.sqrt(0.1 * 0.9 / n_runs)
    with pytest.raises(AssertionError):  # negative control: a truth that deserves a yes
        assert share_decided_wrongly(rule, 0.83, 50) <= 0.1 + 4 * math.sqrt(0.09 / 50)


def test_stopping_early_hardly_moves_the_estimate():
    rule = TargetMcse(mcse=0.02)
    trial = survival_trial(n_patients=200, hazard_ratio=0.7)
    estimate = run(scenario(trial), seed=SEED, options=RunOptions(precision=rule)).points[0].power
    reference = run(scenario(trial), 4_000, seed=SEED + 1).points[0].power
    both = math.hypot(estimate.mcse, reference.mcse)
    assert_within_mcse(estimate.value, reference.value, mcse=both)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("power", "is not a statement to decide"),
        ("power > high", "is not a statement to decide"),
        ("power > 1-2", "'1-2' in 'power > 1-2' is not a number"),
        ("power > 1.5", "threshold=1.5 must lie between 0 and 1"),
        ("coverage > 0.9", "quantity='coverage' must be"),
    ],
)
def test_what_cannot_be_decided_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Decision.parse(text)


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (TargetMcse, {"mcse": 0.0}, "mcse=0.0 must be a number above 0"),
        (TargetMcse, {"mcse": math.nan}, "mcse=nan"),
        (TargetMcse, {"mcse": 0.1, "most_replicates": 0}, "most_replicates=0"),
        (
            Decision,
            {"quantity": "power", "above": True, "threshold": 0.8, "error": 1.0},
            "error=1.0 must lie between 0 and 1",
        ),
    ],
)
def test_impossible_rules_are_refused(kind, values, message):
    with pytest.raises(ValueError, match=message):
        kind(**values)


def test_a_scenario_without_a_test_has_no_power_to_decide():
    trial = survival_trial(arms=(exponential_arm("everybody", 0.8),), analysis=None)
    rule = Decision.parse("power > 0.8")
    with pytest.raises(ValueError, match="the scenario tests nothing"):
        run(scenario(trial), seed=SEED, options=RunOptions(precision=rule))


def test_a_number_and_a_rule_or_a_rule_and_a_shard_do_not_go_together():
    rule = TargetMcse(mcse=0.1)
    with pytest.raises(ValueError, match="a number of replicates or a precision, not both"):
        run(scenario(TRIAL), 10, options=RunOptions(precision=rule))
    with pytest.raises(ValueError, match="a part of a run cannot look at the precision"):
        RunOptions(precision=rule, share=Shard(number=1, count=2))
    assert np.isfinite(MOST_REPLICATES)
