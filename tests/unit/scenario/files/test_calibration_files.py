from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lupusim.common.output import IfPresent, OutputError
from lupusim.errors import EvidenceError, ModelError
from lupusim.scenario.calibrate import calibrate
from lupusim.scenario.files.calibration_block import (
    calibration_block,
    free_model_from_mapping,
    load_free_model,
)
from lupusim.scenario.files.evidence import load_study
from lupusim.scenario.files.model import load_model
from tolerance import SEED

MODEL: dict[str, Any] = {
    "schema": "lupusim/model/1",
    "name": "mine",
    "states": ["active", "death"],
    "transitions": [
        {"from": "active", "to": "death", "hazard": {"family": "exponential", "rate": 0.1}}
    ],
    "calibration": {
        "target_set": "any",
        "evidence": ["tselios-2021"],
        "parameters": [
            {
                "name": "death",
                "places": {"active -> death.rate": 1},
                "transform": "log",
                "prior": {"family": "normal", "mean": -4, "sd": 1},
            }
        ],
    },
}


def problems(change: Any) -> str:
    content = copy.deepcopy(MODEL)
    change(content["calibration"], content)
    with pytest.raises(ModelError) as caught:
        free_model_from_mapping(content)
    return str(caught.value)


@pytest.mark.parametrize(
    "name", ["markov-sat0244", "msc-durable", "msc-fading", "msc-central", "standard-care"]
)
def test_packaged_models_say_what_is_free_and_from_what(name: str) -> None:
    free_model = load_free_model(name)
    assert free_model.target_set
    assert all(load_study(study) for study in free_model.evidence)
    assert free_model.model == load_model(name)


def test_the_free_parameters_of_a_packaged_model_give_it_back() -> None:
    free_model = load_free_model("msc-durable")
    draws = np.load(Path(__file__).parents[4] / "src/lupusim/data/models/msc-durable.draws.npz")
    assert draws["parameters"].tolist() == list(free_model.names)
    assert draws["values"].shape == (2000, len(free_model.names))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c, _: c["parameters"][0].pop("prior"), "parameters.0.prior: the key is missing"),
        (lambda c, _: c["parameters"][0].update(transform="lg"), "Did you mean 'log'"),
        (lambda c, _: c["parameters"][0]["prior"].update(sd=0), "out of range"),
        (lambda c, _: c["parameters"][0].update(places={}), "stands nowhere"),
        (
            lambda c, _: c["parameters"][0].update(transform="none"),
            "up to -20, but rate=-20.0 must",
        ),
        (
            lambda c, m: (
                m.update(
                    classes=[
                        {"name": name, "probability": 0.5, "hazard_ratios": {}} for name in "ab"
                    ]
                ),
                c["parameters"][0].update(places={"classes.a.probability": 1}),
            ),
            "up to 1000, but classes: the probabilities sum to 1000, not to 1. Give 'bounds'",
        ),
        (
            lambda c, _: c["parameters"][0].update(places={"active -> deth.rate": 1}),
            "Did you mean 'active -> death'",
        ),
        (lambda c, _: c["parameters"][0].update(bounds=[2, 1]), "must be increasing"),
        (lambda c, _: c.update(parametres=[]), "Did you mean 'parameters'"),
        (lambda _, m: m.pop("calibration"), "no number of this model is declared free"),
    ],
)
def test_a_wrong_calibration_block_is_one_clear_problem(change: Any, words: str) -> None:
    assert words in problems(change)


def test_evidence_on_states_that_the_model_lacks_is_refused() -> None:
    content = copy.deepcopy(MODEL)
    content["calibration"]["target_set"] = "literal"
    with pytest.raises(EvidenceError, match="has no state 'complete_remission'"):
        calibrate("SAT0244", model=free_model_from_mapping(content), seed=SEED)


@pytest.mark.parametrize("again", ["SAT0244", load_study("SAT0244")])
def test_a_study_that_is_named_twice_is_refused(again: Any) -> None:
    with pytest.raises(EvidenceError, match="'SAT0244' is there twice"):
        calibrate(["SAT0244", again], model="markov-sat0244", seed=1)


def test_evidence_without_a_target_of_the_set_is_refused() -> None:
    with pytest.raises(EvidenceError, match="no target"):
        calibrate("tselios-2021", model=free_model_from_mapping(MODEL), seed=SEED)


def test_a_fit_is_written_and_read_back(tmp_path: Path) -> None:
    fit = calibrate("SAT0244", model="markov-sat0244", seed=SEED, n_draws=1000)
    fit.save(tmp_path / "mine.yaml")
    again = load_free_model(tmp_path / "mine.yaml")
    assert again.evidence == ("SAT0244",)
    rates = [t.hazard.rate for t in again.model.transitions]  # type: ignore[attr-defined]
    known = [t.hazard.rate for t in fit.model.transitions]  # type: ignore[attr-defined]
    np.testing.assert_allclose(rates, known, rtol=1e-6)
    assert (tmp_path / "mine.draws.npz").stat().st_size < 1_000_000
    before = (tmp_path / "mine.yaml").read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        fit.save(tmp_path / "mine.yaml")
    (tmp_path / "mine.yaml").unlink()
    for insists in IfPresent:  # nobody's draws become those of a model that has none
        with pytest.raises(OutputError, match="would be taken for draws"):
            replace(fit, draws=None).save(tmp_path / "mine.yaml", insists)
    assert not (tmp_path / "mine.yaml").exists()
    fit.save(tmp_path / "mine.yaml", IfPresent.REPLACE)
    assert (tmp_path / "mine.yaml").read_bytes() == before


def test_a_fit_to_no_set_of_targets_is_read_back() -> None:
    content = copy.deepcopy(MODEL)
    del content["calibration"]["target_set"]
    free_model = free_model_from_mapping(content)
    content["calibration"] = calibration_block(free_model, {"seed": SEED})
    assert free_model_from_mapping(content) == free_model


def test_a_share_where_patients_are_counted_is_called_one(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    target = "{name: t, kind: occupancy, at: 1 year, counts: {active: 50 %}, n: 40, quote: q}"
    file.write_text(
        "schema: lupusim/evidence/1\nname: study\ncitation: c\nn_patients: 40\n"
        f"targets:\n  - {target}\n",
        encoding="utf-8",
    )
    with pytest.raises(EvidenceError, match="'50 %' is a share, not a number") as caught:
        load_study(file)
    assert "0.5" not in str(caught.value)
