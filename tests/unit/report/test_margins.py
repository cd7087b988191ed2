"""Tests of what is said of arms that are alike where a test has a margin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lupusim.analysis.decisions import TESTS
from lupusim.analysis.posterior_compared import PosteriorDifferenceTest
from lupusim.planning.run import run
from lupusim.report.margins import alike_is_enough
from lupusim.report.operating import _rows, meaning
from lupusim.trial import Analysis, Better
from trials import analysis, scenario, survival_trial


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
    changed = replace(trial.analysis, test=replace(trial.analysis.test, **kind))
    assert alike_is_enough(replace(trial, analysis=changed)) is enough


@pytest.mark.parametrize(("margin", "enough"), [(-0.1, True), (0.0, False), (0.1, False)])
def test_the_margin_of_a_posterior_is_by_how_much_the_rate_must_be_better(margin, enough):
    test = PosteriorDifferenceTest(threshold=0.975, margin=margin)
    trial = survival_trial()
    judged = Analysis(name="posterior_difference", test=test, effect="difference")
    object.__setattr__(trial, "analysis", judged)
    assert alike_is_enough(trial) is enough


def test_a_test_without_a_margin_and_a_trial_without_a_test_ask_for_a_difference():
    assert not alike_is_enough(survival_trial(analysis=analysis("logrank")))
    alone = survival_trial()
    assert not alike_is_enough(replace(alone, arms=alone.arms[:1], analysis=None))


def test_claims_of_arms_that_are_alike_are_no_errors_within_the_margin():
    result = run(scenario(with_margin("cox", 1.3, Better.FEWER)), 20)
    text = meaning(result)
    assert "not worse by the margin" in text
    assert "would show the same" in text
    rows = dict(_rows(result.points[0]))
    assert "claims, both arms alike (no error: within the margin)" in rows
    assert not any(name.startswith("type I error") for name in rows)
