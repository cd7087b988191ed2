"""The command ``lupusim threshold``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lupusim.cli import app
from scenario_contents import content


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    """A file of a small trial."""
    path = tmp_path / "trial.yaml"
    path.write_text(json.dumps(content(analysis={"test": "logrank", "alpha": 0.1})))
    return str(path)


def told(*words: str) -> object:
    result = CliRunner().invoke(app, ["threshold", *words, "--jobs", "1"])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_level_is_found_and_confirmed(scenario: str) -> None:
    asked = (scenario, "--key", "analysis.alpha", "--alpha", "0.05", "--replicates", "400")
    answer = json.loads(told(*asked, "--format", "json"))
    assert answer["keys"] == ["analysis.alpha"]
    assert answer["threshold_lower"] < answer["threshold"] < answer["threshold_upper"]
    assert 0 < answer["type_one_error_mcse"] < 0.05
    header, row = told(*asked, "--format", "csv").splitlines()
    assert header.split(",")[:2] == ["alpha", "threshold"]
    assert float(row.split(",")[1]) == answer["threshold"]
    words = " ".join(told(*asked).split())
    assert "analysis.alpha for a type I error of 0.05" in words
    assert "power there, fresh replicates" in words


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--alpha", "1.5"), "must lie between 0 and 1"),
        (("--between", "0.1"), "must be two numbers"),
        (("--between", "0.2,x"), "must be two numbers"),
    ],
)
def test_what_makes_no_sense_is_refused(
    scenario: str, options: tuple[str, ...], message: str
) -> None:
    result = CliRunner().invoke(app, ["threshold", scenario, "--key", "analysis.alpha", *options])
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())
