"""The commands ``size``, ``assurance`` and ``sensitivity``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lupusim.cli import app
from lupusim.errors import ModelError
from lupusim.scenario.draw_files import load_model_draws


def called(*words: str) -> str:
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_size_answers_with_an_interval_and_a_confirmation(tmp_path: Path) -> None:
    plot = tmp_path / "power.svg"
    words = ["size", "phase2_remission_52w", "--power", "0.8", "--precision", "0.03"]
    answer = json.loads(called(*words, "--jobs", "1", "--format", "json", "--plot", str(plot)))
    assert {"n_patients", "interval", "power", "power_mcse"} <= set(answer)
    assert answer["interval"][0] <= answer["n_patients"] <= answer["interval"][1]
    assert abs(answer["power"] - 0.8) < 0.1
    assert plot.read_text(encoding="utf-8").startswith("<?xml")


def test_assurance_integrates_over_packaged_draws() -> None:
    words = ["assurance", "phase2_remission_52w", "--draws", "msc-durable", "--replicates", "400"]
    text = called(*words, "--jobs", "1")
    assert "assurance" in text
    assert "power, if all is as stated" in text


def test_sensitivity_shows_both_ends_of_each_range() -> None:
    words = ["sensitivity", "survival_200_events", "--over", "sample_size=240,360"]
    text = called(*words, "--over", "arms.experimental.effects.0.hazard_ratio=0.6,0.8")
    assert text.index("hazard_ratio") < text.index("sample_size")


def test_a_range_of_one_value_is_refused() -> None:
    with pytest.raises(ValueError, match="a path and two values"):
        called("sensitivity", "survival_200_events", "--over", "sample_size=240")


def test_draws_are_found_by_name_and_by_file() -> None:
    draws = load_model_draws("msc-durable")
    assert draws.name == "msc-durable"
    assert len(draws.models) >= 1000
    with pytest.raises(ModelError, match="no number of this model is declared free"):
        load_model_draws("illness-death")


def test_a_calibrated_model_without_draws_says_how_to_make_them(tmp_path: Path) -> None:
    from lupusim.scenario.packaged import find_packaged

    copy = tmp_path / "mine.yaml"
    copy.write_bytes(find_packaged("models", "msc-durable", ModelError).read_bytes())
    with pytest.raises(ModelError, match="lupusim calibrate --out"):
        load_model_draws(copy)
    (tmp_path / "mine.draws.npz").write_bytes(b"no table")
    with pytest.raises(ModelError, match="no table of draws"):
        load_model_draws(copy)
