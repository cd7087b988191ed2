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
        everything = 100 * point.tally.mean("reject_all").value
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


def test_theory_stands_beside_the_rows_that_there_are() -> None:
    trial = made("time_to_event", looks="1", efficacy="none", futility="0")
    (point,) = run(trial, 100, seed=SEED).points
    rows = dict(look_rows(point))
    assert "look 1, stops for efficacy" not in rows
    assert "look 1, stops for futility" in rows
    assert "," not in rows["look 1, the same by theory"]
