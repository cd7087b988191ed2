"""Trials that plainly favor their experimental arms, and those of which nothing is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

import small_trials
from lupusim.endpoints import TimeToEvent
from lupusim.model import LatentClass
from lupusim.planning.theory.power import exact_power
from lupusim.scenario import load_scenario
from lupusim.trial import AtCalendarTime, Better, BiasedCoin, Infusions
from lupusim.trial.checks.at_a_glance import is_plainly_of_tables, is_plainly_right
from lupusim.trial.observation.visits import VisitConduct


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


PLAIN = small_trials.rates((0.2, 0.5), n_patients=40)
_control, _new = PLAIN.arms
_ANALYSIS = small_trials.analysis
_CLASSES = tuple(LatentClass(name=name, probability=0.5) for name in ("a", "b"))
_MIXED = replace(_control, model=replace(_control.model, classes=_CLASSES))
_TIMES = TimeToEvent(name="end", events=("ended",))
NOT_PLAIN = {
    "a test in strata": {"analysis": _ANALYSIS("cochran_mantel_haenszel")},
    "all tables at once": {"analysis": _ANALYSIS("barnard")},
    "times": {
        "primary": TimeToEvent(name="end", events=("ended",)),
        "analysis": _ANALYSIS("logrank"),
    },
    "hidden classes": {
        "arms": (replace(_control, model=replace(_control.model, classes=_CLASSES)), _new)
    },
    "infusions": {"arms": (_control, replace(_new, infusions=Infusions(cells_per_kg=1e6)))},
    "too few seen": {"cutoff": AtCalendarTime(time=1.5)},
    "who came before": {"allocation": BiasedCoin(probability=2 / 3)},
    "very many patients": {"n_patients": 24_000},
    "visits after the end": {"visit_conduct": VisitConduct(window=0.1)},
}


def test_two_arms_of_responders_are_plainly_known_by_tables() -> None:
    assert is_plainly_of_tables(PLAIN)
    assert exact_power(PLAIN) is not None
    rated = load_scenario("two_rates")
    assert all(is_plainly_of_tables(point.trial) for point in rated.points)


@pytest.mark.parametrize("change", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_of_whatever_is_more_than_that_nothing_is_said_at_a_glance(change) -> None:
    assert not is_plainly_of_tables(replace(PLAIN, **change))
