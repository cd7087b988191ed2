"""How patients come into a trial, and where their cells come from, as check and report say it."""

from dataclasses import replace

import pytest

import lupusim
from lupusim.report.words import what_it_means
from lupusim.report.words.coming import supply_in_words, who_comes_in_words
from lupusim.trial.population.screening import Activity, Minimums, Screening
from lupusim.trial.treatment.supply import Manufacture, Supply, WhileEmpty

LOTS = Manufacture(doses=5, every=0.25, lead_time=0.125, fails=0.2, shelf_life=1.0)


@pytest.fixture(scope="module")
def trial():
    return lupusim.load_scenario("two_rates").points[0].trial


@pytest.fixture(scope="module")
def treated():
    return lupusim.load_scenario("supply_stress").points[0].trial


def supplied(trial, **changes):
    supply = replace(Supply(lots=LOTS, at_start=0, draws={"msc": 2}), **changes)
    return " ".join(supply_in_words(replace(trial, supply=supply)))


def test_a_trial_without_screening_drift_or_supply_says_nothing_of_them(trial):
    assert [*who_comes_in_words(trial), *supply_in_words(trial)] == []


def test_ways_to_be_let_in_are_told_with_the_share_who_are(trial):
    """Independent tests: SLEDAI of 8 or more is a normal number of 7.5 or more, here the mean."""
    activity = Activity(sledai_mean=7.5, sledai_sd=3.0, systems=2, grade_a=0.1, grade_b=0.2)
    ways = (Minimums(sledai=8), Minimums(sledai=8, bilag_a=1, bilag_b=2))
    screening = Screening(activity=activity, eligible=ways, tests=2, every=0.25)
    population = replace(trial.population, screening=screening)
    assert list(who_comes_in_words(replace(trial, population=population))) == [
        "Candidates are tested up to 2 times, 3 months apart and let in with SLEDAI of 8 or more "
        "or SLEDAI of 8 or more with BILAG A in 1 system or more with BILAG B in 2 systems or "
        "more: 75 of 100 are."
    ]
    once = Screening(activity=activity, eligible=(Minimums(),))
    population = replace(trial.population, screening=once)
    assert list(who_comes_in_words(replace(trial, population=population))) == [
        "Candidates are tested once and let in with any score: 100 of 100 are."
    ]


def test_lots_and_the_doses_of_an_infusion_are_told(treated):
    assert supplied(treated, at_start=1, patience=0.25) == (
        "Cells come in lots of 5 doses: 1 of them in stock when the first site opens; one is "
        "started every 3 months and released 1.5 months later, of which 20 in 100 fail then, to "
        "be used within 1 year of the start. An infusion takes 2 on msc, and waits 3 months "
        "at most for the next lot."
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "is missed where no lot in stock holds that many"),
        ({"while_empty": WhileEmpty.PAUSE_ENROLLMENT}, "nobody is randomized while no lot in "
         "stock holds that many"),
        ({"lots": Manufacture(doses=3), "at_start": 2}, "lots of 3 doses: 2 of them in stock when "
         "the first site opens; none is made after that."),
        ({"lots": Manufacture(doses=3, every=0.5, number=4)}, "one is started every 6 months, 4 in "
         "all and released."),
    ],
)  # fmt: skip
def test_what_a_supply_leaves_out_is_not_told(treated, changes, said):
    assert said in supplied(treated, **changes)


def test_packaged_trials_say_it():
    words = {
        name: what_it_means(lupusim.load_scenario(name))
        for name in ("supply_stress", "phase2_sledai_24w", "platform_regimens")
    }
    assert "Cells come in lots of 6 doses" in words["supply_stress"]
    assert "let in with SLEDAI of 8 or more: 55 of 100 are." in words["phase2_sledai_24w"]
    assert "a year later has hazard ratio 1.1 on active to" in words["platform_regimens"]
