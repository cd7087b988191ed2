"""Names of arms that a column of results could not be told from."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from lupusim.planning.runs.columns import COLUMNS, SUFFIXES
from lupusim.simulation.adaptation import ByThresholds, Enrichment
from lupusim.simulation.quantities import OF_ARMS
from lupusim.trial.checks.treatment import COLUMN_ENDS, treatment_problems
from lupusim.trial.design import TrialParts
from trials import survival_trial
from trials_staged import enrichment_trial

OF_THE_POPULATION = {"full", "subgroup"}
RULE = Enrichment(factor="marker", level="high", choice=ByThresholds(everybody=0.2, subgroup=0.1))


def parts(trial, *names):
    """The parts of a trial whose first arms are called so, as they are before they are checked."""
    arms = [replace(arm, name=name) for arm, name in zip(trial.arms, names, strict=False)]
    values = {field.name: getattr(trial, field.name) for field in fields(TrialParts)}
    return TrialParts(**(values | {"arms": (*arms, *trial.arms[len(arms) :])}))


def test_every_end_of_a_column_is_known():
    behind = {
        column.removeprefix(f"{quantity}_")
        for column in COLUMNS
        for quantity in OF_ARMS
        if column.startswith(f"{quantity}_")
    }
    assert SUFFIXES.keys() | behind - OF_THE_POPULATION == COLUMN_ENDS


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        (("mcse", "cells"), ["arms.0.name"]),
        (("low", "low_q90"), ["arms.1.name"]),
        (("full", "subgroup"), []),
        (("low", "lower_dose"), []),
    ],
)
def test_a_name_that_a_column_ends_with_is_refused(names, wrong):
    found = treatment_problems(parts(survival_trial(), *names))
    assert [problem.key for problem in found] == wrong


@pytest.mark.parametrize("name", sorted(OF_THE_POPULATION))
def test_an_arm_is_not_called_like_a_part_of_an_enriched_population(name):
    trial = enrichment_trial(RULE)
    assert list(RULE.problems(trial)) == []
    assert [problem.key for problem in RULE.problems(parts(trial, name))] == ["arms.0.name"]


def test_a_single_arm_may_be_that_of_all():
    alone = parts(survival_trial(), "all")
    alone = replace(alone, arms=alone.arms[:1])
    assert list(treatment_problems(alone)) == []
