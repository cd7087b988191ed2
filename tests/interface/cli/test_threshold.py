"""The command ``lupusim threshold``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

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
        (("--alpha", "100"), "must lie between 0 and 1"),
        (("--between", "0.1"), "must be two numbers"),
        (("--between", "0.2,x"), "must be two numbers"),
        (("--between", "0.1,7"), "--between: "),
        (("--between", "0.1,7"), "analysis.alpha: 7 is out of range"),
        (("--key", "analysis.alfa"), "--key: "),
        (("--key", "analysis.alfa"), "Did you mean 'analysis.alpha'"),
        (("--between", "0.2,0.3", "--replicates", "100"), "Look elsewhere (--between)"),
    ],
)
def test_what_makes_no_sense_is_refused(
    scenario: str, options: tuple[str, ...], message: str
) -> None:
    result = CliRunner().invoke(app, ["threshold", scenario, "--key", "analysis.alpha", *options])
    assert result.exit_code != 0
    output = result.output + str(result.exception)
    assert message in " ".join(output.replace("│", " ").replace("'--", "--").split())


def test_the_error_of_one_arm_is_exact(tmp_path: Path) -> None:
    primary = {"kind": "responder", "states": ["healthy"], "at": "52 weeks"}
    judged = {"test": "posterior_probability", "null_rate": 0.1, "threshold": 0.9}
    one_arm = content(
        arms=[{"name": "cells"}],
        endpoints={"primary": primary},
        analysis=judged,
        sample_size=40,
        visits=["52 weeks"],
    )
    file = tmp_path / "one_arm.yaml"
    file.write_text(json.dumps(one_arm))
    asked = (str(file), "--key", "analysis.threshold", "--alpha", "0.05", "--replicates", "100")
    answer = json.loads(told(*asked, "--format", "json"))
    # R 4.2: pbinom(7, 40, 0.1, lower.tail = FALSE) is 0.04190; of one responder fewer 0.0995
    assert answer["type_one_error"] == pytest.approx(0.04190, abs=5e-6)
    assert answer["type_one_error_mcse"] == 0
    assert answer["threshold_lower"] == answer["threshold"] == answer["threshold_upper"]
    words = " ".join(told(*asked).split())
    assert "type I error there, exact" in words
    assert "in 4.19 of 100 tries if there is none" in words


def test_a_look_that_is_never_reached_is_told(tmp_path: Path) -> None:
    looks = [{"when": {"events": n}, "efficacy": {"z": 2.2}} for n in (20, 150)]
    changes = {"endpoints": {"primary": {"kind": "survival"}}, "model": "survival", "arms": ALIKE}
    file = tmp_path / "looks.yaml"
    trial = content(
        analysis={"test": "logrank", "alpha": 0.49}, looks=looks, sample_size=160, **changes
    )
    file.write_text(json.dumps(trial))
    keys = ("--key", "looks.0.efficacy.z", "--key", "looks.1.efficacy.z")
    asked = (str(file), *keys, "--replicates", "200", "--jobs", "1")
    result = CliRunner().invoke(app, ["threshold", *asked])
    assert "look 2, never reached, fresh replicates" in result.stdout
    assert "warning: look 2 waits for 150 events" in result.stderr
    answer = json.loads(told(*asked[:-2], "--format", "json"))
    assert answer["look_2_never_reached"] == 1
    assert "look_1_never_reached" not in answer
