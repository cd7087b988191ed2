"""Prices of a trial: what is counted, what is refused, what it comes to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.multiplicity.procedures import Adjusted
from lupusim.analysis.registry import TESTS
from lupusim.simulation.adaptation import (
    Against,
    BayesianResponse,
    ByThresholds,
    Enrichment,
    Gate,
    GateMeasure,
    SelectArms,
)
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block
from lupusim.trial import AtEvents, Dropout, Infusions, Trial
from lupusim.trial.multiplicity import Family, Hypothesis
from lupusim.trial.treatment.arms import Switch
from lupusim.trial.treatment.costs import Costs
from lupusim.trial.treatment.supply import Manufacture, Supply
from tolerance import SEED, assert_within_mcse
from trials import disease_trial, exponential_arm, survival_trial
from trials_adaptive import AT, adaptive_trial
from trials_staged import enrichment_trial, gate_trial, selection_trial


def cells(**more: object) -> Infusions:
    return Infusions(cells_per_kg=1e6, at=(0.0, 0.5), **more)


def priced(costs: Costs, **changes: object) -> Trial:
    arms = (exponential_arm("control", 0.8), exponential_arm("cells", 0.8, infusions=cells()))
    return survival_trial(**{"arms": arms, "visits": (0.25, 1.0), "costs": costs, **changes})


def found(trial: Trial, n_replicates: int = 50) -> dict[str, np.ndarray]:
    return simulate({"": trial}, Block(seed=SEED, number=0, n_replicates=n_replicates))[""]


@pytest.mark.parametrize(
    ("prices", "message"),
    [
        ({}, "nothing costs anything"),
        ({"fixed": -1.0}, "fixed=-1.0 must be a finite number"),
        ({"per_month": np.inf}, "per_month=inf"),
    ],
)
def test_a_price_is_a_number_and_not_all_are_zero(prices: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Costs(**prices)


def test_a_trial_costs_its_patients_candidates_and_months() -> None:
    costs = Costs(fixed=100.0, per_patient=2.0, per_screened=3.0, per_month=0.5)
    shown = found(priced(costs))
    months = 12 * shown["duration"]
    np.testing.assert_allclose(shown["cost"], 100 + (2 + 3) * 60 + 0.5 * months)
    assert "cost" not in found(survival_trial())


def test_visits_and_infusions_are_paid_while_patients_live_and_are_followed() -> None:
    dropout = Dropout(per_year=0.4)
    shown = found(priced(Costs(per_visit=1.0), dropout=dropout), 400)["cost"]
    there = [np.exp(-(0.8 + 0.4) * time) for time in (0.25, 1.0)]
    assert_within_mcse(shown.mean(), 60 * sum(there), mcse=shown.std() / 20)
    shown = found(priced(Costs(per_infusion=1.0), dropout=dropout), 400)["cost"]
    expected = 30 * (1 + np.exp(-(0.8 + 0.4) * 0.5))
    assert_within_mcse(shown.mean(), expected, mcse=shown.std() / 20)
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(shown.mean(), 60.0, mcse=shown.std() / 20)


def test_the_last_visit_of_the_last_patient_is_paid() -> None:
    still = (exponential_arm("control", 1e-9), exponential_arm("cells", 1e-9))
    shown = found(priced(Costs(per_visit=1.0), arms=still, visits=(0.0, 2.0)))
    np.testing.assert_array_equal(shown["cost"], 120.0)


def test_what_is_not_enrolled_when_a_trial_ends_is_not_paid() -> None:
    early = priced(Costs(per_patient=1.0), cutoff=AtEvents(events=5), follow_up=np.inf)
    shown = found(early)
    assert shown["cost"].max() < 60
    np.testing.assert_array_equal(shown["cost"], shown["n_enrolled"])


def test_an_adaptive_trial_is_priced_by_patients_and_months() -> None:
    rule = BayesianResponse(success=0.99, against=Against.CONTROL)
    trial = adaptive_trial(rule, 0.5, n_looks=3, n_patients=60, costs=Costs(per_patient=2.0))
    shown = found(trial)
    np.testing.assert_array_equal(shown["cost"], 2 * shown["n_enrolled"])


@pytest.mark.parametrize("reallocate", [False, True])
def test_patients_whom_an_interim_look_lets_in_have_their_visits(reallocate: bool) -> None:
    rule = SelectArms(keep=1, reallocate=reallocate)
    costs = Costs(per_visit=1.0, per_screened=10.0)
    shown = found(selection_trial(rule, 0.3, 0.4, costs=costs, visits=(0.0, AT)))
    # nobody dies or leaves, and the last look is after the last patient's last visit
    np.testing.assert_array_equal(shown["cost"], (2 + 10) * shown["n_enrolled"])
    assert (shown["n_enrolled"] == 400).all() == reallocate


def test_who_is_turned_away_from_an_enriched_trial_was_screened() -> None:
    choice = ByThresholds(everybody=1.0, subgroup=-9.0)
    rule = Enrichment(factor="marker", level="high", choice=choice)
    costs = Costs(per_visit=1.0, per_screened=10.0)
    shown = found(enrichment_trial(rule, costs=costs, visits=(0.0, AT)))
    screened = shown["n_enrolled"] + shown["turned_away"]
    np.testing.assert_array_equal(shown["cost"], 2 * shown["n_enrolled"] + 10 * screened)
    assert (shown["turned_away"] > 0).any()


def test_a_trial_that_a_gate_stops_pays_the_visits_until_then() -> None:
    early = Hypothesis(endpoint="early", name="pooled_z", test=TESTS["pooled_z"], effect="d")
    gate = Gate(early=early, measure=GateMeasure.Z, at_least=9.0)
    shown = found(gate_trial(gate, costs=BY_VISIT, visits=(AT / 2, AT)))
    assert shown["gate_stopped"].all()
    # 300 come in two years; at the stop the first 100 have had the first visit
    assert (shown["cost"] >= 100).all()
    assert (shown["cost"] < 2 * shown["n_enrolled"]).all()


def test_the_months_of_a_trial_that_never_ends_have_no_price() -> None:
    calm = (exponential_arm("control", 1e-9), exponential_arm("cells", 1e-9))
    endless = {"arms": calm, "cutoff": AtEvents(events=20), "follow_up": np.inf, "visits": (1.0,)}
    assert np.isnan(found(priced(Costs(per_month=1.0), **endless))["cost"]).all()
    np.testing.assert_array_equal(found(priced(BY_VISIT, **endless))["cost"], 60.0)


BY_VISIT, BY_INFUSION = Costs(per_visit=1.0), Costs(per_infusion=1.0)
RULE = BayesianResponse(success=0.99, against=Against.CONTROL)


@pytest.mark.parametrize(
    ("make", "changes", "message"),
    [
        (priced, {"costs": BY_VISIT, "visits": ()}, "the trial has no visits"),
        (survival_trial, {"costs": BY_INFUSION}, "no arm has infusions"),
        (adaptive_trial, {"costs": Costs(per_screened=1.0)}, "under this adaptation"),
        (
            priced,
            {"costs": BY_VISIT, "interims": (AtEvents(events=9),), "cutoff": AtEvents(events=20)},
            "where arms close at a look",
        ),
    ],
)
def test_what_is_not_counted_has_no_price(make: object, changes: dict, message: str) -> None:
    if make is adaptive_trial:
        arguments: tuple[object, ...] = (RULE, 0.5)
        changes = {"n_looks": 3, "n_patients": 60, **changes}
    elif make is priced:
        changes = dict(changes)
        arguments = (changes.pop("costs"),)
        if "interims" in changes:
            changes |= {"family": Family(procedure=Adjusted(method="holm")), "follow_up": np.inf}
    else:
        arguments = ()
    with pytest.raises(ValueError, match=message):
        make(*arguments, **changes)


def test_infusions_that_depend_on_the_course_have_no_price() -> None:
    control, treated = disease_trial().arms
    again = replace(treated, infusions=cells(again_on=("relapse",)))
    with pytest.raises(ValueError, match="given again on relapse"):
        disease_trial(arms=(control, again), costs=BY_INFUSION)
    switch = Switch(on=("relapse",), arm=treated)
    with pytest.raises(ValueError, match="after a switch"):
        disease_trial(arms=(replace(control, switch=switch), treated), costs=BY_INFUSION)
    supply = Supply(lots=Manufacture(doses=20), at_start=50)
    with pytest.raises(ValueError, match="that a supply puts off"):
        priced(BY_INFUSION, supply=supply)
