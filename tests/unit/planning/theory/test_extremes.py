"""Numbers that are rarely meant are told, with what they mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

import small_trials
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.endpoints import TimeToEvent
from lupusim.planning.theory.expected_times import (
    looks_at_few,
    looks_before_anybody_is_due,
    warnings_of,
)
from lupusim.planning.theory.extremes import extremes
from lupusim.trial import AfterLastPatient, AfterPatients, Dropout
from scenario_contents import content, problems


def told(trial):
    return list(extremes(trial))


def test_an_ordinary_trial_is_not_warned_of() -> None:
    assert told(small_trials.survival(0.05, dropout=2.0)) == []
    assert told(small_trials.survival(20.0)) == []
    assert told(small_trials.at_level(small_trials.survival(0.7), 0.2, 1)) == []


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        (small_trials.at_level(small_trials.survival(0.7), 0.5, 1), "50 of 100 trials may claim"),
        (small_trials.survival(0.7, dropout=2.5), "so 8.2 of 100 patients stay for a year"),
        (small_trials.survival(0.7, dropout=50.0), "hardly any patients stay"),
        (small_trials.survival(0.0), "means that active -> ended never happens"),
        (small_trials.survival(0.01), "happens 100 times as slowly"),
        (small_trials.survival(350.0), "happens 350 times as fast"),
    ],
)
def test_what_an_extreme_number_means_is_told(trial, words) -> None:
    (line,) = told(trial)
    assert words in line


def test_dropout_is_judged_in_every_state_and_arm() -> None:
    dropout = Dropout(per_year=0.5, by_state={"active": 6.0}, by_arm={"new": 5.0})
    first, second = told(replace(small_trials.survival(0.7), dropout=dropout))
    assert first.startswith("dropout in active is 3 a year")
    assert second.startswith("dropout on new is 2.5 a year")


def test_a_line_of_all_designs_is_told_once() -> None:
    trials = [small_trials.at_level(small_trials.survival(r), 0.5, 1) for r in (0.7, 0.01)]
    everywhere, second = warnings_of(small_trials.scenario(*trials))
    assert everywhere.startswith("alpha is 0.5")
    assert second.startswith("design = 1: arm 'new': a hazard ratio of 0.01")


def milestone(*, follow_up=9.0, **changes):
    """Survival at two years."""
    trial = small_trials.survival(0.5)
    analysis = small_trials.analysis("survival_difference")
    test = type(analysis.test)(at=2.0)
    analysis = replace(analysis, test=test)
    primary = TimeToEvent(name="end", events=("ended",))
    return replace(trial, analysis=analysis, primary=primary, follow_up=follow_up, **changes)


def test_a_last_look_before_hardly_anybody_is_due_is_told() -> None:
    # Uniform over two years and cut after so many months more: who has two years by then?
    enough = milestone(cutoff=AfterLastPatient(follow_up=0.5))
    assert list(looks_before_anybody_is_due(enough)) == []
    few = milestone(cutoff=AfterLastPatient(follow_up=0.1))
    (line,) = looks_before_anybody_is_due(few)
    assert "only 4.8 of 100 patients have been followed for the 24 months" in line
    none = replace(few, enrollment=replace(few.enrollment, duration=1.0))
    (line,) = looks_before_anybody_is_due(none)
    assert "when nobody has been followed" in line


@pytest.mark.parametrize(
    ("patients", "rule", "lines"), [(40, "pocock", 1), (40, "obrien_fleming", 0), (70, "pocock", 0)]
)
def test_an_early_look_at_few_patients_is_told_where_the_test_is_liberal_in_few(
    patients, rule, lines
) -> None:
    stopping = GroupSequential(alpha=0.025, efficacy=rule)
    look = AfterPatients(patients=patients, follow_up=2.0)
    cutoff = AfterLastPatient(follow_up=2.0)
    trial = milestone(interims=(look,), cutoff=cutoff, stopping=stopping)
    found = list(looks_at_few(trial))
    assert len(found) == lines
    assert all(
        "survival_difference sees about 40 patients, and in fewer than 60" in f for f in found
    )
    assert set(found) <= set(warnings_of(small_trials.scenario(trial)))
    pooled = replace(trial, analysis=small_trials.analysis("logrank"))
    assert not list(looks_at_few(pooled))


def test_a_hazard_too_fast_for_an_engine_is_no_model() -> None:
    with pytest.raises(ValueError, match=r"transitions.0.hazard: active -> ended would happen"):
        small_trials.two_states(1e12)
    assert small_trials.two_states(1e9).transitions[0].hazard.rate == 1e9


def test_moves_too_fast_for_an_engine_are_refused_with_their_place() -> None:
    arms = [
        {"name": "placebo", "control": True},
        {"name": "cells", "effects": [{"on": ["healthy -> ill"], "hazard_ratio": 1e14}]},
    ]
    found = problems(arms=arms)
    assert "healthy -> ill would happen" in found["arms.1.effects"]
    arms[1]["effects"][0]["hazard_ratio"] = 1e308  # type: ignore[index]
    assert "at most 1e+15" in next(iter(problems(arms=arms).values()))
    assert content()["arms"] != arms
