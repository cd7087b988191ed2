"""Profiles with a second valley: a search that ends there as well tells the limits of both."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lupusim.calibration.estimation.parameters import (
    FreeModel,
    FreeParameter,
    NormalPrior,
    Transform,
)
from lupusim.calibration.fit import fit_studies
from lupusim.calibration.targets.counts import OccupancyCounts
from lupusim.calibration.targets.times import EventRate
from lupusim.model.hazards import ExponentialHazard
from studies_for_tests import chain_model, study
from tolerance import SEED

DEATH, N, ILL, TIME = 0.25, 240, 74, 5.0
CRITICAL = 3.841458820694124


def free_onset() -> FreeModel:
    """Only the hazard of falling ill is free."""
    onset = FreeParameter(
        name="onset",
        places={"well -> ill.rate": 1.0},
        transform=Transform.LOG,
        prior=NormalPrior(mean=0.0, sd=2.0),
    )
    hazards = ExponentialHazard(rate=0.1), ExponentialHazard(rate=DEATH)
    return FreeModel(model=chain_model(*hazards), parameters=(onset,))


def deviances(onset: np.ndarray, events: int, years: float) -> np.ndarray:
    """By hand: who falls ill soon is dead by the look, so that many or few illnesses do as well."""
    ill = onset / (DEATH - onset) * (np.exp(-onset * TIME) - np.exp(-DEATH * TIME))
    heights = ILL * np.log(ill) + (N - ILL) * np.log1p(-ill)
    heights += events * np.log(onset * years) - onset * years
    return np.asarray(2 * (heights.max() - heights))


@pytest.mark.parametrize(("events", "years", "n_valleys"), [(2, 2.2, 1), (3, 3.0, 1), (9, 5.0, 0)])
def test_limits_lie_beyond_every_valley_that_the_search_met(
    events: int, years: float, n_valleys: int
) -> None:
    seen = OccupancyCounts(time=TIME, counts={("ill",): ILL}, n=N)
    rate = EventRate(origin=("well",), to=("ill",), events=events, person_years=years, until=0.5)
    studies = [study(seen, n_patients=N), study(rate)]
    fit = fit_studies(studies, free_onset(), seed=SEED)
    grid = np.exp(np.linspace(-5, 5, 40_001)) + 1e-12
    inside = grid[deviances(grid, events, years) < CRITICAL]
    pieces = 1 + int((np.diff(np.log(inside)) > 0.01).sum())
    assert pieces == 1 + n_valleys
    (row,) = fit.estimates.to_dict("records")
    limits = [math.log(row["lower"]), math.log(row["upper"])]
    np.testing.assert_allclose(limits, np.log(inside[[0, -1]]), atol=2e-3)
    assert ("met nearly as well" in row["verdict"]) == bool(n_valleys)
