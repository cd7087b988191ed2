"""Every column has a unit, in the page, in JSON and beside CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from lupusim.cli import app
from lupusim.planning.runs.columns import AS_STATED, unit_of, units
from lupusim.planning.runs.run import run
from lupusim.report.columns import ANSWERS, page
from lupusim.scenario import load_scenario

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize(
    "name",
    [
        "null_and_drift",
        "phase3_bicla_52w",
        "platform_regimens",
        "regimen_adaptive",
        "single_arm_simon",
        "supply_stress",
        "survival_three_looks",
    ],
)
def test_no_column_of_a_packaged_scenario_is_without_a_unit(name: str) -> None:
    scenario = load_scenario(name)
    result = run(replace(scenario, points=scenario.points[:2]), 2, seed=1)
    for point in result.points:
        found = units(point.row(), point.trial, of=point.values)
        assert not [column for column, unit in found.items() if unit == "not stated"]
        assert all(found[column] == AS_STATED for column in point.values)


def test_a_unit_is_that_of_the_quantity_whatever_stands_around_it() -> None:
    trial = load_scenario("survival_three_looks").points[0].trial
    known = {
        "look_2_time_mcse": "years",
        "events_q90": "count",
        "power_lower": "probability",
        "power_difference_mcse": "probability",
        "look_1_estimate_stops": trial.analysis.effect,
        "squared_error": f"{trial.analysis.effect}, squared",
        "months_theory": "months",
        "something_else": "not stated",
    }
    assert units(known, trial) == known
    assert unit_of("sample_size", trial, of={"sample_size": 1}) == AS_STATED


def test_units_stand_in_json_and_beside_csv(tmp_path: Path) -> None:
    words = ["run", "two_rates", "--replicates", "20", "--jobs", "1", "--out", str(tmp_path)]
    assert CliRunner().invoke(app, words).exit_code == 0
    result = json.loads((tmp_path / "result.json").read_text())
    told = csv.DictReader(io.StringIO((tmp_path / "summary_units.csv").read_text()))
    beside = {row["column"]: row["unit"] for row in told}
    header = (tmp_path / "summary.csv").read_text().splitlines()[0].split(",")
    assert list(beside) == header
    assert beside["estimate"] == "risk difference"
    assert result["units"].items() <= beside.items()
    in_points = {name for point in result["points"] for name in point} - {"design_point"}
    assert in_points == set(result["units"])


def test_the_page_of_columns_is_made_of_the_code() -> None:
    assert (ROOT / "docs/reference/columns.md").read_text() == page(), "run scripts/columns_page.py"


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("solve two_rates --for sample_size --replicates 200", "solve"),
        ("threshold two_rates --key analysis.alpha --replicates 100", "threshold"),
        ("sensitivity two_rates --over sample_size=60,90 --replicates 100", "sensitivity"),
    ],
)
def test_the_columns_of_other_commands_are_on_the_page(words: str, command: str) -> None:
    done = CliRunner().invoke(app, [*words.split(), "--jobs", "1", "--format", "csv"])
    header = done.stdout.splitlines()[0].split(",")
    named = {name.removesuffix("_mcse") for name in header}
    assert named <= set(ANSWERS[command])
