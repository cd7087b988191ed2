"""Make the packaged models from the packaged evidence.

Run ``python scripts/build_models.py`` to write them anew; a test checks that they are what
this script makes.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from model_templates import TEMPLATES

from lupusim.calibration.likelihood import Likelihood
from lupusim.calibration.parameters import FreeModel
from lupusim.calibration.search import search
from lupusim.model import MultiStateModel
from lupusim.scenario.calibration_files import calibration_block, free_model_from_mapping
from lupusim.scenario.evidence_files import load_study
from lupusim.scenario.model_files import model_from_mapping
from lupusim.scenario.model_writing import model_to_mapping, write_model

SEED = 20260101
FOLDER = Path(__file__).parents[1] / "src" / "lupusim" / "data" / "models"
_COMMENTS = (
    "Made by scripts/build_models.py from the packaged evidence; do not edit the numbers here.",
    "What is decided and what is fitted: scripts/model_templates.py.",
)


def calibrated(template: dict[str, Any]) -> tuple[FreeModel, dict[str, Any]]:
    """Return the free model at its maximum likelihood estimate, and the facts of the fit."""
    free_model = free_model_from_mapping(template)
    likelihood = Likelihood(free_model, [load_study(name) for name in free_model.evidence])
    best = search(likelihood, seed=SEED)[0]
    result = {
        "negative_log_likelihood": round(best.negative_log_likelihood, 5),
        "seed": SEED,
        "starts_that_led_here": best.n_starts,
    }
    fitted = free_model.model_at(best.free)
    model = replace(fitted, source=free_model.evidence)
    return replace(free_model, model=_rounded(model)), result


def _rounded(model: MultiStateModel) -> MultiStateModel:
    """Return the model with its numbers rounded to seven digits, as its file has them."""
    content = _round(model_to_mapping(model))
    if "classes" in content:
        *others, last = content["classes"]
        last["probability"] = round(1 - sum(c["probability"] for c in others), 12)
    return model_from_mapping(content)


def _round(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _round(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_round(item) for item in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value


def main() -> None:
    """Write all packaged models that are calibrated."""
    for make in TEMPLATES:
        free_model, result = calibrated(make())
        block = calibration_block(free_model, result)
        path = FOLDER / f"{free_model.model.name}.yaml"
        write_model(free_model.model, path, comments=_COMMENTS, calibration=block)
        print(f"{path.name}: {result}")


if __name__ == "__main__":
    main()
