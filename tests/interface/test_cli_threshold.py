"""The command ``lupusim threshold``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lupusim.cli import app
from scenario_contents import content

ALIKE = [{"name": "placebo", "control": True}, {"name": "cells"}]


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


def test_one_z_of_two_looks_is_found_by_default(tmp_path: Path) -> None:
    looks = [{"when": {"events": n}, "efficacy": {"z": 2.2}} for n in (50, 100)]
    file = tmp_path / "looks.yaml"
    changes = {"endpoints": {"primary": {"kind": "survival"}}, "model": "survival", "arms": ALIKE}
    analysis = {"test": "logrank", "alpha": 0.49}
    trial = content(analysis=analysis, looks=looks, sample_size=160, **changes)
    trial.pop("follow_up")
    file.write_text(json.dumps(trial))
    keys = ("--key", "looks.0.efficacy.z", "--key", "looks.1.efficacy.z")
    answer = json.loads(told(str(file), *keys, "--replicates", "2000", "--format", "json"))
    # Pocock's constant, Jennison and Turnbull (2000), table 2.1: 2.178
    assert answer["threshold_lower"] < 2.178 < answer["threshold_upper"]


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
