"""The command ``lupusim solve``, and the files that it and ``lupusim size`` write."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lupusim.cli import app
from lupusim.cli.session import patience
from lupusim.errors import ScenarioError
from lupusim.planning.runs import forecast
from lupusim.planning.sample_size import search as growth
from lupusim.planning.solving import search
from lupusim.planning.theory.power import exact_power
from lupusim.scenario import load_scenario
from lupusim.scenario.files.packaged import find_packaged
from tolerance import assert_within_mcse

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
        (("--power", "100"), "must lie between 0 and 1"),
        (("--power", "0.8", "--quantity", "duration=1 year"), "give one of --power and --quantity"),
        (("--quantity", "duration"), "must be such as 'duration=36 months'"),
        (("--quantity", "durration=2 years"), "Did you mean 'duration'"),
        (("--between", "low,high"), "two numbers as the file has one"),
        (("--between", "50,150"), "150"),
        (("--between", "60 %,40 %"), "the lower one first"),
        (("--between", "0.4,0.9"), "may mean '40 %,90 %' or '0.4 %,0.9 %'"),
        (("--event", "cells"), "no hypothesis"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(options: tuple[str, ...], words: str) -> None:
    result = CliRunner().invoke(app, ["solve", *SHARE, *options, *FEW])
    assert result.exit_code != 0
    said = f"{result.output} {result.exception}".replace("│", " ")
    assert words in " ".join(said.split())


def test_patients_and_sites_are_found_for_a_number_of_months(tmp_path: Path) -> None:
    """Ten sites with 0.5 a month enroll n in n / 5 months; the last is followed for 24 weeks."""
    known = tmp_path / "two_rates.yaml"
    packaged = find_packaged("scenarios", "two_rates", ScenarioError).read_text(encoding="utf-8")
    sites = "{sites: 10, per_site_per_month: 0.5}"
    known.write_text(packaged.replace("10 per month", sites).replace("vary: {sample_size", "# {"))
    asked = ("--quantity", "duration=36 months", *FEW)
    enrolling = 36 - 12 * 24 / 52.1775
    words = " ".join(told(str(known), "--for", "sample_size", *asked).split())
    assert "duration (months) is 36 at sample_size = " in words
    patients = float(words.split("at sample_size = ")[1].split()[0])
    assert abs(patients - 5 * enrolling) <= 6  # the last of them comes by chance
    found = json.loads(told(str(known), "--for", "enrollment.sites", *asked, "--format", "json"))
    assert found["value"] == 8  # 7.9, and no longer than asked
    assert found["units"]["target"] == found["units"]["duration_mcse"] == "years"


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_asked(width: int) -> None:
    lines = told(*SHARE, *FEW, "--width", str(width)).splitlines()
    assert max(map(len, map(str.rstrip, lines))) <= width
    assert any("54.8093" in line for line in lines)


TREATED = "arms.treated.outcomes.response"


def ran(*words: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result


def power_of(file: Path, n: int) -> dict[str, float]:
    run = json.loads(ran("run", file, "--replicates", n, "--jobs", 1, "--format", "json").stdout)
    return run["points"][0]  # type: ignore[no-any-return]


def test_a_size_is_written_into_a_scenario_that_runs_next(tmp_path: Path) -> None:
    written = tmp_path / "sized.yaml"
    said = ran("size", "two_rates", "--file", written, "--jobs", 1)
    assert f"lupusim check {written}, then lupusim run {written}" in said.stderr
    first = written.read_text().splitlines()[0]
    assert first.startswith("# Found by lupusim: ")
    assert "for power 0.9 (exactly 0.90" in first
    assert "no problem found" in ran("check", written).stdout
    exact = float(first.partition("exactly ")[2].rstrip(")"))
    found = power_of(written, 1000)
    assert_within_mcse(found["power"], exact, mcse=found["power_mcse"])


def test_of_several_designs_the_one_that_is_named_is_written(tmp_path: Path) -> None:
    written = tmp_path / "sized.yaml"
    ratio = "arms.msc.effects.0.hazard_ratio"
    asked = ("size", "phase2_sri4_24w", "--over", f"{ratio}=5.85", "--power", 0.8)
    said = ran(*asked, "--file", written, "--jobs", 1, "--format", "json")
    found = json.loads(said.stdout)
    (point,) = load_scenario(written).points
    assert (point.trial.n_patients, point.values) == (found["n_patients"], {})
    assert point.trial.arms[1].effects[0].hazard_ratio == 5.85
    assert found["power_exact"] == pytest.approx(exact_power(point.trial), abs=1e-9)
    assert "vary" not in written.read_text()


@pytest.mark.slow
def test_looks_that_grow_with_the_trial_give_the_power_that_was_confirmed(tmp_path: Path) -> None:
    written = tmp_path / "sized.yaml"
    asked = ("--precision", 0.03, "--jobs", 1, "--format", "json", "--file", written)
    sized = json.loads(ran("size", "survival_three_looks", *asked).stdout)
    found = power_of(written, 8000)
    assert found["n_patients"] == sized["n_patients"]
    error = (found["power_mcse"] ** 2 + sized["power_mcse"] ** 2) ** 0.5
    assert_within_mcse(found["power"], sized["power"], mcse=error)


def test_what_was_solved_is_written_too(tmp_path: Path) -> None:
    written = tmp_path / "solved.yaml"
    ran("solve", "two_rates", "--for", TREATED, "--replicates", 200, "--jobs", 1, "--file", written)
    first = written.read_text().splitlines()[0]
    assert first == f"# Found by lupusim: {TREATED} = 54.8093 %, for power 0.8 (exactly 0.8000)"
    assert "response: 54.8093 %" in written.read_text()


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["size", "two_rates"], "exists already"),
        (["solve", "two_rates", "--for", TREATED], "exists already"),
        (
            ["size", "two_rates", "--over", "analysis.alpha=0.025,0.05"],
            "these are 2: say which, as in --over 'analysis.alpha=0.025'",
        ),
        (["size", "phase2_sri4_24w"], "3: say which, as in --over 'arms.msc.effects.0.hazard_rat"),
        (["size", "two_rates", "--frontier", "cost"], "--frontier tells of all: leave one"),
    ],
)
def test_what_cannot_be_written_is_said_before_the_search(
    words: list[str], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "find_size", stopped)
    monkeypatch.setattr(search, "find_value", stopped)
    file = tmp_path / "mine.yaml"
    if "exists" in fault:
        file.write_text("mine")
    result = CliRunner().invoke(app, [*words, "--file", str(file)])
    assert result.exit_code != 0
    assert fault in " ".join(f"{result.stderr} {result.exception}".split())
    assert not file.exists() or file.read_text() == "mine"
