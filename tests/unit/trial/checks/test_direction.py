"""Trials that plainly favor their experimental arms, and those of which nothing is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lupusim.model import LatentClass
from lupusim.scenario import load_scenario
from lupusim.trial import Better
from lupusim.trial.checks.direction import is_plainly_right


@pytest.mark.parametrize("name", ["two_rates", "survival_200_events"])
def test_a_trial_with_one_way_to_go_is_plainly_right_or_not(name: str) -> None:
    trial = load_scenario(name).points[0].trial
    assert is_plainly_right(trial)
    other = Better.FEWER if trial.primary.better is Better.MORE else Better.MORE
    assert not is_plainly_right(replace(trial, primary=replace(trial.primary, better=other)))


@pytest.mark.parametrize(
    "name", ["score_change", "event_rate", "phase2_remission_52w", "cohort_5y", "platform_regimens"]
)
def test_of_other_trials_nothing_is_said(name: str) -> None:
    assert not is_plainly_right(load_scenario(name).points[0].trial)


def test_of_an_endpoint_that_counts_who_stays_nothing_is_said() -> None:
    trial = load_scenario("two_rates").points[0].trial
    staying = replace(trial.primary, states=("no response",), better=Better.FEWER)  # type: ignore[call-arg]
    assert not is_plainly_right(replace(trial, primary=staying))


def test_of_classes_that_fare_otherwise_nothing_is_said() -> None:
    trial = load_scenario("two_rates").points[0].trial
    control, treated = trial.arms
    way = ("no response", "response")
    classes = (
        LatentClass(name="few", probability=0.1),
        LatentClass(name="most", probability=0.9, hazard_ratios={way: 0.01}),
    )
    # a higher hazard, of which nine in ten patients have a hundredth: fewer respond than control
    mixed = replace(treated, model=replace(treated.model, classes=classes))
    assert not is_plainly_right(replace(trial, arms=(control, mixed)))
