"""Tornado and Sobol indices on trials whose answers are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import small_trials
from lupusim.common.rng import stream
from lupusim.errors import ScenarioError
from lupusim.planning.sensitivity.one_at_a_time import Measure, sensitivity
from lupusim.planning.sensitivity.sobol import _indices, sobol
from lupusim.scenario.files.what_if import what_if
from lupusim.trial import BiasedCoin, Dropout
from tolerance import SEED

MEASURE = Measure(n_replicates=400, seed=SEED)


def build(values):
    trial = small_trials.rates((0.3, values.get("share", 0.5)), n_patients=100)
    dropout = Dropout(per_year=values.get("dropout", 0.1))
    size = int(values.get("sample_size", 100))
    return replace(trial, dropout=dropout, n_patients=size)


def test_the_widest_swing_comes_first_and_what_changes_nothing_is_exactly_zero():
    ranges = {"unused": (0.0, 1.0), "dropout": (0.0, 0.3), "share": (0.4, 0.6)}
    result = sensitivity(build, ranges, measure=MEASURE)
    assert [swing.path for swing in result.swings] == ["share", "dropout", "unused"]
    assert result.swings[-1].width.value == result.swings[-1].width.mcse == 0
    share = result.swings[0]
    assert share.at_low.value < result.base.value < share.at_high.value
    change = share.high_change.value - share.low_change.value
    assert change == pytest.approx(share.width.value)


def test_the_power_of_counts_is_exact_at_every_value():
    swing = sensitivity(build, {"dropout": (0.05, 0.15)}, measure=MEASURE).swings[0]
    for found, dropout in ((swing.at_low, 0.05), (swing.at_high, 0.15)):
        stays = math.exp(-dropout)
        rejects = pooled_z_rejects(50)
        chances = (stats.binom(50, share * stays).pmf(np.arange(51)) for share in (0.5, 0.3))
        new, control = chances
        assert found.value == pytest.approx(new @ rejects @ control, abs=1e-6)
        assert found.mcse == 0
    assert swing.width.value == pytest.approx(swing.at_high.value - swing.at_low.value)


def pooled_z_rejects(n):
    """Return which tables of two arms of so many patients a pooled z test at 0.025 rejects."""
    new, control = np.mgrid[0 : n + 1, 0 : n + 1] / n
    pooled = (new + control) / 2
    error = np.sqrt(pooled * (1 - pooled) * 2 / n)
    return (error > 0) & (new - control >= stats.norm.isf(0.025) * error - 1e-12)


def coin(values):
    """Return the same trial, whose arms' sizes depend on who came before."""
    return replace(build(values), allocation=BiasedCoin())


def test_common_random_numbers_make_differences_more_precise():
    swing = sensitivity(coin, {"dropout": (0.05, 0.15)}, measure=MEASURE).swings[0]
    assert swing.width.mcse < 0.7 * math.hypot(swing.at_low.mcse, swing.at_high.mcse)


def test_sizes_and_other_quantities_can_be_asked_for():
    measure = Measure(quantity="duration", n_replicates=200, seed=SEED)
    result = sensitivity(build, {"sample_size": (60, 200)}, measure=measure)
    assert result.swings[0].width.value > 0
    row = result.to_json()["swings"][0]
    assert row["path"] == "sample_size"
    assert row["at_low"] == result.table["at_low"].item()


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(ValueError, match="ranges is empty"):
        sensitivity(build, {})
    with pytest.raises(ValueError, match="must be two values"):
        sensitivity(build, {"dropout": (0.1, 0.2, 0.3)})
    with pytest.raises(ValueError, match="no 'happiness' to measure; it has duration"):
        sensitivity(
            build, {"dropout": (0, 1)}, measure=Measure(quantity="happiness", n_replicates=2)
        )
    with pytest.raises(ValueError, match="n_replicates=1 must be at least 2"):
        Measure(n_replicates=1)
    with pytest.raises(ValueError, match="at least two ranges"):
        sobol(build, {"dropout": (0, 1)})
    with pytest.raises(ValueError, match="is not increasing"):
        sobol(build, {"dropout": (1, 0), "share": (0.4, 0.6)})
    with pytest.raises(ValueError, match="n_trials=5 must be at least 12"):
        sobol(build, {"dropout": (0, 1), "share": (0.4, 0.6)}, n_trials=5)


def test_indices_of_a_known_surface_are_exact():
    # f = 2 x + y + 3 x y on (-1, 1): variances 4/3, 1/3 and 9/9 = 1 of the product, 8/3 in all.
    points = 2 * stream(SEED, "points").random((64, 2)) - 1
    x, y = points.T
    found = _indices(("x", "y"), points, 5 + 2 * x + y + 3 * x * y, SEED)
    assert found.first_order == pytest.approx([0.5, 0.125], abs=0.01)
    assert found.total == pytest.approx([0.875, 0.5], abs=0.01)
    assert found.explained == pytest.approx(1)
    assert found.mean == pytest.approx(5, abs=0.02)
    assert found.standard_deviation == pytest.approx(math.sqrt(8 / 3), rel=0.01)
    assert np.all(found.first_order_mcse < 1e-6)


def test_the_number_with_the_larger_effect_has_the_larger_index():
    ranges = {"share": (0.35, 0.65), "dropout": (0.0, 0.1)}
    found = sobol(build, ranges, measure=MEASURE, n_trials=24)
    assert found.table["path"].tolist() == ["share", "dropout"]
    assert found.table["total"].iloc[0] > 0.9
    assert found.explained > 0.9
    assert found.to_json()["n_trials"] == 24


def test_a_scenario_file_can_be_asked_what_if():
    build_packaged = what_if("survival_200_events")
    assert build_packaged({}).n_patients == 300
    changed = build_packaged({"sample_size": 320, "arms.experimental.effects.0.hazard_ratio": 0.8})
    assert changed.n_patients == 320
    assert changed.arms[1].effects[0].hazard_ratio == 0.8
    with pytest.raises(ScenarioError, match="Did you mean 'sample_size'"):
        build_packaged({"sample_sizes": 10})
    with pytest.raises(ScenarioError, match="is out of range"):
        build_packaged({"dropout.per_year": -1})
