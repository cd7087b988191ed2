"""What a success shows where several hypotheses make it, and which rows a look has."""

from __future__ import annotations

from typing import Any

import pytest

from lupusim.errors import ScenarioError
from lupusim.planning.runs.run import run
from lupusim.report.run.looks import look_rows
from lupusim.report.run.table import meaning
from lupusim.scenario.document.yaml_reader import parse_document
from lupusim.scenario.files.scenario import scenario_from_document
from lupusim.scenario.starters import starter_text
from lupusim.trial.scenario import Scenario
from tolerance import SEED


def made(kind: str, **said: str) -> Scenario:
    return scenario_from_document(parse_document(starter_text(kind, said), "it", ScenarioError))


@pytest.mark.parametrize(
    ("kind", "said", "words"),
    [
        ("dose_arms", {}, "The trial shows a difference of at least one arm in "),
        ("two_rates", {"second": "20 %, 40 %"}, "a difference in at least one endpoint in "),
        ("two_rates", {}, "The trial shows the difference in "),
        (
            "two_rates",
            {"test": "unpooled_z", "margin": "0.1", "treated": "30 %"},
            "The trial shows that the experimental arm is not worse by the margin in ",
        ),
        (
            "dose_arms",
            {"test": "unpooled_z", "margin": "0.1", "low": "30 %"},
            "The trial shows that at least one arm is not worse by the margin in ",
        ),
    ],
)
def test_the_sentence_says_which_hypotheses_make_the_success(
    kind: str, said: dict[str, str], words: str
) -> None:
    result = run(made(kind, **said), 200, seed=SEED)
    told = meaning(result)
    assert words in told
    (point,) = result.points
    if point.trial.family is None:
        assert "of all in" not in told
    else:
        everything = 100 * round(point.tally.mean("reject_all").value, 2)
        assert f"(of all in {everything:.0f})" in told


def rows_of(**said: str) -> dict[str, str]:
    result = run(made("dose_arms", looks="1", **said), 100, seed=SEED)
    (point,) = result.points
    return dict(look_rows(point))


@pytest.mark.parametrize(
    ("said", "efficacy", "futility"),
    [
        ({"efficacy": "none", "futility": "0"}, False, True),
        ({}, True, False),
        ({"futility": "0"}, True, True),
    ],
)
def test_a_look_has_rows_for_what_it_can_stop_for(
    said: dict[str, Any], efficacy: bool, futility: bool
) -> None:
    rows = rows_of(**said)
    assert ("look 1, stops for efficacy" in rows) == efficacy
    assert ("look 1, stops for futility" in rows) == futility
    assert {"look 2, succeeds", "look 2, fails"} <= set(rows)


def test_a_look_tells_the_estimates_of_an_arm_while_it_is_open() -> None:
    (point,) = run(made("dose_arms", looks="1"), 400, seed=SEED).points
    tally = point.tally
    shown = {look: tally.sums[f"look_{look}_estimate_high"][0] for look in (1, 2)}
    decided = tally.sums["look_1_estimate_stops_high"][0]
    assert shown[2] == shown[1] - decided  # of fewer trials than reach the look
    assert shown[2] < 400 - sum(tally.sums[f"look_1_{end}"][1] for end in ("efficacy", "futility"))
    of_high = [row.partition(" of ")[2] for row in dict(look_rows(point)) if ", high, " in row]
    assert {one.partition(":")[0] for one in of_high} == {
        "trials that have not decided it before",
        "those that decide it there",
    }


def test_theory_stands_beside_the_rows_that_there_are() -> None:
    trial = made("time_to_event", looks="1", efficacy="none", futility="0")
    (point,) = run(trial, 100, seed=SEED).points
    rows = dict(look_rows(point))
    assert "look 1, stops for efficacy" not in rows
    assert "look 1, stops for futility" in rows
    assert "," not in rows["look 1, the same by theory"]
