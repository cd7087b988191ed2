"""What is true of a rule that says nothing else, and of a trial without one."""

from dataclasses import dataclass

import pytest

from lupusim.trial.adaptation import NOTHING, Facts
from trials import survival_trial


@dataclass(frozen=True)
class Unknown(Facts):
    """A rule that says nothing of itself."""


@pytest.mark.parametrize("rule", [Unknown(), NOTHING])
def test_a_rule_does_nothing_that_it_does_not_say(rule):
    trial = survival_trial()
    assert rule.scaled(2.0) is rule
    assert rule.early_tests() == rule.stage_events(trial) == ()
    assert [*rule.problems(trial), *rule.rows(trial)] == []
    assert rule.decision_words(trial, {}, 1) == ""


def test_patients_are_shared_with_a_rule_that_says_so_alone():
    trial = survival_trial()
    assert trial.rule is NOTHING
    assert NOTHING.generation(trial) == ()
    assert Unknown().generation(trial) == (Unknown(),)
    assert Unknown().changes
    assert not NOTHING.changes
