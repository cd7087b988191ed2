"""Screening and cuts as a scenario file writes them."""

import pytest

from lupusim.planning.runs.run import run
from lupusim.report.run.table import operating_table
from lupusim.scenario import scenario_from_mapping
from lupusim.scenario.document.durations import parse_duration
from lupusim.simulation.patient_level.adam import adsl
from lupusim.simulation.patient_level.tables import simulate_trial
from lupusim.trial import Activity, Cut, Minimums, Screening
from lupusim.trial.population.screening import ACTIVE_LUPUS
from scenario_contents import content, problems, trial

SLEDAI = {"mean": 9, "sd": 3}
SCREENING = {
    "sledai": SLEDAI,
    "bilag": {"systems": 5, "grade_a": 0.1, "grade_b": 0.2},
    "eligible": [{"sledai": 6, "bilag_a": 1}, {"bilag_b": 2}],
    "tests": 3,
    "every": "4 weeks",
    "correlation": 0.5,
}
CUT = {"activity": {"covariate": "sledai", "at": [10], "levels": ["low", "high"]}}


def test_a_screening_is_read_as_it_is_written():
    found = trial(population={"screening": SCREENING}).population.screening
    activity = Activity(
        sledai_mean=9, sledai_sd=3, systems=5, grade_a=0.1, grade_b=0.2, correlation=0.5
    )
    assert found == Screening(
        activity=activity,
        eligible=(Minimums(sledai=6, bilag_a=1), Minimums(bilag_b=2)),
        tests=3,
        every=parse_duration("4 weeks"),
    )


def test_the_rule_of_sat0244_is_the_default():
    found = trial(population={"screening": {"sledai": SLEDAI}}).population.screening
    assert found.eligible == ACTIVE_LUPUS
    assert found.tests == 1


def test_a_factor_made_of_sledai_can_stratify():
    population = {"screening": {"sledai": SLEDAI}, "cuts": CUT}
    found = trial(population=population, allocation={"stratify_by": ["activity"]})
    assert found.population.cuts == {
        "activity": Cut(covariate="sledai", at=(10.0,), levels=("low", "high"))
    }
    assert found.stratify_by == ("activity",)


def test_the_report_shows_how_many_were_screened_and_how_long_it_took():
    scenario = scenario_from_mapping(content(population={"screening": SCREENING}))
    rows = list(operating_table(run(scenario, 20)).renderables[0].columns[0])
    assert "patients screened" in rows
    assert "from first test to randomization, months" in rows


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"sledai": {"mean": 9}}, "screening.sledai.sd", "missing"),
        ({"tests": 1}, "screening.every", "tested once"),
        ({"every": "0 weeks"}, "screening.every", "too short"),
        ({"eligible": [{}]}, "screening.eligible.0", "asks for nothing"),
        ({"eligible": [{"sledai": 30}]}, "screening.eligible", "lets in 0 of"),
        ({"eligible": []}, "screening.eligible", "at least 1"),
        ({"eligible": [{"sleda": 8}]}, "screening.eligible.0.sleda", "Did you mean 'sledai'?"),
        ({"bilag": {"systems": 5, "grade_a": 0.9, "grade_b": 0.2}}, "screening", "1 at most"),
        ({"bilag": {"grade_a": 0.9, "grade_b": 0.2}}, "screening.bilag.systems", "missing"),
    ],
)
def test_what_is_wrong_with_a_screening_is_told_with_its_key(changes, key, words):
    found = problems(population={"screening": {**SCREENING, **changes}})
    assert words in found[f"population.{key}"]


def test_several_tests_need_their_correlation():
    screening = {name: value for name, value in SCREENING.items() if name != "correlation"}
    found = problems(population={"screening": screening})
    assert "missing" in found["population.screening.correlation"]


@pytest.mark.parametrize(
    ("cut", "key", "words"),
    [
        ({"covariate": "sleda"}, "cuts.activity.covariate", "Did you mean 'sledai'?"),
        ({"levels": ["a", "b", "c"]}, "cuts.activity", "one name more"),
        ({"at": []}, "cuts.activity.at", "at least 1"),
    ],
)
def test_what_is_wrong_with_a_cut_is_told_with_its_key(cut, key, words):
    population = {"screening": SCREENING, "cuts": {"activity": {**CUT["activity"], **cut}}}
    assert words in problems(population=population)[f"population.{key}"]


def test_screen_failures_are_not_counted_twice():
    enrollment = {"kind": "uniform", "duration": "6 months", "screen_failure": 0.3}
    found = problems(population={"screening": SCREENING}, enrollment=enrollment)
    assert "the screening counts them" in found["enrollment.screen_failure"]


def test_the_table_of_patients_says_when_each_was_first_tested():
    scenario = scenario_from_mapping(content(population={"screening": SCREENING}))
    patients = simulate_trial(scenario, seed=1).patients
    waited = (patients["enrollment_time"] - patients["first_test_time"]) / parse_duration("4 weeks")
    assert set(waited.round(9)) == {0.0, 1.0, 2.0}
    days = adsl(patients)
    weeks = (days["RANDDY"] - days["SCRNDY"]) / 28
    assert (abs(weeks - waited) < 0.1).all()
    plain = simulate_trial(scenario_from_mapping(content()), seed=1).patients
    assert "first_test_time" not in plain
