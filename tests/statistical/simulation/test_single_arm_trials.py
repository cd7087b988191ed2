"""Single arms and Bayesian criteria, simulated whole, against enumeration."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

import lupusim
from lupusim.planning.runs.replicates import Simulator
from lupusim.planning.runs.run import run
from lupusim.planning.theory.power import exact_looks, formula_power, formula_powers
from lupusim.planning.theory.single_arm import exact_chances, exact_level
from lupusim.scenario import load_scenario, scenario_from_mapping
from scenario_contents import ONE_ARM
from tolerance import SEED, assert_within_mcse

N = 20_000
BASE = {**ONE_ARM, "dropout": {"per_year": 0.1}}
BETTER = {"on": ["alive -> death"], "hazard_ratio": 2.0}
TWO_ARMS = {
    "arms": [{"name": "placebo", "control": True}, {"name": "cells", "effects": [BETTER]}],
    "sample_size": 60,
}
PROBABLY = {"test": "posterior_probability", "null_rate": 0.18, "threshold": 0.9}
COMPARED = {"test": "posterior_difference", "threshold": 0.9}
BORROWED = {"responders": 10, "patients": 40, "weight": 0.5}
LOOKS = [
    {"when": {"information": 0.5}, "efficacy": {"spending": "pocock"}, "futility": {"z": 0.3}},
    {"when": {"last_patient": "6 months"}},
]


def trial(analysis, **changes):
    content = {**BASE, "analysis": analysis, **changes}
    given = {key: value for key, value in content.items() if value is not None}
    return scenario_from_mapping(given).points[0].trial


def share_mcse(share, n=N):
    return math.sqrt(share * (1 - share) / n)


@pytest.mark.parametrize(
    ("analysis", "changes"),
    [
        ({"test": "exact_binomial", "null_rate": 0.15}, {}),
        ({"test": "exact_binomial", "null_rate": 0.15, "sided": 2, "alpha": 0.05}, {}),
        ({"test": "exact_binomial", "null_rate": 0.15}, {"looks": LOOKS}),
        ({"test": "simon", "null_rate": 0.1, "alternative_rate": 0.3}, {"sample_size": None}),
        (PROBABLY, {}),
        ({**PROBABLY, "borrowing": {**BORROWED, "method": "robust_mixture"}}, {}),
        (COMPARED, TWO_ARMS),
        ({**COMPARED, "margin": 0.1, "borrowing": BORROWED}, TWO_ARMS),
    ],
)
def test_simulated_power_is_that_of_enumeration(analysis, changes):
    found = trial(analysis, **changes)
    exact = formula_power(found).value
    assert 0.02 < exact < 0.98
    power = Simulator(seed=SEED).tally(found, N).mean("reject")
    assert_within_mcse(power.value, exact, mcse=share_mcse(exact))


def test_two_stages_stop_as_often_and_as_early_as_their_design_says():
    found = trial({"test": "simon", "null_rate": 0.1, "alternative_rate": 0.3}, sample_size=None)
    chances = exact_looks(found)
    tally = Simulator(seed=SEED).tally(found, N)
    early = tally.mean("look_1_futility").value
    assert_within_mcse(early, chances.stops_early, mcse=share_mcse(chances.stops_early))
    analyzed = 10 * early + 29 * (1 - early)
    mcse = 19 * share_mcse(chances.stops_early)
    assert_within_mcse(analyzed, chances.expected_patients, mcse=mcse)
    # Patients keep coming while the first stage is awaited.
    assert tally.mean("n_enrolled").value > analyzed


def test_the_exact_level_is_the_share_of_rejections_at_the_null_rate():
    analysis = {"test": "simon", "null_rate": 0.2, "alternative_rate": 0.4}
    rate = -math.log(0.8)  # of responders by one year: 0.2, and nobody drops out
    changes = {"follow_up": "1 year", "visits": ["1 year"], "dropout": None, "sample_size": None}
    responder = {**BASE["endpoints"]["primary"], "at": "1 year"}
    slower = {"on": ["alive -> death"], "hazard_ratio": rate / math.log(2)}
    arms = [{"name": "cells", "effects": [slower]}]
    found = trial(analysis, arms=arms, endpoints={"primary": responder}, **changes)
    level = exact_level(found)
    assert exact_looks(found).power == pytest.approx(level, rel=1e-4)
    share = Simulator(seed=SEED).tally(found, N).mean("reject").value
    assert_within_mcse(share, level, mcse=share_mcse(level))
    with pytest.raises(AssertionError):  # negative control: a rate of 0.25 rejects more often
        assert_within_mcse(share, exact_chances(found, rate=0.25).power, mcse=share_mcse(level))


@pytest.mark.parametrize(
    "against", [{"hazard_per_year": 0.5}, {"survival": 0.7, "at": "1 year"}, {"model": "survival"}]
)
def test_the_twin_of_a_reference_has_as_many_events_as_expected(against):
    found = trial(
        {"test": "one_sample_logrank", "against": against},
        endpoints={"primary": {"kind": "survival"}},
        follow_up="24 months",
        visits=[],
        sample_size=200,
    )
    n = 4000
    twin = Simulator(seed=SEED).tally(found.null_twin(), n)
    level = twin.mean("reject").value
    # z is skewed: with 200 patients its level is a little below the normal one
    assert 0.015 < level < 0.025 + 4 * share_mcse(0.025, n)
    events, rate = twin.mean("events_cells"), twin.mean("event_rate_cells")
    assert events.value > 50
    hazard = found.analysis.test.against(np.array([1.0]))[0]
    # events / years is biased upwards by about one part in the number of events
    assert_within_mcse(rate.value * (1 - 1 / events.value), hazard, mcse=rate.mcse + 1e-3 * hazard)
    with pytest.raises(AssertionError):  # negative control
        assert_within_mcse(rate.value, 1.05 * hazard, mcse=rate.mcse)


def test_lachin_and_foulkes_know_enrollment_and_dropout():
    survival = {"endpoints": {"primary": {"kind": "survival"}}, "visits": []}
    slower = {"on": ["alive -> death"], "hazard_ratio": 0.65}
    arms = [{"name": "placebo", "control": True}, {"name": "cells", "effects": [slower]}]
    changes = {**survival, "arms": arms, "sample_size": 240, "follow_up": "18 months"}
    rising = {"kind": "piecewise", "breaks": ["6 months"], "per_month": [10, 30]}
    found = trial({"test": "logrank"}, enrollment=rising, **changes)
    theory, schoenfeld, lachin_foulkes = formula_powers(found)
    keys = (theory.key, schoenfeld.key, lachin_foulkes.key)
    assert keys == ("theory", "schoenfeld", "lachin_foulkes")
    power = Simulator(seed=SEED).tally(found, 4000).mean("reject")
    for formula in (theory, schoenfeld, lachin_foulkes):  # asymptotic, all
        assert abs(formula.value - power.value) < 0.02
    without = replace(found, dropout=replace(found.dropout, per_year=0.0))
    assert formula_powers(without)[2].value > lachin_foulkes.value + 0.01


def _power_in_two_stages(rate):
    """Return the power of: go on with 2 of 11 or more, succeed with 5 of 26 or more."""
    first, more = np.arange(2, 12), scipy.stats.binom(15, rate)
    return float((scipy.stats.binom.pmf(first, 11, rate) * more.sf(4 - first)).sum())


def test_what_is_known_without_simulation_stands_in_the_columns():
    result = run(load_scenario("single_arm_simon"), 50, seed=SEED)
    row = result.operating_characteristics.iloc[0]
    arm = load_scenario("single_arm_simon").points[0].trial.arms[0]
    in_remission = float(lupusim.occupancy(arm.model, [1.0])["complete_remission"].iloc[0])
    at_visit = in_remission * math.exp(-0.18)  # and has not left
    assert row["power_exact"] == pytest.approx(_power_in_two_stages(at_visit), abs=1e-4)
    assert row["type_one_error"] == pytest.approx(0.04757, abs=1e-5)
    assert row["type_one_error_mcse"] == 0
    assert 0 < row["stops_early_exact"] < 1
    assert 11 < row["patients_analyzed_exact"] < 26
    points = result.to_json()["points"]
    assert points[0]["power_exact"] == row["power_exact"]


def test_twins_under_other_references_are_not_compared_in_pairs():
    against = [{"hazard_per_year": 0.5}, {"hazard_per_year": 0.9}]
    content = {
        **BASE,
        "analysis": {"test": "one_sample_logrank", "against": against[0]},
        "endpoints": {"primary": {"kind": "survival"}},
        "visits": [],
        "vary": {"analysis.against": against},
    }
    found = run(scenario_from_mapping(content), 50, seed=SEED)
    assert [point.compared for point in found.points] == [None, None]
    del content["analysis"], content["vary"]
    rates = {"test": "exact_binomial", "null_rate": 0.15}
    content |= {**BASE, "analysis": rates, "vary": {"analysis.null_rate": [0.15, 0.2]}}
    pair = run(scenario_from_mapping(content), 50, seed=SEED).points[1].compared
    assert pair.differences()["power"].value <= 0  # a higher bar, for the same patients
