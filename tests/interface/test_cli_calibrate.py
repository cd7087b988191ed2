"""The command ``lupusim calibrate``: tables, JSON, files, page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lupusim.cli import app


def called(*words: str) -> str:
    result = CliRunner().invoke(app, ["calibrate", *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_abstract_alone_does_not_identify_relapse_by_origin_and_death_by_state() -> None:
    text = called("SAT0244", "--model", "markov-sat0244", "--draws", "0")
    assert "117.62392" in text
    for name in ("partial remission to relapse", "active to death", "relapse to death"):
        line = next(line for line in text.splitlines() if name in line)
        assert "not identified" in line


def test_json_has_the_keys_of_the_design() -> None:
    found = json.loads(
        called("SAT0244", "--model", "markov-sat0244", "--draws", "0", "--format", "json")
    )
    assert found["negative_log_likelihood"] == pytest.approx(117.62392, abs=1e-5)
    assert {"parameter", "estimate", "lower", "upper", "identified"} <= set(found["estimates"][0])
    assert {"target", "observed", "expected", "lower", "upper"} <= set(found["targets"][0])
    assert not any(row["identified"] for row in found["estimates"])
    assert all(row["lower"] is None for row in found["estimates"])


@pytest.mark.slow
def test_the_folder_holds_model_draws_and_a_page_that_loads_nothing(tmp_path: Path) -> None:
    called("--model", "msc-durable", "--draws", "3000", "--out", str(tmp_path))
    names = {path.name for path in tmp_path.iterdir()}
    expected = {"calibration.html", "calibration.json", "msc-durable.yaml"}
    assert expected | {"msc-durable.draws.npz"} <= names
    page = (tmp_path / "calibration.html").read_text(encoding="utf-8")
    assert page.count("<h2>") == 7
    assert page.count("<svg") == 4
    assert "src=" not in page
    assert "<link" not in page
