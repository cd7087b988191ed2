"""Names of any text: they come out whole everywhere, or are refused with file and line."""

from __future__ import annotations

import sys
import zipfile
from dataclasses import replace
from html import escape
from pathlib import Path

import pandas as pd
import pytest

from lupusim.cli import command
from lupusim.errors import ScenarioError
from lupusim.scenario import load_scenario
from lupusim.scenario.files.packaged import find_packaged
from lupusim.simulation.patient_level.tables import simulate_trial

PACKAGED = find_packaged("scenarios", "phase2_remission_52w", ScenarioError).read_text()


def changed(tmp_path: Path, *pairs: tuple[str, str]) -> Path:
    text = PACKAGED
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "changed.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["arm", "patient", "left", "end_time", "weight_kg", "trt01p"])
def test_a_factor_called_like_a_column_has_a_column_of_its_own(tmp_path, name) -> None:
    plain = simulate_trial(load_scenario(changed(tmp_path)), engine="vector")
    one = simulate_trial(load_scenario(changed(tmp_path, ("nephritis", name))), engine="vector")
    own = name if name == "trt01p" else f"{name} (2)"
    assert one.patients[own].tolist() == plain.patients["nephritis"].tolist()
    pd.testing.assert_frame_equal(
        one.patients.drop(columns=own), plain.patients.drop(columns="nephritis")
    )
    adsl = pd.read_csv(one.to_adam(tmp_path / name)[0])
    assert set(adsl["TRT01P"]) == {"placebo", "msc"}
    assert adsl.shape[1] == one.patients.shape[1]


def test_endpoints_of_any_name_have_files_of_their_own(tmp_path) -> None:
    path = changed(tmp_path, ("name: remission at week 52", 'name: "relapse_or/death"'))
    one = simulate_trial(load_scenario(path), engine="vector")
    written = [p.name for p in one.to_csv(tmp_path / "tables") if p.name.startswith("endpoint")]
    assert written == ["endpoint_relapse_or_death.csv", "endpoint_relapse_or_death-2.csv"]
    assert "response" in pd.read_csv(tmp_path / "tables" / written[0]).columns


@pytest.mark.parametrize("wrong", [r"m\tsc", r"m\nsc", r"m\esc", r"m\x9bsc", r"m\u202esc"])
@pytest.mark.parametrize("place", ["name: msc", "nephritis"])
def test_control_characters_in_names_are_refused_with_their_line(tmp_path, wrong, place) -> None:
    new = f'name: "{wrong}"' if place == "name: msc" else f'"{wrong}"'
    path = changed(tmp_path, (place, new))
    with pytest.raises(ScenarioError, match=r"line \d+, .*control character U\+"):
        load_scenario(path)


def test_prose_may_have_lines(tmp_path) -> None:
    path = changed(tmp_path, ("title: Phase 2, ", 'title: "Phase 2,\\n" #'))
    assert replace(load_scenario(path)).title.startswith("Phase 2")


NAMES = ("β", "msc [high dose]", "1e6/kg", "=cmd()", "<script>")
ODD = """schema: lupusim/scenario/1
title: names
outcomes: {"CR/PR": {kind: response, at: 52 weeks}}
arms:
  - {name: "β", control: true, outcomes: {"CR/PR": 30 %}}
  - {name: "msc [high dose]", outcomes: {"CR/PR": 55 %}}
  - {name: "1e6/kg", outcomes: {"CR/PR": 50 %}}
  - {name: "=cmd()", outcomes: {"CR/PR": 45 %}}
  - {name: "<script>", outcomes: {"CR/PR": 40 %}}
enrollment: 10 per month
analysis: {test: pooled_z, alpha: 0.025, sided: 1, multiplicity: {method: holm}}
sample_size: 200
simulation: {replicates: 20, seed: 1}
"""


def lupusim_says(*words: str) -> None:
    sys.argv = ["lupusim", *words]
    with pytest.raises(SystemExit) as done:
        command()
    assert not done.value.code, words


def test_names_come_whole_out_of_report_bundle_and_comparison(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    Path("names.yaml").write_text(ODD)
    lupusim_says("run", "names.yaml", "--replicates", "20", "--jobs", "1", "--out", "kept")
    lupusim_says("bundle", "kept", "--out", "kept.zip")
    lupusim_says("bundle", "--verify", "kept.zip")
    lupusim_says("report", "kept", "--out", "report.html")
    capsys.readouterr()
    lupusim_says("compare", "kept", "kept", "--format", "csv")
    compared, page = capsys.readouterr().out, Path("report.html").read_text()
    with zipfile.ZipFile("kept.zip") as whole:
        scenario = whole.read(next(n for n in whole.namelist() if n.endswith(".yaml"))).decode()
    for name in NAMES:
        assert f"response_{name}" in compared
        assert escape(name) in page
        assert name in scenario
    assert "<script>" not in page
    made = {p.name for p in tmp_path.rglob("*")}
    assert made == {
        ".lupusim-files.json", "names.yaml", "kept", "kept.zip", "report.html", "ledger.sqlite",
        "result.json", "scenario.yaml", "summary.csv", "summary_units.csv",
    }  # fmt: skip
