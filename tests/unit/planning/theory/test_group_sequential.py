"""Looks by theory: the same as rpact's, and as simulated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

import small_trials
from lupusim import load_scenario
from lupusim.analysis.group_sequential import BetaSpending, WangTsiatis
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.planning.runs.replicates import Simulator
from lupusim.planning.runs.run import run
from lupusim.planning.theory import survival
from lupusim.planning.theory.group_sequential import planned_bounds, sequential_theory
from lupusim.planning.theory.power import formula_columns, formula_power
from lupusim.report.run.table import operating_table
from lupusim.trial import (
    AfterPatients,
    AtCalendarTime,
    AtEvents,
    Dropout,
    PiecewiseEnrollment,
    UniformEnrollment,
)
from lupusim.trial.looks import Limited
from tolerance import SEED, assert_within_mcse
from trials import scenario

PLAIN = GroupSequential(alpha=0.025)


def three_looks(**changes):
    """Case of rpact's: 300 patients in two years, looks at 67, 134 and 200 events."""
    trial = load_scenario("survival_three_looks").points[0].trial
    return replace(trial, **changes)


def two_looks(shares=(0.3, 0.5), *, n_patients=180, **changes):
    """Looks at half and all responses at a year."""
    trial = small_trials.rates(shares, n_patients=n_patients)
    looks = (AfterPatients(patients=n_patients // 2, follow_up=1.0),)
    values = {"interims": looks, "stopping": GroupSequential(alpha=0.025, efficacy=CLASSIC)}
    return replace(trial, **{**values, **changes})


CLASSIC = WangTsiatis(delta=0.0)


@pytest.fixture
def near_one(monkeypatch):
    """Take the log-rank statistic as it is near a hazard ratio of 1, as rpact does."""
    monkeypatch.setattr(survival, "law_at_events", lambda *_: None)


@pytest.mark.usefixtures("near_one")
def test_looks_at_events_do_what_rpact_says():
    # rpact 3.3.4: getPowerSurvival(getDesignGroupSequential(kMax = 3, alpha = 0.025,
    # informationRates = c(67, 134, 200) / 200, typeOfDesign = "asOF"), lambda2 = log(2),
    # hazardRatio = 0.7, directionUpper = FALSE, maxNumberOfEvents = 200,
    # maxNumberOfSubjects = 300, accrualTime = c(0, 2), dropoutTime = 1,
    # dropoutRate1 = 1 - exp(-0.0512933), dropoutRate2 = 1 - exp(-0.0512933),
    # typeOfComputation = "Schoenfeld")
    theory = sequential_theory(three_looks())
    assert theory.power == pytest.approx(0.7071056825, abs=1e-8)
    np.testing.assert_allclose(
        theory.efficacy, [0.01252995468, 0.31791258711, 0.37666314068], atol=1e-8
    )
    np.testing.assert_allclose(theory.time, [1.421746642, 2.154501186, 3.159039641], atol=1e-4)
    np.testing.assert_allclose(theory.n_enrolled, [213.2619963, 300, 300], atol=0.01)
    expected = theory.expected()
    assert expected["events"] == pytest.approx(177.3512851, abs=1e-5)
    assert expected["patients"] == pytest.approx(298.9131767, abs=1e-3)
    assert expected["months"] == pytest.approx(12 * 2.817916017, abs=1e-3)


@pytest.mark.usefixtures("near_one")
def test_binding_futility_does_what_rpact_says():
    # The same with typeBetaSpending = "bsOF", beta = 0.1, bindingFutility = TRUE.
    futility = BetaSpending(spending="obrien_fleming", beta=0.1, binding=True)
    trial = three_looks(stopping=replace(PLAIN, futility=futility))
    plan, theory = planned_bounds(trial), sequential_theory(trial)
    np.testing.assert_allclose(plan.efficacy, [3.700233091, 2.504074924, 1.958906583], atol=1e-6)
    np.testing.assert_allclose(plan.futility[:2], [-0.7005840020, 0.9886349528], atol=1e-6)
    np.testing.assert_allclose(theory.futility[:2], [0.01537321322, 0.12828191013], atol=1e-7)
    assert theory.power == pytest.approx(0.6980014732, abs=1e-7)
    assert theory.expected()["events"] == pytest.approx(166.8404119, abs=1e-4)
    assert theory.efficacy.sum() + theory.futility.sum() == pytest.approx(1)


def test_theory_of_a_first_look_at_few_events_says_so():
    for events, doubt in ((19, True), (20, False)):
        looks = (AtEvents(events=events),)
        trial = three_looks(interims=looks, cutoff=AtEvents(events=60), n_patients=100)
        (table,) = operating_table(run(scenario(trial), 5, seed=SEED)).renderables
        (shown,) = table.columns
        assert shown["power, sequential theory"].endswith("; few events at look 1") == doubt


def test_simulated_looks_of_unequal_arms_are_those_of_theory():
    # 1:2, hazard ratio 0.65: Schoenfeld's drift gives 0.5395, far from the truth
    model = small_trials.survival(0.65, dropout=0.4, ratio=(1, 2))
    trial = replace(
        model,
        n_patients=260,
        enrollment=UniformEnrollment(duration=1.5),
        interims=(AtEvents(events=60),),
        cutoff=AtEvents(events=120),
        stopping=GroupSequential(
            alpha=0.025, futility=BetaSpending(spending="pocock", beta=0.2, binding=False)
        ),
        analysis=small_trials.analysis("logrank"),
    )
    theory = sequential_theory(trial)
    found = Simulator(seed=SEED).tally(trial, 4_000).mean("reject")
    assert_within_mcse(found.value, theory.power, mcse=found.mcse)
    assert abs(theory.power - 0.5395) > 0.02


def test_two_sided_looks_claim_on_both_sides():
    one = sequential_theory(three_looks())
    two = sequential_theory(three_looks(stopping=GroupSequential(alpha=0.05, sided=2)))
    assert one.power < two.power < one.power + 1e-4
    assert two.futility[:2].tolist() == [0, 0]


@pytest.mark.parametrize("name", ["pooled_z", "unpooled_z"])
def test_simulated_looks_at_responses_are_those_of_theory(name):
    trial = two_looks((0.3, 0.38), n_patients=900, analysis=small_trials.analysis(name))
    theory = sequential_theory(trial)
    n = 4000
    tally = Simulator(seed=SEED).tally(trial, n)
    for number, success in enumerate(theory.efficacy, 1):
        found = tally.mean(f"look_{number}_efficacy")
        assert_within_mcse(found.value, success, mcse=found.mcse)


def test_negative_control_another_difference_has_another_power():
    assert sequential_theory(two_looks()).power > sequential_theory(two_looks((0.3, 0.45))).power


def test_dropout_lowers_the_power_of_responses():
    lost = sequential_theory(two_looks(dropout=Dropout(per_year=0.2)))
    assert lost.power < sequential_theory(two_looks()).power - 0.02


@pytest.mark.parametrize(
    "changes",
    [
        {"interims": (AtCalendarTime(time=1.0),)},
        {"interims": (Limited(clock=AtCalendarTime(time=1.0)), AtEvents(events=100))},
        {"interims": ()},
    ],
)
def test_there_is_no_theory_where_the_information_is_not_planned(changes):
    assert planned_bounds(three_looks(**changes)) is None
    assert sequential_theory(three_looks(**changes)) is None


def test_there_is_no_theory_of_other_tests_but_bounds_are_planned_where_events_are_counted():
    trial = three_looks()
    counted = replace(trial, analysis=small_trials.analysis("subdistribution_logrank"))
    assert sequential_theory(counted) is None
    assert planned_bounds(counted) is not None
    assert "look_1_efficacy_bound" in formula_columns(counted)
    # the information of late differences is no number of events: nobody knows it before
    for name in ("fleming_harrington", "max_combo"):
        late = replace(trial, analysis=small_trials.analysis(name))
        assert planned_bounds(late) is None


def test_enrollment_in_pieces_is_that_in_one_where_its_rates_agree():
    pieces = PiecewiseEnrollment(breaks=(0.5,), rates_per_year=(150.0, 150.0))
    one, other = (sequential_theory(three_looks(**c)) for c in ({}, {"enrollment": pieces}))
    np.testing.assert_allclose(one.time, other.time, rtol=1e-9)
    np.testing.assert_allclose(one.n_enrolled, other.n_enrolled, rtol=1e-9)


def test_events_that_never_come_have_no_time():
    theory = sequential_theory(three_looks(cutoff=AtEvents(events=299)))
    assert np.isinf(theory.time[-1])
    assert formula_columns(three_looks(cutoff=AtEvents(events=299)))["months_theory"] is None


@pytest.mark.usefixtures("near_one")
def test_the_table_shows_theory_beside_the_simulation():
    found = run(scenario(three_looks()), 50, seed=SEED)
    (table,) = operating_table(found).renderables
    (shown,) = table.columns
    assert shown["power, sequential theory"] == "0.7071"
    assert shown["look 1, bounds on z as planned"] == "efficacy 3.7002"
    assert shown["look 2, the same by theory"] == "0.3179"
    assert formula_power(three_looks()).key == "theory"
    assert found.points[0].row()["events_theory"] == pytest.approx(177.3512851, abs=1e-5)


def test_events_to_be_expected_if_nothing_is_better_are_those_of_normal_steps_without_drift():
    """The first look by one normal number, the second by what Lan and DeMets let it spend."""
    alpha, looks = 0.025, np.array([67, 134, 200])
    spent = 2 * norm.sf(norm.isf(alpha / 2) / np.sqrt(looks / 200))
    stops = np.append(np.diff([0, *spent[:2]]), 1 - spent[1])
    theory = sequential_theory(three_looks())
    expected = theory.expected_if_alike()
    assert expected["events"] == pytest.approx(stops @ looks, abs=1e-4)
    assert abs(theory.expected()["events"] - expected["events"]) > 20  # another truth
    times = [when_alike(number) for number in looks]
    assert expected["months"] == pytest.approx(12 * (stops @ times), abs=1e-4)
    assert expected["patients"] == pytest.approx(stops @ np.minimum(times, 2) * 150, abs=1e-3)
    assert 12 * (stops @ theory.time) - expected["months"] > 3  # events come sooner
    (first, last), trial = (120, 180), load_scenario("time_to_event").points[0].trial
    plan = planned_bounds(trial)
    ends = norm.sf(plan.efficacy[0]) + norm.cdf(plan.futility[0])
    found = sequential_theory(trial).expected_if_alike()
    assert found["events"] == pytest.approx(first * ends + last * (1 - ends), abs=1e-4)


def when_alike(events):
    """Years until that many events of 300 who come within two years and die with median one."""
    dies, leaves, entry = np.log(2), 0.0512933, (np.arange(200_000) + 0.5) / 100_000

    def missing(time):
        stays = np.maximum(time - entry, 0)
        return 300 * np.mean(1 - np.exp(-(dies + leaves) * stays)) * dies / (dies + leaves) - events

    return brentq(missing, 0.1, 20)
