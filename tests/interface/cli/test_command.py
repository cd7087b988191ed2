"""The command: exit codes, formats, messages."""

from __future__ import annotations

import csv
import io
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

MODEL = """\
schema: lupusim/model/1
name: small
states: [well, ill, death]
transitions:
  - {from: well, to: ill, hazard: {family: exponential, rate: 0.5}}
  - {from: ill, to: death, hazard: {family: weibull, shape: 1.2, scale: 3.0}}
"""

SCENARIO = """\
schema: lupusim/scenario/1
title: Ill or well after a year
model: model.yaml
arms:
  - {name: placebo, control: true, allocation: 1}
  - name: cells
    allocation: 2
    infusions: {cells_per_kg: 1.0e6, at: [0 weeks]}
    effects:
      - {on: ["well -> ill"], hazard_ratio: 0.5, onset: 4 weeks}
enrollment: {sites: 9, per_site_per_month: 0.12, ramp_up: 6 months}
follow_up: 52 weeks
visits: [26 weeks, 52 weeks]
endpoints:
  primary: {kind: time_to_event, events: [ill, death]}
analysis: {test: logrank, alpha: 0.025, sided: 1}
sample_size: 60
vary: {sample_size: [60, 90]}
simulation: {replicates: 30, seed: 7}
"""


@pytest.fixture
def scenario(tmp_path):
    (tmp_path / "model.yaml").write_text(MODEL)
    path = tmp_path / "trial.yaml"
    path.write_text(SCENARIO)
    return str(path)


def test_run_prints_json(lupusim, scenario):
    code, out, _ = lupusim("run", scenario, "--format", "json", "--jobs", 1)
    assert code == 0
    told = json.loads(out)
    assert told["seed"] == 7
    assert told["n_replicates"] == 30
    assert [p["design_point"]["sample_size"] for p in told["points"]] == [60, 90]
    assert [p["n_patients"] for p in told["points"]] == [60, 90]
    assert all(0 <= p["power"] <= 1 and p["power_mcse"] >= 0 for p in told["points"])


def test_options_take_the_place_of_what_the_file_says(lupusim, scenario):
    options = ("--replicates", 10, "--seed", 3, "--jobs", 1, "--format", "json")
    told = json.loads(lupusim("run", scenario, *options)[1])
    assert (told["n_replicates"], told["seed"]) == (10, 3)
    again = json.loads(lupusim("run", scenario, *options)[1])
    assert told["points"] == again["points"]


def test_csv_and_json_say_the_same(lupusim, scenario):
    table = list(csv.DictReader(io.StringIO(lupusim("run", scenario, "--format", "csv")[1])))
    points = json.loads(lupusim("run", scenario, "--format", "json")[1])["points"]
    for row, point in zip(table, points, strict=True):
        for name in ("power", "power_mcse", "type_one_error", "duration"):
            assert float(row[name]) == pytest.approx(point[name], rel=1e-12)


def test_the_table_shows_power_with_its_error_and_how_to_get_it_again(lupusim, scenario):
    code, out, _ = lupusim("run", scenario, "--jobs", 1)
    assert code == 0
    for part in (
        "Ill or well after a year",
        "power",
        "type I error",
        "--replicates 30",
        "--seed 7",
    ):
        assert part in " ".join(out.split())


def test_results_are_written_into_a_folder(lupusim, scenario, tmp_path):
    code, _, err = lupusim("run", scenario, "--jobs", 1, "--out", tmp_path / "new" / "run")
    assert code == 0, err
    assert json.loads((tmp_path / "new" / "run" / "result.json").read_text())["seed"] == 7


def test_a_sound_scenario_passes_the_check(lupusim, scenario):
    code, out, _ = lupusim("check", scenario)
    assert code == 0
    assert "no problem found; 2 designs" in out


@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_look_that_is_not_to_be_expected_is_warned_of(lupusim, scenario, verb):
    path = Path(scenario)
    content = path.read_text().replace(
        "sample_size: 60", "looks: [{when: {events: 60}}]\nsample_size: 60", 1
    )
    path.write_text(content)
    code, _, err = lupusim(verb, path)
    assert code == 0
    assert (
        "warning: sample_size = 60: look 1 waits for 60 events (time to ill or death), and 17.3 "
        in err
    )


@pytest.mark.parametrize("verb", ["check", "run"])
def test_every_problem_of_a_file_is_told_and_nothing_is_simulated(lupusim, scenario, verb):
    from pathlib import Path

    broken = SCENARIO.replace("logrank", "lograk").replace("hazard_ratio: 0.5", "hazard_ratio: -1")
    Path(scenario).write_text(broken)
    code, out, err = lupusim(verb, scenario)
    assert code == 2
    assert out == ""
    assert "lograk" in err
    assert "hazard_ratio" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "no_such_scenario"), "no_such_scenario"),
        (("run",), "SCENARIO"),
        (("rum",), "rum"),
        (("occupancy", "illness-deth", "--at", "1 year"), "illness-death"),
        (("occupancy", "illness-death", "--at", "5"), "unit"),
        (("occupancy", "illness-death", "--at", "-1 year"), ""),
        (("occupancy", "illness-death"), "--at"),
    ],
)
def test_what_the_user_got_wrong_ends_with_code_2_and_a_message(lupusim, arguments, message):
    code, _, err = lupusim(*arguments)
    assert code == 2
    assert message in err


@pytest.mark.parametrize(
    "options",
    [("--replicates", 0), ("--seed", -1), ("--jobs", 0), ("--format", "xml"), ("--jobs", "two")],
)
def test_an_option_out_of_range_ends_with_code_2(lupusim, scenario, options):
    code, out, err = lupusim("run", scenario, *options)
    assert code == 2
    assert out == ""
    assert err


@pytest.mark.parametrize("width", ["50", "80", "120"])
def test_a_table_of_occupancy_cuts_no_name_of_a_state(lupusim, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    code, out, _ = lupusim("occupancy", "standard-care", "--at", "1 year")
    assert code == 0
    assert "\u2026" not in out
    assert "remission" in out
    assert max(map(len, out.splitlines())) <= int(width)


def test_occupancy_is_exact_in_every_format(lupusim):
    arguments = ("occupancy", "illness-death", "--at", "1 year", "--at", "24 months")
    told = json.loads(lupusim(*arguments, "--format", "json")[1])
    assert told["times"] == [1.0, 2.0]
    assert sum(shares[1] for shares in told["occupancy"].values()) == pytest.approx(1)
    table = list(csv.DictReader(io.StringIO(lupusim(*arguments, "--format", "csv")[1])))
    for state, shares in told["occupancy"].items():
        assert [float(row[state]) for row in table] == pytest.approx(shares)
    assert "24 months" in lupusim(*arguments)[1]


def test_what_is_packaged_is_listed_and_copied(lupusim, tmp_path):
    code, out, _ = lupusim("list")
    assert code == 0
    assert "illness-death" in out
    assert lupusim("init", tmp_path / "mine")[0] == 0
    assert (tmp_path / "mine" / "phase2_remission_52w.yaml").exists()
    code, _, err = lupusim("init", tmp_path / "mine")  # nothing of the user's is overwritten
    assert code == 1
    assert "exists already" in err


def test_one_trial_is_written_as_tables(lupusim, scenario, tmp_path):
    code, out, err = lupusim("trial", scenario, "--out", tmp_path / "tables", "--engine", "vector")
    assert code == 0, err
    names = {path.name for path in (tmp_path / "tables").iterdir()}
    assert {"patients.csv", "visits.csv", "events.csv", "supply.csv", "adam"} <= names
    assert "patients.csv" in out


def test_an_interruption_ends_with_code_130(scenario):
    code = (
        "import sys, lupusim.scenario as s, lupusim.cli as c\n"
        "def stop(*_): raise KeyboardInterrupt\n"
        "s.load_scenario = stop\n"
        f"sys.argv = ['lupusim', 'check', {scenario!r}]\n"
        "c.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_a_place_that_cannot_be_written_to_ends_with_code_1(lupusim, scenario, tmp_path):
    (tmp_path / "file").write_text("in the way")
    code, _, err = lupusim("run", scenario, "--jobs", 1, "--out", tmp_path / "file" / "run")
    assert code == 1
    assert "file" in err


def test_the_module_is_the_command(scenario):
    done = subprocess.run(
        [sys.executable, "-m", "lupusim", "check", scenario],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "no problem found" in done.stdout


def test_the_version_is_told(lupusim):
    import lupusim as package

    assert lupusim("--version")[:2] == (0, f"lupusim {package.__version__}\n")


def test_the_command_that_repeats_a_run_can_be_pasted(lupusim, tmp_path):
    folder = tmp_path / "a folder with a name of many words"
    folder.mkdir()
    (folder / "model.yaml").write_text(MODEL)
    (folder / "my trial.yaml").write_text(SCENARIO)
    path = folder / "my trial.yaml"
    printed = lupusim("run", path, "--replicates", 5, "--jobs", 1, "--width", 40)[1]
    *_, command = printed.rstrip().split("\n")
    words = shlex.split(command)
    assert words == ["lupusim", "run", str(path), "--replicates", "5", "--seed", "7"]
