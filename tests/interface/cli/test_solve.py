"""The command ``lupusim solve``."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from lupusim.cli import app
from lupusim.cli.session import patience
from lupusim.planning.runs import forecast
from lupusim.planning.sample_size import search as growth
from lupusim.planning.solving import search

SHARE = ("two_rates", "--for", "arms.treated.outcomes.response")
FEW = ("--replicates", "200", "--jobs", "1")


def told(*words: str) -> str:
    result = CliRunner().invoke(app, ["solve", *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_answer_is_said_in_the_unit_of_the_file(tmp_path: Path) -> None:
    words = " ".join(
        told(*SHARE, *FEW, "--out", str(tmp_path), "--plot", str(tmp_path / "a.svg")).split()
    )
    assert "power is 0.8 at arms.treated.outcomes.response = 54.8093 % (by exact power)" in words
    assert "exactly 0.8000" in words
    assert "The file has 55 %." in words
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")
    kept = json.loads((tmp_path / "solve.json").read_text())
    assert (kept["unit"], kept["target"]) == ("%", 0.8)
    assert json.loads(told(*SHARE, *FEW, "--format", "json")) == kept
    header, *rows = told(*SHARE, *FEW, "--format", "csv").splitlines()
    assert header == "value,power,power_mcse"
    assert len(rows) == 5


def test_what_takes_long_is_said_before_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    ratio = ("time_to_event", "--for", "arms.treated.outcomes.relapse.hazard_ratio")
    monkeypatch.setattr(forecast, "LONG", 1e-6)
    monkeypatch.setattr(search, "find_value", stopped)
    result = CliRunner().invoke(app, ["solve", *ratio, "--replicates", "300"])
    assert "note: every 300 trials of each design takes about" in result.stderr
    monkeypatch.setattr(growth, "find_size", stopped)
    result = CliRunner().invoke(app, ["size", "survival_200_events", "--power", "0.8"])
    assert "note: every 10,000 trials of each design takes about" in result.stderr
    for known_exactly in (["solve", *SHARE], ["size", "two_rates", "--power", "0.8"]):
        assert "note: every" not in CliRunner().invoke(app, known_exactly).stderr


def test_a_question_says_where_it_is_after_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    with patience(0.0, "no answer yet"):
        time.sleep(0.1)
    assert capsys.readouterr().err == "note: no answer yet, now at: getting ready\n"
    with patience(60.0, "no answer yet"):
        pass
    assert capsys.readouterr().err == ""


def stopped(*_: object, **__: object) -> None:
    raise LookupError  # enough is seen


@pytest.mark.slow
def test_what_theory_says_stands_beside() -> None:
    ratio = "arms.treated.outcomes.relapse.hazard_ratio"
    words = told("time_to_event", "--for", ratio, "--power", "0.9", *FEW)
    assert "By sequential theory it would be 0.607" in " ".join(words.split())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--power", "80"), "must lie between 0 and 1"),
        (("--power", "0.8", "--quantity", "duration=1 year"), "give one of --power and --quantity"),
        (("--quantity", "duration"), "must be such as 'duration=36 months'"),
        (("--quantity", "durration=2 years"), "Did you mean 'duration'"),
        (("--between", "low,high"), "two numbers as the file has one"),
        (("--between", "50,150"), "150"),
        (("--between", "60 %,40 %"), "the lower one first"),
        (("--event", "cells"), "no hypothesis"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(options: tuple[str, ...], words: str) -> None:
    result = CliRunner().invoke(app, ["solve", *SHARE, *options, *FEW])
    assert result.exit_code != 0
    said = f"{result.output} {result.exception}".replace("│", " ")
    assert words in " ".join(said.split())
