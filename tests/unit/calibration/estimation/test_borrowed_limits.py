"""Limits that hold only because another parameter is searched no further."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from lupusim.calibration.estimation.identifiability import Verdict
from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.fit import fit_studies
from lupusim.calibration.targets.times import EventRate
from lupusim.model.hazards import ExponentialHazard
from lupusim.scenario.calibrate import calibrate
from lupusim.scenario.files.calibration_block import free_model_from_mapping
from studies_for_tests import chain_model, free_rates, study
from tolerance import SEED

WAYS = {
    "remission": ("active -> remission",),
    "relapse": ("remission -> relapse",),
    "death": ("active -> death", "remission -> death", "relapse -> death"),
}
MODEL = free_model_from_mapping(
    {
        "schema": "lupusim/model/1",
        "name": "small series",
        "states": ["active", "remission", "relapse", "death"],
        "start": "active",
        "transitions": [
            {
                "from": way.split(" -> ")[0],
                "to": way.split(" -> ")[1],
                "hazard": {"family": "exponential", "rate": 0.1},
            }
            for ways in WAYS.values()
            for way in ways
        ],
        "calibration": {
            "parameters": [
                {
                    "name": name,
                    "places": {f"{way}.rate": 1.0 for way in ways},
                    "transform": "log",
                    "prior": {"mean": math.log(0.3), "sd": 1.0},
                }
                for name, ways in WAYS.items()
            ]
        },
    }
)
EVIDENCE = """schema: lupusim/evidence/1
name: small series
citation: made up
n_patients: 12
targets:
  - {{name: relapse, kind: ever_after, by: 2 years, first: [remission], then: [relapse],
      count: {relapsed}, n: 7, how_known: assumption, quote: none}}
  - {{name: remission, kind: ever, by: 2 years, states: [remission], count: 7, n: 12,
      how_known: assumption, quote: none}}
"""


def test_a_limit_from_another_parameters_bound_says_so_whichever_side_is_open(
    tmp_path: Path,
) -> None:
    """Nobody of seven relapsed, of whom all may have died at once: no rate is excluded."""
    path = tmp_path / "none.yaml"
    path.write_text(EVIDENCE.format(relapsed=0), encoding="utf-8")
    fit = calibrate(path, model=MODEL, seed=SEED)
    assert fit.identifiability.verdicts[1] is Verdict.BORROWED
    words = fit.estimates["verdict"][1]
    assert words.startswith("not identified: the upper limit")
    limit = fit.estimates["exact_limit"][1]
    assert limit > fit.estimates["upper"][1]
    assert f"(exact, as of nothing seen: {limit:.3g}) holds only as far as" in words
    assert "death is searched; the targets give no lower limit" in words


def test_nor_is_a_limit_known_that_rests_on_a_bound_where_the_estimate_stands(
    tmp_path: Path,
) -> None:
    """All seven relapsed: as fast as may be, so that remission and death may be fast, too."""
    path = tmp_path / "all.yaml"
    path.write_text(EVIDENCE.format(relapsed=7), encoding="utf-8")
    fit = calibrate(path, model=MODEL, seed=SEED)
    assert fit.best.free[1] > math.log(990)
    assert fit.identifiability.verdicts[0] is Verdict.BORROWED
    assert "only as far as relapse is searched" in fit.estimates["verdict"][0]


@pytest.mark.parametrize(
    ("events", "years", "bounds", "said"),
    [
        (10, 100.0, (0.01, 0.03), "bound 0.03, beyond which .* 'bounds'; up to there at least"),
        (5, 200_000.0, None, "bound 0.0001, beyond which .* 'bounds'; up to there at most"),
        (0, 100.0, None, "^at most .* nothing seen.* no lower limit$"),  # nothing lies beyond
        (10, 100.0, None, "^identified$"),
    ],
)
def test_an_estimate_at_a_bound_that_the_targets_would_pass_says_so(
    events: int, years: float, bounds: tuple[float, float] | None, said: str
) -> None:
    """10 events in 100 years are 0.1 a year, which a search up to 0.03 can't tell."""
    model = chain_model(ExponentialHazard(rate=0.02), states=("alive", "death"))
    (free,) = free_rates(model).parameters
    free_model = FreeModel(model=model, parameters=(replace(free, bounds=bounds),))
    rate = EventRate(origin=("alive",), to=("death",), events=events, person_years=years, until=5.0)
    (row,) = fit_studies([study(rate)], free_model, seed=SEED).estimate_rows()
    assert re.search(said, row["verdict"])
    assert row["identified"] == (said == "^identified$")
    assert math.isnan(row["exact_limit"]) == (events > 0)
