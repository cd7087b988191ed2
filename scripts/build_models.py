"""Make the packaged models from the packaged evidence.

Run ``python scripts/build_models.py`` to write them anew; a test checks that they are what
this script makes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from model_templates import TEMPLATES

from lupusim.calibration.fit import Fit
from lupusim.scenario.calibrate import calibrate
from lupusim.scenario.files.calibration_block import free_model_from_mapping

SEED = 20260101
N_DRAWS = 5000
FOLDER = Path(__file__).parents[1] / "src" / "lupusim" / "data" / "models"


def calibrated(template: dict[str, Any], *, n_draws: int = 0) -> Fit:
    """Return the fit of a template to the evidence that it names."""
    return calibrate(model=free_model_from_mapping(template), seed=SEED, n_draws=n_draws)


def main() -> None:
    """Write all packaged models that are calibrated, and their draws."""
    for make in TEMPLATES:
        fit = calibrated(make(), n_draws=N_DRAWS)
        fit.save(FOLDER / f"{fit.model.name}.yaml")
        print(f"{fit.model.name}: {fit.negative_log_likelihood:.5f}, {fit.seconds:.1f} s")
        if fit.draws is not None:
            worth = f"{fit.draws.effective_sample_size:.0f} effective draws"
            print(f"  {worth}, k-hat {fit.draws.pareto_k:.2f}, {fit.draws.method}")


if __name__ == "__main__":
    main()
