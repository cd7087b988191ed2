"""What is said of unusual data: counts that are not whole, columns that nobody reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from lupusim import calibrate
from lupusim.calibration.checking.remarks import remarks
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.targets.counts import EverCount, OccupancyCounts
from lupusim.calibration.targets.times import EventRate, MedianTime, SurvivalCurve
from lupusim.model.hazards import ExponentialHazard
from studies_for_tests import chain_model, free_rates, study
from tolerance import SEED

FREE = free_rates(chain_model(ExponentialHazard(rate=0.3), ExponentialHazard(rate=0.2)), middle=0.3)


def ill(count: float) -> OccupancyCounts:
    return OccupancyCounts(time=1.0, counts={("ill",): count}, n=26)


def test_counts_that_are_not_whole_are_taken_and_named() -> None:
    ever = EverCount(time=2.0, states=("ill",), count=3.5, n=8)
    (said,) = remarks(Likelihood(FREE, [study(ill(18.5)), study(ever)]))
    assert "18.5 of 26" in said
    assert "3.5 of 8" in said
    assert "not in" not in said  # what is left of a broken count is named with it
    assert "whole patients" in said


@pytest.mark.parametrize(
    "measure",
    [
        ill(18),
        MedianTime(states=("ill",), median=1.0, n=81),
        SurvivalCurve(states=("death",), times=(1.0,), survival=(0.853,), at_risk=(81,)),
        EventRate(origin=("ill",), to=("death",), events=3.5, person_years=20, until=3.0),
    ],
    ids=lambda measure: type(measure).__name__,
)
def test_nothing_is_said_of_counts_that_need_not_be_whole(measure: object) -> None:
    assert remarks(Likelihood(FREE, [study(measure)])) == ()


@pytest.mark.parametrize(
    "table",
    [
        "id,from,to,entry,exit,status,site,dose\n1,well,ill,0,1,1,A,2\n2,well,death,0,2,0,B,3\n",
        "id,time,state,site,dose\n1,0,well,A,2\n1,1,ill,A,2\n2,0,well,B,3\n2,1,well,B,3\n",
    ],
    ids=["stays", "panel"],
)
def test_columns_that_are_not_read_are_named(tmp_path: Path, table: str) -> None:
    file = tmp_path / "patients.csv"
    file.write_text(table, encoding="utf-8")
    fit = calibrate(file, model=FREE, seed=SEED, n_draws=0, n_starts=20)
    assert any("not read: site, dose." in sentence for sentence in fit.statements)
