"""The page of keys: made of what the readers know, each example of it a file that runs."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from lupusim.planning.runs.run import run
from lupusim.scenario import load_model, load_scenario
from lupusim.scenario.calibrate import calibrate
from lupusim.scenario.files.calibration_block import load_free_model
from lupusim.scenario.files.evidence import load_study

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"


def test_the_page_has_an_example_of_every_key_that_readers_know() -> None:
    spec = importlib.util.spec_from_file_location("keys_page", ROOT / "scripts" / "keys_page.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = script.page()
    assert "none yet" not in page
    assert len([line for line in page.splitlines() if line.startswith("| `")]) > 350
    assert script.PAGE.read_text(encoding="utf-8") == page, "run scripts/keys_page.py"


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_an_example_runs(file: Path) -> None:
    scenario = load_scenario(file)
    result = run(replace(scenario, points=scenario.points[:1]), 3, seed=1)
    assert result.complete
    assert result.points[0].power is not None


def test_examples_of_models_and_evidence_are_read() -> None:
    assert load_model(EXAMPLES / "models" / "covariates.yaml").covariates
    assert len(load_study(EXAMPLES / "evidence" / "durations.yaml").targets) == 4


def test_the_example_of_a_series_of_ones_own_is_fitted() -> None:
    fit = calibrate(
        EXAMPLES / "evidence" / "my_series.yaml",
        model=load_free_model(EXAMPLES / "models" / "two_states.yaml"),
        seed=1,
        n_draws=0,
    )
    # of two rates a and b, 12 and 8 of 20 at two times know little but that half are away
    rates = [parameter.estimate for parameter in fit.profiles]
    assert rates[0] / sum(rates) == pytest.approx(0.5, abs=0.01)
