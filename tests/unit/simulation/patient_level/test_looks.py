"""What each look of one trial reports agrees with its bounds, and with what a run finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pandas import DataFrame
from scipy.stats import norm

from lupusim.analysis.group_sequential import FutilityBounds
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.multiplicity.procedures import Adjusted, Graphical, sequential_graph
from lupusim.endpoints import TimeToEvent
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.patient_level.tables import simulate_trial
from lupusim.trial import AtCalendarTime, AtEvents, Trial
from lupusim.trial.design import KnownEffect
from lupusim.trial.multiplicity import Family, Hypothesis
from trials import analysis, scenario, survival_trial

ALPHA = 0.025


def two_looks(**changes: object) -> Trial:
    values = {
        "n_patients": 200,
        "interims": (AtEvents(events=75),),
        "cutoff": AtEvents(events=150),
        "follow_up": np.inf,
        "stopping": GroupSequential(alpha=ALPHA),
        "hazard_ratio": 0.7,
    }
    return survival_trial(**{**values, **changes})


def looks_of(trial: Trial, seed: int) -> tuple[DataFrame, DataFrame]:
    found = simulate_trial(scenario(trial), engine="vector", seed=seed)
    return found.looks, found.decisions


@pytest.mark.parametrize("seed", range(8))
def test_a_bound_is_reached_just_where_every_p_value_says_so(seed):
    looks, decisions = looks_of(two_looks(), seed)
    assert len(looks) == len(decisions)
    reached = looks["z"] >= looks["efficacy_bound"]
    assert (reached == (looks["repeated_p_value"] <= ALPHA)).all()
    assert (reached == ~looks["repeated_upper"].ge(0)).all()  # a log hazard ratio below 0
    last = looks.iloc[-1]
    assert reached.iloc[-1] == (last["stagewise_p_value"] <= ALPHA)
    assert reached.iloc[-1] == (last["stagewise_upper"] <= 0)
    assert last["stagewise_lower"] < last["median_unbiased"] < last["stagewise_upper"]
    assert looks["stagewise_p_value"].iloc[:-1].isna().all()
    assert decisions["decision"].iloc[-1] in ("stops for efficacy", "succeeds", "fails")


@pytest.mark.parametrize("seed", range(4))
def test_the_median_unbiased_estimate_is_that_of_a_run(seed):
    trial = two_looks()
    asked = replace(trial, analysis=replace(analysis(), truth=KnownEffect(value=np.log(0.7))))
    found = simulate({"": asked}, Block(seed=seed, number=0, n_replicates=1))[""]
    looks, _ = looks_of(trial, seed)
    # a run interpolates on a grid of z
    assert looks["median_unbiased"].iloc[-1] == pytest.approx(
        found["unbiased_estimate"][0], abs=1e-4
    )


def test_a_look_that_is_skipped_reports_nothing():
    late = two_looks(interims=(AtCalendarTime(time=50.0),))
    looks, _ = looks_of(late, 1)
    assert looks["look"].tolist() == [2]


def test_a_look_before_anybody_came_reports_nothing():
    early = two_looks(interims=(AtCalendarTime(time=1e-6),))
    looks, _ = looks_of(early, 1)
    assert looks["look"].tolist() == [2]


def test_two_sided_looks_report_p_values_of_two_sides():
    stopping = GroupSequential(alpha=2 * ALPHA, sided=2)
    two = two_looks(stopping=stopping, analysis=analysis(alpha=2 * ALPHA, sided=2))
    (one, _), (other, _) = looks_of(two_looks(), 3), looks_of(two, 3)
    np.testing.assert_allclose(other["repeated_p_value"], 2 * one["repeated_p_value"], rtol=0.01)


def test_a_trial_with_one_look_reports_it():
    looks, _ = looks_of(survival_trial(), 1)
    (row,) = looks.to_dict("records")
    assert (row["look"], row["information"], row["hypothesis"]) == (1, 1.0, "cells")
    assert row["efficacy_bound"] == pytest.approx(norm.isf(ALPHA))
    assert row["p_value"] == pytest.approx(norm.sf(row["z"]))
    assert np.isnan(row["repeated_p_value"])


def test_a_skipped_look_with_a_futility_bound_is_no_row_and_the_last_has_what_is_left():
    rule = GroupSequential(alpha=ALPHA, futility=FutilityBounds(z=(0.0,)))
    late = two_looks(interims=(AtCalendarTime(time=50.0),), stopping=rule)
    looks, _ = looks_of(late, 1)
    assert looks["look"].tolist() == [2]
    assert looks["efficacy_bound"].tolist() == pytest.approx([norm.isf(ALPHA)])
    assert looks["stagewise_p_value"].iloc[0] == pytest.approx(norm.sf(looks["z"].iloc[0]))


def test_every_hypothesis_has_the_bound_of_its_share_of_alpha():
    test = analysis("logrank")
    other = Hypothesis(endpoint="again", name="logrank", test=test.test, effect=test.effect)
    sequence = Graphical.of(sequential_graph("fixed_sequence", 2, None))
    trial = two_looks(
        secondary=(TimeToEvent(name="again", events=("death",)),),
        family=Family(procedure=sequence, hypotheses=(other,)),
    )
    seen = set()
    for seed in range(12):
        looks, _ = looks_of(trial, seed)
        first, second = (looks[looks["hypothesis"] == name] for name in ("cells", "again: cells"))
        rejected = (first["z"] >= first["efficacy_bound"]).to_numpy()
        assert first["efficacy_bound"].iloc[0] == pytest.approx(2.962588, abs=1e-5)  # rpact
        share = np.isfinite(second["efficacy_bound"].to_numpy())
        np.testing.assert_array_equal(share, rejected)  # alpha is passed on at that look
        seen |= set(rejected.tolist())
    assert seen == {True, False}
    holm = replace(trial, interims=(), stopping=None)
    holm = replace(holm, family=replace(trial.family, procedure=Adjusted(method="holm")))
    assert looks_of(holm, 1)[0]["efficacy_bound"].isna().all()
