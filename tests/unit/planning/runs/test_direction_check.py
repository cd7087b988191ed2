"""A trial whose estimate favors the control is not passed over in silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lupusim.analysis.multiplicity.procedures import Adjusted
from lupusim.analysis.registry import TESTS
from lupusim.endpoints import Hierarchy, Responder, TimeToEvent
from lupusim.planning.runs.direction_check import wrong_way_notes
from lupusim.planning.runs.run import run
from lupusim.simulation.adaptation import SelectArms
from lupusim.trial import Better
from lupusim.trial.multiplicity import Family
from tolerance import SEED
from trials import analysis, exponential_arm, scenario, survival_trial
from trials_staged import selection_trial

WRONG = TimeToEvent(name="survival", events=("death",), better=Better.MORE)
ARMS = (
    exponential_arm("control", 0.8),
    exponential_arm("same", 0.8),
    exponential_arm("better", 0.2),
)
HOLM = Family(procedure=Adjusted(method="holm"))
WITHIN = TESTS["cox"].with_parameters({"margin": 0.9})  # more may be better by less
LEVELS = (
    TimeToEvent(name="death", events=("death",), better=Better.MORE),
    Responder(name="dead", states=("death",), at=1.0),
)


def notes(**changes: Any) -> list[str]:
    trial = survival_trial(**{"hazard_ratio": 0.3, **changes})
    result = run(scenario(trial), 40, seed=SEED)
    assert result.to_json()["notes"] == wrong_way_notes(result.points)
    return wrong_way_notes(result.points)


def test_a_declared_direction_against_the_estimate_is_told() -> None:
    (note,) = notes(primary=WRONG)
    assert "favors control, as 'survival' has 'better: sooner'" in note
    assert "write 'better: later'" in note


def test_harm_that_a_test_with_two_sides_shows_is_told() -> None:
    (note,) = notes(primary=WRONG, analysis=analysis(sided=2))
    assert "favors control, and with two sides claims of that count as power" in note
    assert notes(analysis=analysis(sided=2)) == []


def test_of_a_hierarchy_the_levels_are_to_be_looked_at() -> None:
    turned = Hierarchy(name="worst", levels=LEVELS)
    (note,) = notes(primary=turned, analysis=analysis("win_ratio"), visits=(1.0,))
    assert "'better' of each level" in note


@pytest.mark.parametrize(
    ("ratios", "told"),
    [((0.2, 0.3), ["sample_size = 60: warning: "]), ((0.3, 3.0), [])],
    ids=["all", "one is right"],
)
def test_of_several_designs_all_must_point_the_wrong_way(
    ratios: tuple[float, ...], told: list[str]
) -> None:
    trials = [survival_trial(hazard_ratio=ratio, primary=WRONG) for ratio in ratios]
    found = wrong_way_notes(run(scenario(*trials), 40, seed=SEED).points)
    assert [note[: len(words)] for note, words in zip(found, told, strict=True)] == told
    assert all(note.endswith("(and 1 more like it)") for note in found)


def test_of_several_arms_each_that_points_the_wrong_way_is_named() -> None:
    (note,) = notes(arms=ARMS, n_patients=90, primary=WRONG, family=HOLM)
    assert "the mean estimate of better, -" in note


def test_nothing_is_told_of_an_arm_that_was_picked() -> None:
    picked = selection_trial(SelectArms(keep=1), 0.8, 0.3, 0.3)
    points = run(scenario(picked), 20, seed=SEED).points
    assert wrong_way_notes(points) == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"hazard_ratio": 1.0, "primary": WRONG},
        {"primary": WRONG, "analysis": analysis("max_combo"), "n_patients": 4, "follow_up": 1e-9},
        {"arms": (exponential_arm("cells", 0.8),), "analysis": None},
        {"primary": WRONG, "analysis": replace(analysis("cox"), test=WITHIN)},
    ],
    ids=["right", "alike", "undefined", "one arm", "margin"],
)
def test_nothing_is_told_where_nothing_is_wrong(changes: dict[str, Any]) -> None:
    assert notes(**changes) == []
