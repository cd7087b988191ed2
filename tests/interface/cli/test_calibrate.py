"""The command ``lupusim calibrate``: tables, JSON, files, page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lupusim.cli import app
from lupusim.errors import EvidenceError


def called(*words: str) -> str:
    result = CliRunner().invoke(app, ["calibrate", *words])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("width", [72, 80, 140])
def test_tables_fit_their_width_and_lose_no_letter(width: int) -> None:
    args = (
        "--model",
        "markov-sat0244",
        "--draws",
        "0",
        *(() if width == 80 else ("--width", width)),
    )
    text = called("SAT0244", *map(str, args))
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "22 of 81" in text
    assert text.count("held out") == 7


def test_the_abstract_alone_does_not_identify_relapse_by_origin_and_death_by_state() -> None:
    text = called("SAT0244", "--model", "markov-sat0244", "--draws", "0", "--width", "140")
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
    assert page.count("<h2 id=") == 7
    assert page.count("<figure>") == 4
    assert page.count("src=") == page.count('src="data:image/svg+xml;base64,') == 4
    assert "<link" not in page


def test_prior_beside_posterior_and_the_predictive_check_come_with_draws() -> None:
    text = called("SAT0244", "--model", "markov-sat0244", "--draws", "500")
    assert "Prior beside posterior" in text
    assert "Posterior predictive check" in text


@pytest.mark.slow
def test_every_further_question_is_answered_on_the_page_and_in_json(tmp_path: Path) -> None:
    found = json.loads(
        called(
            *("--model", "msc-durable", "--draws", "2000", "--format", "json"),
            *("--compare", "--sensitivity", "--per-arm", "60", "--check-sampler", "20"),
            *("--second-opinion", "--study-effect", "responders", "--out", str(tmp_path)),
        )
    )
    assert {row["shape"] for row in found["shapes"]} == {
        "constant",
        "weibull",
        "classes",
        "piecewise",
    }
    assert found["shapes"][-1]["shape"] == "constant"
    asked = {row["prediction"] for row in found["elasticities"]}
    assert {"power with 60 per arm", "remission at week 52", "death at 5 years"} <= asked
    assert len(found["ranks"]) == 6
    words = " ".join(found["answers"])
    for said in ("Shapes:", "the two samplers agree", "20 rounds", "in the next one"):
        assert said in words
    page = (tmp_path / "calibration.html").read_text(encoding="utf-8")
    assert page.count("<h2 id=") == 7
    assert page.count("<figure>") == 6


@pytest.mark.parametrize(
    "words",
    [
        ("--second-opinion", "--draws", "0"),
        ("--draws", "100", "--study-effect", "responders"),
        ("--per-arm", "50", "--draws", "0"),
        ("--n", "50"),
        ("--predict", "state at 5 years"),
        ("--predict", "state at 5", "--n", "50"),
        ("--predict", "deaths", "--n", "50"),
    ],
)
def test_questions_that_cannot_be_answered_say_why(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, ["calibrate", "SAT0244", *words])
    assert result.exit_code == 2
    assert "Traceback" not in result.output


PATIENTS_MODEL = """
schema: lupusim/model/1
name: two
states: [well, ill]
start: well
transitions:
  - {from: well, to: ill, hazard: {family: exponential, rate: 0.5}}
calibration:
  parameters:
    - {name: rate, places: {"well -> ill.rate": 1}, transform: log, prior: {mean: 0, sd: 1}}
"""


def test_a_table_of_patients_is_fitted_and_the_next_ones_predicted(tmp_path: Path) -> None:
    model, table = tmp_path / "two.yaml", tmp_path / "patients.csv"
    model.write_text(PATIENTS_MODEL, encoding="utf-8")
    rows = "".join(f"{k},well,ill,0,{k}0,1\n" for k in range(1, 6))
    table.write_text("id,from,to,entry,exit,status\n" + rows, encoding="utf-8")
    words = ["--time-unit", "months", "--draws", "400", "--format", "json"]
    asked = ["--predict", "state at 1 year", "--n", "10", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(
        app, ["calibrate", str(table), "--model", str(model), *words, *asked]
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    # Five events in 10 + 20 + ... + 50 months.
    assert found["estimates"][0]["estimate"] == pytest.approx(5 / (150 / 12), rel=1e-4)
    assert found["evidence"] == ["5 patients"]
    assert {row["state"] for row in found["occupancy"]} == {"well", "ill"}
    assert [row["n"] for row in found["next_counts"]] == [10, 10]
    assert found["further_numbers"][0]["of"] == 10
    assert (tmp_path / "out" / "calibration.html").exists()


def test_a_target_that_the_model_can_not_make_is_refused_with_line_and_transition(
    tmp_path: Path,
) -> None:
    model, evidence = tmp_path / "two.yaml", tmp_path / "study.yaml"
    model.write_text(PATIENTS_MODEL, encoding="utf-8")
    evidence.write_text(
        "schema: lupusim/evidence/1\nname: s\ncitation: none\nn_patients: 9\ntargets:\n"
        "  - {name: back, kind: rate, from: [ill], to: [well], events: 2, person_years: 9, "
        "until: 1 year, how_known: assumption, quote: none}\n",
        encoding="utf-8",
    )
    result = CliRunner().invoke(app, ["calibrate", str(evidence), "--model", str(model)])
    assert isinstance(result.exception, EvidenceError)
    assert "line 6" in str(result.exception)
    assert "no transition ill -> well" in str(result.exception)
