"""The search for a size: where it goes, what it refuses, what it returns."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import small_trials
from lupusim.analysis.multiplicity.procedures import Adjusted
from lupusim.analysis.proportions import score_interval
from lupusim.analysis.registry import TESTS
from lupusim.errors import NoExactSolutionError
from lupusim.planning.runs.replicates import (
    Simulator,
    derived_seed,
    mean_of,
    score_of,
    simulate_replicates,
)
from lupusim.planning.sample_size import search as searching
from lupusim.planning.sample_size.by_tables import is_known_without_patients
from lupusim.planning.sample_size.drawn import DrawnPowers
from lupusim.planning.sample_size.events import (
    event_in_words,
    hypotheses,
    last_look,
    measured,
    quantity_of,
)
from lupusim.planning.sample_size.exact import ExactPowers
from lupusim.planning.sample_size.frontier import sizes
from lupusim.planning.sample_size.growth import (
    EventsInProportion,
    Patients,
    affordable_precision,
    has_several_designs,
    left_out,
    most_enrolled,
    only_decided,
    sizing_of,
)
from lupusim.planning.sample_size.options import Search, checks_of
from lupusim.planning.sample_size.probit_line import (
    NORMAL,
    Batch,
    evenly_worth,
    fewest_known,
    fit_line,
    known_worth,
    n_counted,
)
from lupusim.planning.sample_size.results import PowerNotReachedError
from lupusim.planning.sample_size.search import find_size, sample_size
from lupusim.planning.theory.counts import claims
from lupusim.planning.theory.group_sequential import sequential_theory
from lupusim.report.questions.answers import size_sentence
from lupusim.scenario import load_scenario
from lupusim.simulation.adaptation import BayesianResponse, PromisingZone
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks import true_effect
from lupusim.simulation.tally import Mean
from lupusim.trial import (
    AtCalendarTime,
    AtEvents,
    Better,
    Dropout,
    PermutedBlocks,
    PoissonEnrollment,
    SimpleRandomization,
)
from lupusim.trial.design import SimulatedEffect
from lupusim.trial.enrollment.arm_periods import OnceOnArm, OnceRandomized, OnDate
from lupusim.trial.looks import AfterPatients, AtEventsOf, WhenAll, WhenAny
from lupusim.trial.multiplicity import Family
from lupusim.trial.scenario import DesignPoint, Scenario
from tolerance import SEED, assert_within_mcse
from trials import survival_trial
from trials_adaptive import adaptive_trial
from trials_platform import platform_trial

QUICK = Search(seed=SEED, precision=0.1)


def _three_arms():
    """Two experimental arms, Bonferroni, the second the better one."""
    trial = small_trials.rates((0.3, 0.5))
    control, new = trial.arms
    other = small_trials.rates((0.3, 0.55)).arms[1]
    arms = (control, replace(new, name="low"), replace(other, name="high"))
    return replace(
        trial, arms=arms, family=Family(procedure=Adjusted(method="bonferroni")), allocation=None
    )


@pytest.fixture(scope="module")
def found():
    trial = small_trials.rates((0.2, 0.5))
    return find_size(Patients(trial=trial), 0.8, search=QUICK)


def test_the_answer_lies_in_its_interval_and_in_whole_turns_of_the_ratio(found):
    low, high = found.interval
    assert low <= found.n_patients <= high
    assert found.n_patients % 2 == 0
    assert found.reached
    assert found.n_events is None


def test_the_json_has_exactly_the_promised_keys(found):
    assert found.to_json() == {
        "n_patients": found.n_patients,
        "interval": list(found.interval),
        "power": found.power,
        "power_mcse": found.power_mcse,
        "power_exact": found.exact_power,
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_where_power_is_known_exactly_the_size_is_the_smallest_that_reaches_it(seed):
    # Fisher's test, two-sided, 35 % against 60 %: every size from 100 to 200 by SciPy
    trial = replace(
        small_trials.rates((0.35, 0.6)),
        analysis=small_trials.analysis("fisher_exact"),
        allocation=PermutedBlocks(block_size=2),
    )
    fisher = small_trials.at_level(trial, 0.05, 2)
    found = find_size(Patients(trial=fisher), 0.8, search=replace(QUICK, seed=seed))

    def power(n):
        x, y = np.mgrid[0 : n + 1, 0 : n + 1]
        p_values = np.ones(x.shape)
        for m in range(2 * n + 1):
            a = np.arange(max(0, m - n), min(n, m) + 1)
            likely = stats.hypergeom(2 * n, m, n).pmf(a)
            less = likely[:, None] <= likely * (1 + 1e-7)
            p_values[a, m - a] = (likely[:, None] * less).sum(axis=0)
        chances = stats.binom(n, 0.6).pmf(x) * stats.binom(n, 0.35).pmf(y)
        return (chances * (p_values <= 0.05)).sum()

    n = found.n_patients // 2
    assert found.exact_power == pytest.approx(power(n), abs=1e-6)
    assert found.exact_power >= 0.8 > power(n - 1)
    assert found.interval == (found.n_patients, found.n_patients)
    assert found.reached


def test_a_size_that_no_exact_power_reaches_is_refused_and_others_are_left_to_the_search():
    exact = ExactPowers(Patients(trial=small_trials.rates((0.35, 0.6))))
    with pytest.raises(PowerNotReachedError, match="with 60 patients it is exactly 0"):
        exact.smallest(0.99, 40, 60)
    alike = ExactPowers(Patients(trial=small_trials.rates((0.35, 0.35))))
    with pytest.raises(PowerNotReachedError, match="Both arms respond alike"):
        alike.smallest(0.8, 40, 20_000)
    assert list(alike.known) == [40]
    fewer = small_trials.rates((0.6, 0.3))
    worse = replace(fewer, primary=replace(fewer.primary, better=Better.MORE))
    with pytest.raises(PowerNotReachedError, match="The effect goes the wrong way: look at 'bett"):
        ExactPowers(Patients(trial=worse)).smallest(0.8, 40, 200)
    survival = ExactPowers(Patients(trial=small_trials.survival(0.7)))
    assert survival.smallest(0.8, 400, 900) is None


def test_an_exact_size_costs_few_replicates_and_shows_the_teeth_of_its_power(found):
    assert found.n_replicates == 4_000
    assert (found.curve["power_mcse"] == 0).all()
    sizes = found.curve["n_patients"].tolist()
    step = found.sizing.step
    teeth = range(found.n_patients - 4 * step, found.n_patients + 5 * step, step)
    assert set(teeth) <= set(sizes)
    assert found.best_known_power == Mean(value=found.exact_power, mcse=0.0)
    mcse = math.sqrt(found.exact_power * (1 - found.exact_power) / 4_000)
    assert_within_mcse(found.power, found.exact_power, mcse=mcse)


def test_a_confirmation_is_as_precise_as_the_size_and_no_curve_is_simulated_unasked(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(ExactPowers, "smallest", lambda *_: None)
        patch.setattr(searching, "answer_by_tables", lambda _: None)
        _confirms_as_precisely_as_asked()
    exact = find_size(
        Patients(trial=small_trials.rates((0.3, 0.5))), 0.8, search=replace(QUICK, curve_at=())
    )
    assert exact.curve["n_patients"].tolist() == [exact.n_patients]


def _confirms_as_precisely_as_asked():
    sizing = Patients(trial=_three_arms())
    (coarse, known), (finer, _) = (
        [
            find_size(
                sizing, 0.6, search=replace(QUICK, precision=precision, curve_at=(), event=event)
            )
            for event in ("all", "any")
        ]
        for precision in (0.1, 0.04)
    )
    assert (coarse.confirmed.n, finer.confirmed.n) == (2_000, 2_500)
    assert known.confirmed.n == 500  # whose chance is known in law, so that each tells more
    assert known.power_mcse < math.sqrt(0.6 * 0.4 / 2_000)
    assert coarse.curve["n_patients"].tolist() == [coarse.n_patients]


def test_replicates_that_are_worth_more_confirm_in_fewer_and_large_trials_check_in_fewer():
    fine = Search(seed=SEED, precision=0.005)
    assert [fine.to_confirm(worth) for worth in (0.5, 1.0, 5.0, 80.0)] == [
        20_000,
        20_000,
        4_000,
        500,
    ]
    assert Search(seed=SEED, precision=0.001).to_confirm(1.0) == 50_000
    assert Search(seed=SEED, precision=0.2).to_confirm(2.0) == 1_000
    assert [checks_of(n) for n in (100, 1_000, 9_000)] == [4_000, 500, 250]


def test_batches_whose_chance_is_known_in_law_weigh_by_what_they_show_together():
    counted = Batch(size=10, n_replicates=300, n_rejected=150)
    one, other = (
        Batch(size=size, n_replicates=n, n_rejected=n / 2, worth=worth)
        for size, n, worth in ((10, 100, 2.0), (11, 300, 6.0))
    )
    # errors are those of 50 and 50 trials more: 400 tell as much as 1,600 / 4
    assert known_worth([counted, one, other]) == pytest.approx(400 / (50 + 50))
    assert known_worth([counted]) == 1.0
    assert n_counted([counted, one, other]) == pytest.approx(300 + 200 + 1_800)
    assert [batch.worth for batch in evenly_worth([counted, one, other])] == [1.0, 4.0, 4.0]
    assert fewest_known([counted, one, other]) == 100
    assert fewest_known([counted]) == 0


def test_power_can_be_asked_of_any_all_or_one_hypothesis(monkeypatch):
    monkeypatch.setattr(claims, "_WORK", 1_600_000)
    trial = _three_arms()
    names = hypotheses(trial)
    assert {quantity_of(trial, name) for name in ("any", "all", *names)} >= {"reject", "reject_all"}
    with pytest.raises(ValueError, match="event 'nonsense' is no hypothesis of the trial"):
        quantity_of(trial, "nonsense")
    found = {
        event: find_size(Patients(trial=trial), 0.7, search=replace(QUICK, event=event))
        for event in ("any", "all", names[1])
    }
    patients = [one.n_patients for one in found.values()]
    assert patients[0] < patients[2] < patients[1]
    assert [one.event for one in found.values()] == [
        "any of the hypotheses",
        "all hypotheses",
        f"the hypothesis {names[1]}",
    ]
    assert found["all"].to_json()["power_of"] == "all hypotheses"
    again = Simulator(seed=SEED).tally(found["all"].sizing.at(found["all"].size), 1_000)
    mean = again.mean("reject_all")
    assert_within_mcse(mean.value, 0.7, mcse=math.hypot(mean.mcse, 0.02))
    plain = small_trials.rates((0.2, 0.5))
    assert quantity_of(plain, "all") == "reject"
    assert event_in_words("reject", measured(plain)) == ""


def test_the_last_look_is_told_beside_the_mean_that_early_stops_make():
    trial = load_scenario("survival_three_looks").points[0].trial
    found = find_size(sizing_of(trial), 0.8, search=QUICK)
    assert found.final_look is not None
    assert found.final_look.value > found.duration.value + 0.2
    theory = sequential_theory(found.sizing.at(found.size))
    assert found.final_look.value == pytest.approx(theory.time[-1], rel=0.03)
    assert found.to_json()["final_look"] == found.final_look.value
    rare = replace(trial, dropout=Dropout(per_year=0.4))
    tally = Simulator(seed=SEED).tally(rare, 400)
    assert last_look(tally, 3)["never_reached"].value > 0.5


def test_the_curve_rises_through_the_answer(found):
    curve = found.curve
    assert list(curve.columns) == ["n_patients", "power", "power_mcse"]
    assert curve["n_patients"].is_monotonic_increasing
    assert curve["power"].iloc[0] < found.target < curve["power"].iloc[-1]
    at_answer = curve.loc[curve["n_patients"] == found.n_patients, "power"].item()
    assert at_answer == found.exact_power


def test_the_same_seed_gives_the_same_answer(found):
    trial = small_trials.rates((0.2, 0.5))
    again = sample_size(small_trials.scenario(trial), 0.8, seed=SEED, precision=0.1)
    assert again.to_json() == found.to_json()
    assert again.curve.equals(found.curve)


def test_the_start_hardly_matters_for_the_answer(found):
    for n_patients in (4, 3000):
        trial = small_trials.rates((0.2, 0.5), n_patients=n_patients)
        other = find_size(Patients(trial=trial), 0.8, search=QUICK)
        assert abs(other.n_patients / found.n_patients - 1) < 0.2


def test_arms_that_are_alike_within_a_margin_have_a_size():
    """All tables of the unpooled z test against a margin of 0.2, by two binomials."""
    test = TESTS["unpooled_z"].with_parameters({"margin": 0.2})
    trial = small_trials.rates((0.6, 0.6))
    trial = replace(trial, analysis=replace(trial.analysis, name="unpooled_z", test=test))
    size = ExactPowers(Patients(trial=trial)).smallest(0.7, 60, 20_000)

    def power(n):
        x, y = np.meshgrid(np.arange(n + 1) / n, np.arange(n + 1) / n, indexing="ij")
        spread = np.sqrt((x * (1 - x) + y * (1 - y)) / n)
        claims = (x - y + 0.2) / np.where(spread > 0, spread, np.inf) >= stats.norm.isf(0.025)
        chance = stats.binom(n, 0.6).pmf(np.arange(n + 1))
        return chance @ claims @ chance

    assert power(size // 2) >= 0.7 > power(size // 2 - 1)


def test_more_power_asks_for_more_patients(found):
    trial = small_trials.rates((0.2, 0.5))
    assert find_size(Patients(trial=trial), 0.95, search=QUICK).n_patients > found.n_patients


def test_an_effect_of_zero_is_refused_with_the_power_at_the_limit():
    scenario = small_trials.scenario(small_trials.rates((0.3, 0.3)))
    with pytest.raises(PowerNotReachedError, match="Both arms respond alike") as caught:
        sample_size(scenario, 0.9, seed=SEED, max_patients=400)
    assert caught.value.power.value < 0.06
    copied = pickle.loads(pickle.dumps(caught.value))
    assert str(copied) == str(caught.value)
    assert copied.power == caught.value.power


@pytest.mark.parametrize("power", [0.025, 0.01, 0.0, 1.0, 1.5, float("nan")])
def test_a_power_outside_of_level_and_one_is_refused(power):
    with pytest.raises(ValueError, match=r"must lie between the test's level, 0\.025, and 1"):
        sample_size(small_trials.scenario(small_trials.rates((0.2, 0.5))), power)


def test_a_power_that_was_taken_for_a_percentage_is_told_as_one():
    with pytest.raises(
        ValueError, match=r"power=0\.015, which is 1\.5 %, must lie .* 0\.9 or 90 %"
    ):
        sample_size(small_trials.scenario(small_trials.rates((0.2, 0.5))), 0.015)


def test_a_trial_without_a_test_has_no_size():
    trial = small_trials.rates((0.2, 0.5))
    estimating = replace(trial, arms=trial.arms[:1], analysis=None)
    with pytest.raises(ValueError, match="the trial has no test"):
        sample_size(small_trials.scenario(estimating))


def test_a_trial_that_posterior_probabilities_decide_is_not_searched() -> None:
    trial = adaptive_trial(BayesianResponse(), 0.5)
    with pytest.raises(ValueError, match="several sizes in 'vary'"):
        find_size(Patients(trial=trial), 0.9, search=Search(seed=SEED))


def test_several_designs_are_refused_and_named():
    scenario = small_trials.scenario(small_trials.rates((0.2, 0.5)), small_trials.rates((0.2, 0.4)))
    with pytest.raises(ValueError, match=r"has 2 designs \(design = 0; design = 1\)"):
        sample_size(scenario)


def test_designs_that_differ_in_size_alone_are_one():
    points = tuple(
        DesignPoint(values={"sample_size": n}, trial=small_trials.rates((0.1, 0.6), n_patients=n))
        for n in (20, 40)
    )
    scenario = Scenario(name="sizes", title="", question="", points=points, seed=SEED)
    assert sample_size(scenario, 0.8, precision=0.2).n_patients < 60


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"precision": 0.0}, "precision=0.0 must lie between 0 and 1"),
        ({"max_patients": 3}, "max_patients=3 must be at least 4"),
        ({"max_replicates": 1}, "max_replicates=1 must be"),
    ],
)
def test_a_search_out_of_range_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Search(seed=1, **wrong)


def test_a_limit_below_the_smallest_trial_is_refused():
    trial = small_trials.rates((0.2, 0.5), ratio=(1, 5))
    with pytest.raises(ValueError, match="max_patients=6 allows no trial: the smallest has 12"):
        find_size(Patients(trial=trial), 0.8, search=Search(seed=1, max_patients=6))


def test_an_event_driven_trial_grows_in_events_and_patients():
    sizing = sizing_of(small_trials.survival(0.5))
    assert isinstance(sizing, EventsInProportion)
    assert (sizing.start, sizing.step, sizing.unit) == (300, 1, "events")
    grown = sizing.at(101)
    assert grown.cutoff == AtEvents(events=101)
    assert grown.n_patients == 152
    assert (sizing.smallest, sizing.largest(900)) == (2, 600)
    with pytest.raises(ValueError, match="not cut at a number of events"):
        EventsInProportion(trial=small_trials.rates((0.2, 0.5)))
    found = find_size(sizing, 0.8, search=QUICK)
    assert found.to_json()["n_events"] == found.size == found.n_events
    assert "n_events" in found.curve


def test_looks_that_count_patients_or_events_grow_with_the_trial():
    trial = small_trials.survival(0.7)
    both = WhenAll(conditions=(AtEvents(events=90), AfterPatients(patients=90, follow_up=0.5)))
    grown = Patients(trial=replace(trial, cutoff=both, follow_up=5.0)).at(900)
    assert grown.cutoff == WhenAll(
        conditions=(AtEvents(events=180), AfterPatients(patients=180, follow_up=0.5))
    )


def test_arms_that_join_or_close_by_numbers_do_so_in_proportion_and_by_dates_as_they_did():
    trial = platform_trial(
        joins=(None, OnceRandomized(patients=80)), closes=(OnceOnArm(patients=60), None)
    )
    grown = Patients(trial=trial).at(400)
    assert grown.arms[2].joins == OnceRandomized(patients=160)
    assert grown.arms[1].closes == OnceOnArm(patients=120)
    assert grown.arms[0] is trial.arms[0]
    dated = platform_trial(joins=(None, OnDate(time=0.5)), closes=(OnDate(time=1.0), None))
    assert Patients(trial=dated).at(400).arms == dated.arms


def test_a_planned_size_grows_with_the_trial():
    rule = PromisingZone(planned=100)
    trial = small_trials.survival(0.7)
    looks = (AtEvents(events=50),)
    zone = replace(trial, adaptation=rule, interims=looks, cutoff=AtEvents(events=200))
    grown = EventsInProportion(trial=zone).at(400)
    assert grown.adaptation == PromisingZone(planned=200)
    assert grown.interims == (AtEvents(events=100),)


def test_a_test_that_fixes_its_size_is_not_searched():
    with pytest.raises(ValueError, match="own design has 26 patients, the smallest for its rates"):
        sizing_of(load_scenario("single_arm_simon").points[0].trial)


def test_several_or_costly_designs_are_searched_less_precisely_by_default():
    plain, costly = Patients(trial=small_trials.rates((0.2, 0.5))), Patients(trial=platform_trial())
    large = Patients(trial=platform_trial(n_patients=1200))
    assert affordable_precision([]) == affordable_precision([plain]) == 0.01
    assert affordable_precision([plain] * 4) == affordable_precision([costly]) == 0.02
    assert affordable_precision([large]) == 0.04
    assert affordable_precision([large, large]) == 0.05


def test_sizes_that_are_varied_are_said_to_be_left_out():
    points = tuple(
        DesignPoint(values={"sample_size": n, "x": n}, trial=small_trials.rates((0.1, 0.6)))
        for n in (20, 40)
    )
    scenario = Scenario(name="sizes", title="", question="", points=points, seed=SEED)
    assert left_out(scenario) == ["sample_size"]
    assert has_several_designs(scenario)


def test_sizes_go_one_by_one_where_nothing_is_permuted_or_the_ratio_is_odd():
    trial = small_trials.rates((0.2, 0.5), ratio=(2, 4))
    assert (Patients(trial=trial).step, Patients(trial=trial).smallest) == (3, 6)
    simple = replace(trial, allocation=SimpleRandomization())
    assert Patients(trial=simple).step == 1
    assert Patients(trial=small_trials.rates((0.2, 0.5), ratio=(6, 13))).step == 1


def test_the_line_goes_through_powers_that_lie_on_one():
    sizes = np.array([80, 100, 120])
    powers = [NORMAL.cdf(0.3 * root - 2) for root in np.sqrt(sizes)]
    batches = [
        Batch(size=int(n), n_replicates=10**7, n_rejected=round(1e7 * p))
        for n, p in zip(sizes, powers, strict=True)
    ]
    line = fit_line(batches, near=100.0, probit=NORMAL.inv_cdf(0.85), alpha=0.025)
    exact = ((NORMAL.inv_cdf(0.85) + 2) / 0.3) ** 2
    assert line.size_at(NORMAL.inv_cdf(0.85)) == pytest.approx(exact, rel=1e-4)
    low, high = line.interval(NORMAL.inv_cdf(0.85))
    assert low < exact < high < 1.01 * low


def half_width(*, shift: int, slope: float) -> float:
    """Return half the interval of sizes whose powers lie above and below a line in turn."""
    batches = [
        Batch(
            size=size,
            n_replicates=10_000,
            n_rejected=round(1e4 * NORMAL.cdf(0.84 + slope * (size**0.5 - 10))) + (-1) ** k * shift,
        )
        for k, size in enumerate(range(80, 121, 5))
    ]
    low, high = fit_line(batches, near=100.0, probit=0.84, alpha=0.025).interval(0.84)
    return (high - low) / 2


def test_sizes_that_scatter_widen_the_interval():
    assert half_width(shift=200, slope=0.3) > 2 * half_width(shift=0, slope=0.3)
    assert half_width(shift=20, slope=0.3) < 1.1 * half_width(shift=0, slope=0.3)


def test_a_slope_that_cannot_be_told_from_zero_has_no_limits():
    assert half_width(shift=0, slope=0.0) == np.inf


def test_a_simulator_never_repeats_itself_and_adds_up_in_order():
    trial = small_trials.rates((0.2, 0.5))
    simulator = Simulator(seed=SEED)
    first, second = (simulator.tally(trial, 500) for _ in range(2))
    assert first.sums != second.sums
    assert simulator.n_replicates == 1000
    assert derived_seed(SEED, "a") != derived_seed(SEED, "b")
    with pytest.raises(ValueError, match="n_jobs=0"):
        Simulator(seed=SEED, n_jobs=0)


def test_the_frontier_keeps_designs_that_nothing_beats():
    scenario = small_trials.scenario(
        small_trials.rates((0.2, 0.5)),
        small_trials.rates((0.2, 0.7)),
        small_trials.rates((0.3, 0.3)),
    )
    search = Search(seed=SEED, precision=0.2, max_patients=300)
    table = sizes(scenario, 0.8, search=search)
    assert table["design"].tolist() == [0, 1, 2]
    assert table["cost"][1] < table["cost"][0]
    assert table["on_frontier"].tolist() == [False, True, False]
    assert table["cost"].isna().tolist() == [False, False, True]
    assert table["power"].iloc[2] < 0.1
    untested = adaptive_trial(BayesianResponse(), 0.5)
    with pytest.raises(ValueError, match="posterior probabilities decide this trial"):
        sizes(
            small_trials.scenario(small_trials.rates((0.2, 0.5)), untested), 0.8, search=search
        )  # and simulates nothing


def test_a_row_of_a_known_power_says_when_the_trial_ends_without_a_patient(monkeypatch):
    """As its search alone does, by the same dates, whose replicates follow patients, too."""
    trials = small_trials.rates((0.2, 0.5)), small_trials.rates((0.2, 0.6))
    alone = [find_size(Patients(trial=one), 0.8, search=Search(seed=SEED)) for one in trials]
    monkeypatch.setattr("lupusim.planning.runs.replicates.simulate_block", None)
    rows = sizes(small_trials.scenario(*trials), 0.8, search=Search(seed=SEED))
    assert rows["n_patients"].tolist() == [found.n_patients for found in alone]
    assert rows["power"].tolist() == [found.exact_power for found in alone]
    assert rows["duration"].tolist() == [found.duration.value for found in alone]
    assert rows["duration_mcse"].tolist() == [found.duration.mcse for found in alone]


def test_a_bound_on_the_power_of_teeth_leaves_out_none(monkeypatch):
    given = load_scenario("phase2_remission_52w").points[0].trial
    asked = []
    found = [ExactPowers(Patients(trial=given)).smallest(p, 60, 600) for p in (0.4, 0.55)]
    monkeypatch.setattr(ExactPowers, "_falls_short", lambda *those: asked.append(those))
    assert found == [ExactPowers(Patients(trial=given)).smallest(p, 60, 600) for p in (0.4, 0.55)]
    assert len(asked) >= 16


def _until_a_date(years):
    """Return a trial that enrolls 100 a year on average and is cut at a date, whoever is there."""
    trial = small_trials.rates((0.3, 0.6), n_patients=60)
    return replace(
        trial,
        primary=replace(trial.primary, at=0.1),
        visits=(0.1,),
        enrollment=PoissonEnrollment(sites=1, per_site_per_year=100.0),
        cutoff=AtCalendarTime(time=years),
    )


def test_patients_who_would_come_after_the_last_date_are_not_tried():
    """By 0.6 years 60 come on average; in one trial of a billion more than 60 + 6 sqrt 60."""
    most = 60 + 6 * math.sqrt(60) + 1
    assert most_enrolled(_until_a_date(0.6)) == pytest.approx(most)
    assert Patients(trial=_until_a_date(0.6)).largest(20_000) == 106  # two at a time
    assert Patients(trial=_until_a_date(0.6)).largest(50) == 50
    assert math.isinf(most_enrolled(small_trials.rates((0.3, 0.6))))
    dated = _until_a_date(0.6)
    either = WhenAny(conditions=(AfterPatients(patients=400), dated.cutoff))
    assert most_enrolled(replace(dated, cutoff=either)) == pytest.approx(most)


def test_a_power_that_no_number_of_patients_reaches_by_the_last_date_is_refused():
    words = r"come too late: the last look is held by month 7\.2"
    with pytest.raises(PowerNotReachedError, match=words):
        find_size(Patients(trial=_until_a_date(0.6)), 0.95, search=QUICK)


def test_a_search_works_out_no_true_effect_and_finds_the_same(monkeypatch) -> None:
    plain = small_trials.rates((0.3, 0.6), n_patients=80)
    told = replace(plain, analysis=replace(plain.analysis, truth=SimulatedEffect()))
    seen = []
    monkeypatch.setattr(true_effect, "_truth", lambda *_, **__: seen.append(1))
    found = [
        find_size(Patients(trial=trial), 0.8, search=replace(QUICK, precision=0.2))
        for trial in (plain, told)
    ]
    assert not seen
    assert found[0].n_patients == found[1].n_patients
    assert found[0].power == found[1].power


def test_no_interval_is_worked_out_that_nobody_compares_with_a_true_effect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trial = small_trials.rates((0.2, 0.5), n_patients=60)
    trial = replace(trial, analysis=small_trials.analysis("miettinen_nurminen"))
    told = replace(trial, analysis=replace(trial.analysis, truth=SimulatedEffect()))
    block = Block(seed=SEED, number=0, n_replicates=50)
    seen = []

    def counting(_, low, high, target):
        seen.append(target)
        return (low + high) / 2

    monkeypatch.setattr(score_interval, "_bisect", counting)
    plain = simulate_replicates(only_decided(told), block)
    assert seen == []
    assert "coverage" not in plain
    with_truth = simulate_replicates(told, block)
    assert len(seen) >= 2
    assert np.array_equal(with_truth["reject"], plain["reject"])


@pytest.mark.parametrize("name", ["smart_msc_then_cart", "reinfusion_withdrawal"])
def test_a_search_leaves_out_endpoints_that_nobody_tests_and_sees_the_same_trials(name) -> None:
    trial = load_scenario(name).points[0].trial
    whole = replace(trial, analysis=replace(trial.analysis, truth=None))
    decided = only_decided(whole)
    assert whole.secondary
    assert not decided.secondary
    told, seen = (Simulator(seed=SEED).tally(one, 60) for one in (whole, decided))
    assert seen.sums.keys() < told.sums.keys()
    assert all(seen.sums[quantity] == told.sums[quantity] for quantity in seen.sums)


def test_a_search_keeps_endpoints_that_are_tested_counted_or_judged_at_a_look() -> None:
    for name in ("phase3_bicla_52w", "regimen_selection"):
        trial = load_scenario(name).points[0].trial
        assert only_decided(trial).secondary == trial.secondary
    events = small_trials.survival(0.7)
    other = replace(events.primary, name="another event")
    counted = replace(events, secondary=(other,), cutoff=AtEventsOf(events=30, endpoint=1))
    assert only_decided(counted) == counted
    assert not only_decided(replace(counted, cutoff=AtEvents(events=30))).secondary


def test_a_power_without_known_chance_is_worth_more_trials() -> None:
    trial = survival_trial(n_patients=60)
    score = score_of(trial, "reject", 10_000)
    assert score_of(trial, "reject", 100) is simulate_block
    assert score_of(trial, "duration", 10_000) is simulate_block
    tally = score(trial, Block(seed=SEED, number=0, n_replicates=2000))
    counted, known = tally.mean("reject"), mean_of(tally, "reject")
    batch = Batch.of(60, known)
    assert batch.worth == pytest.approx(known.value * (1 - known.value) / 2000 / known.mcse**2)
    assert batch.worth > 4
    assert Batch.of(60, counted) == Batch(
        size=60, n_replicates=2000, n_rejected=round(2000 * counted.value)
    )
    wide, near = (
        fit_line([one], near=60, probit=0.0, alpha=0.025).covariance[0, 0]
        for one in (Batch.of(60, counted), batch)
    )
    assert near == pytest.approx(wide / batch.worth, rel=0.1)


@pytest.fixture
def only_drawn(monkeypatch):
    """Let no tables be gone through."""
    monkeypatch.setattr(ExactPowers, "smallest", lambda *_: None)


@pytest.mark.usefixtures("only_drawn")
@pytest.mark.parametrize("precision", [0.1, 0.03])
def test_a_size_by_drawn_tables_is_that_of_all_tables_within_its_limits(precision):
    sizing = Patients(trial=small_trials.rates((0.3, 0.55)))
    found = find_size(sizing, 0.8, search=replace(QUICK, precision=precision, curve_at=(0.7,)))
    low, high = found.interval
    exact = ExactPowers(sizing)
    assert low <= found.n_patients <= high
    assert (high - low) / found.n_patients <= 2.5 * precision
    assert low <= next(n for n in range(100, 140, 2) if exact.at(n).value >= 0.8) <= high
    assert found.exact_power is None
    assert found.reached
    assert found.confirmed.n == 500
    known = found.to_json()
    assert known["power_drawn"] == found.drawn_power.value
    assert known["power_drawn_mcse"] == found.drawn_power.mcse > 0
    assert list(found.curve.n_patients)[1:] == [found.n_patients]
    for n_patients, power, mcse in found.curve.itertuples(index=False):
        assert_within_mcse(power, exact.at(n_patients).value, mcse=mcse)
    assert "of drawn tables" in size_sentence(found)


@pytest.mark.usefixtures("only_drawn")
def test_a_size_that_drawn_tables_do_not_reach_is_refused():
    sizing = Patients(trial=small_trials.rates((0.35, 0.6)))
    with pytest.raises(PowerNotReachedError, match="with 60 patients it is 0"):
        find_size(sizing, 0.99, search=replace(QUICK, max_patients=60))


@pytest.mark.usefixtures("only_drawn")
def test_patients_are_simulated_where_tables_tell_the_power_of_some_sizes_alone(monkeypatch):
    sizing = Patients(trial=small_trials.rates((0.3, 0.55)))
    powers = {sizing.start: Mean(value=0.5, mcse=0.0)}

    def refused(_, size, *__):
        if size not in powers:
            raise NoExactSolutionError("looks come at the same numbers of patients")
        return powers[size]

    monkeypatch.setattr(DrawnPowers, "at", refused)
    assert is_known_without_patients(sizing)
    found = find_size(sizing, 0.8, search=QUICK)
    assert found.exact_power is None
    assert found.drawn_power is None


def test_what_tables_do_not_tell_is_not_known_without_patients():
    assert not is_known_without_patients(Patients(trial=small_trials.survival(0.7)))
    flares_last = sizing_of(load_scenario("phase3_bicla_52w").points[0].trial)
    assert is_known_without_patients(flares_last)
    assert not is_known_without_patients(flares_last, "all")
