"""The names that people use from Python: what they take, what they print, what they are called."""

from __future__ import annotations

import inspect
from dataclasses import replace
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import GenericAlias

import numpy as np
import pytest

import lupusim
from lupusim import analysis
from lupusim.scenario.files.packaged import find_packaged
from manual_pages import script

NAME = "survival_200_events"


@pytest.fixture(scope="module")
def scenario():
    return lupusim.load_scenario(NAME)


@pytest.fixture(scope="module")
def result(scenario):
    return lupusim.run(scenario, 20, seed=1)


def test_a_run_takes_a_name_a_path_or_a_scenario(result):
    path = find_packaged("scenarios", NAME, ValueError)
    for what in (NAME, path, str(path)):
        other = lupusim.run(what, 20, seed=1)
        assert other.to_json()["points"] == result.to_json()["points"]
    by_word = lupusim.run(scenario=NAME, n_replicates=20, seed=1)
    assert by_word.to_json()["points"] == result.to_json()["points"]


def test_a_trial_and_a_model_are_taken_by_name(scenario):
    by_name = lupusim.simulate_trial(NAME, seed=3, engine="vector")
    read = lupusim.simulate_trial(scenario, seed=3, engine="vector")
    assert by_name.patients.equals(read.patients)
    model = lupusim.load_model("illness-death")
    assert lupusim.occupancy("illness-death", [1.0]).equals(lupusim.occupancy(model, [1.0]))
    found = lupusim.simulate("illness-death", 10, 1.0, seed=1).transitions()
    assert found.equals(lupusim.simulate(model, 10, 1.0, seed=1).transitions())


def test_an_unknown_name_is_answered_in_words():
    with pytest.raises(ValueError, match="survival_200_events"):
        lupusim.run("survival_200_event")


def test_public_results_print_in_a_few_lines_and_show_a_table(scenario, result):
    one = lupusim.simulate_trial(scenario, seed=3, engine="vector")
    things = [scenario, result, one, lupusim.load_model("msc-durable"), scenario.points[0].trial]
    for thing in things:
        lines = repr(thing).splitlines()
        assert 1 <= len(lines) <= 5
        assert max(map(len, lines)) < 200
    for thing in things:
        assert "<table" in thing._repr_html_()


def test_a_scenario_and_a_trial_show_what_a_planner_asks_first(scenario):
    trial = scenario.points[0].trial
    shown = trial._repr_html_()
    for word in (str(trial.n_patients), trial.primary.name, trial.analysis.name, "one-sided at"):
        assert word in shown
    assert "two-sided at" in replace(trial, analysis=replace(trial.analysis, sided=2))._repr_html_()
    many = replace(scenario, title="a < b", points=scenario.points[:1] * 12)
    assert "a &lt; b" in many._repr_html_()
    assert "... and 2 more designs" in many._repr_html_()
    untested = lupusim.load_scenario("cohort_5y")
    assert "none" in untested._repr_html_()


def test_a_result_in_rows_has_every_number_of_the_wide_table(result):
    (wide,), long = result.operating_characteristics.to_dict("records"), result.long
    assert list(long.columns) == [
        "design", "quantity", "endpoint", "arm", "look", "value", "mcse",
    ]  # fmt: skip
    numbers = {
        name: value
        for name, value in wide.items()
        if isinstance(value, int | float)
        and not (name.endswith("_mcse") and name.removesuffix("_mcse") in wide)
    }
    np.testing.assert_array_equal(long["value"], list(numbers.values()))
    power = long[long["quantity"] == "power"].iloc[0]
    assert (power["value"], power["mcse"]) == (wide["power"], wide["power_mcse"])


def test_looks_and_arms_stand_in_columns_of_the_long_table():
    long = lupusim.run("survival_three_looks", 20, seed=1).long
    assert set(long["look"].dropna()) == {1, 2, 3}
    assert not long["quantity"].str.startswith("look_").any()
    events = long[(long["quantity"] == "events") & long["arm"].notna()]
    assert len(events) == 2 * long["design"].nunique()


@pytest.mark.parametrize("name", ["two_rates", "survival_three_looks", "regimen_selection"])
def test_columns_of_the_long_table_are_alike_in_every_trial(name):
    long = lupusim.run(name, 20, seed=1).long
    kinds = {"endpoint": "string", "arm": "string", "look": "Int64", "value": "float64"}
    assert {column: str(long.dtypes[column]) for column in kinds} == kinds


def test_results_of_tests_have_scipy_s_names_too():
    found = analysis.logrank([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 0], [0, 1, 0, 1])
    assert found.statistic == found.z
    assert found.pvalue == found.p_two_sided
    exact = analysis.fisher_exact([1, 1, 0, 0, 1], [1, 1, 0, 0, 0])
    assert exact.pvalue == exact.p_two_sided


def test_kaplan_meier_gives_its_own_steps():
    time, event = [3.0, 1.0, 2.0, 2.0, 5.0], [1, 1, 1, 0, 0]
    curve = analysis.kaplan_meier(time, event)
    assert curve.times.tolist() == [0.0, 1.0, 2.0, 3.0]
    np.testing.assert_allclose(curve.survival, [1, 4 / 5, 4 / 5 * 3 / 4, 4 / 5 * 3 / 4 / 2])
    without = analysis.kaplan_meier(time, event, included=[1, 0, 1, 1, 1])
    assert without.times.tolist() == [0.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="several trials"):
        analysis.kaplan_meier(np.ones((2, 3)), np.ones((2, 3)))


def test_arms_may_be_labels():
    words = np.array(["placebo", "cells", "placebo", "cells"])
    arm = analysis.arms(words, control="placebo")
    time, event = [1.0, 2.0, 3.0, 4.0], [1, 1, 1, 0]
    assert analysis.logrank(time, event, arm).z == analysis.logrank(time, event, [0, 1, 0, 1]).z
    with pytest.raises(ValueError, match="nobody is on the control arm 'sham'"):
        analysis.arms(words, control="sham")
    with pytest.raises(ValueError, match="there are 3 arms"):
        analysis.arms(["a", "b", "c"], control="a")


TIME, EVENT, ARM = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1, 1, 1, 0, 1, 1], [0, 1, 0, 1, 1, 0]
VALUES = [1.0, 3.0, 2.0, 5.0, 4.0, 2.5]
EARLY = analysis.FlemingHarrington(rho=0.0, gamma=0.0)
LATE = analysis.FlemingHarrington(rho=0.0, gamma=1.0)
ARGUMENTS = {
    "at": 2.5,
    "category": [0, 1, 2, 1, 2, 0],
    "count": [2, 0, 1, 7, 1, 2],
    "event": EVENT,
    "exposure": [7.0] * 6,
    "is_cause": [1, 0, 1, 1, 1, 0],
    "levels": [analysis.larger_is_better(VALUES)],
    "response": [1, 0, 0, 1, 1, 0],
    "time": TIME,
    "times": np.array([[1.0, 3.0], [2.0, np.inf], [np.inf] * 2] * 2),
    "until": 3.5,
    "values": VALUES,
    "weight": LATE,
    "weights": [EARLY, LATE],
}
OF_ARMS = [
    name
    for name in analysis.__all__
    if "arm" in getattr(inspect.unwrap(getattr(analysis, name)), "__annotations__", {})
]
WITHOUT_A_STATISTIC = {  # p-values of exact tests; tables and curves, which test nothing
    "barnard", "boschloo", "fisher_exact", "two_by_two", "cumulative_incidence_by_arm",
    "win_statistics",
}  # fmt: skip


@pytest.mark.parametrize("name", OF_ARMS)
def test_every_test_of_two_arms_takes_their_labels(name):
    test = getattr(analysis, name)
    asked = inspect.signature(test).parameters
    assert "control" in asked
    assert "control : object or None" in test.__doc__ or "Parameters" not in test.__doc__
    given = {k: v for k, v in ARGUMENTS.items() if k in asked}
    if name == "ancova":
        given["covariates"] = [[1.0], [2.0], [4.0], [3.0], [5.0], [6.0]]
    if name == "mmrm":
        given["values"] = np.array([VALUES, VALUES[::-1]]).T
    if name == "cochran_mantel_haenszel":
        given["stratum"] = [1] * 6
    words = ["cells" if one else "placebo" for one in ARM]
    by_number, by_word = test(arm=ARM, **given), test(arm=words, control="placebo", **given)
    assert str(by_word) == str(by_number)
    if name not in WITHOUT_A_STATISTIC:
        np.testing.assert_array_equal(by_number.pvalue, by_number.p_two_sided)
        assert np.shape(by_number.statistic) == np.shape(by_number.pvalue)


def test_win_statistics_have_names_of_their_own():
    levels = [analysis.larger_is_better([3.0, 1.0, 2.0, 2.0])]
    arm = [1, 0, 1, 0]
    whole = analysis.win_statistics(levels, arm)
    assert analysis.win_ratio(levels, arm).estimate == whole.log_win_ratio.estimate
    assert analysis.win_odds(levels, arm).estimate == whole.log_win_odds.estimate
    assert analysis.net_benefit(levels, arm).estimate == 0.75  # 3 wins and a tie of 4 pairs


def packages():
    root = Path(lupusim.__file__).parent
    for path in sorted(root.rglob("__init__.py")):
        yield ".".join(["lupusim", *path.parent.relative_to(root).parts])


@pytest.mark.parametrize("name", list(packages()))
def test_every_package_has_what_it_says_that_it_offers(name):
    package = import_module(name)
    for one in getattr(package, "__all__", ()):
        assert hasattr(package, one)


def test_the_page_of_python_is_what_the_packages_offer():
    made = script("python_page")
    fix = "run scripts/python_page.py"
    assert made.PAGE.read_text(encoding="utf-8") == made.page(), fix


def has_an_example(thing: object) -> bool:
    """Return whether the docstring of a public name shows its use, or has none to show."""
    is_only_named = (
        not callable(thing)
        or isinstance(thing, GenericAlias)
        or getattr(thing, "_is_protocol", False)
        or (isinstance(thing, type) and issubclass(thing, Enum))
    )
    return is_only_named or ">>> " in (inspect.getdoc(thing) or "")


def test_every_public_name_shows_its_use() -> None:
    bare = [
        f"{package}.{name}"
        for package in script("python_page").PACKAGES
        for name in import_module(package).__all__
        if not has_an_example(getattr(import_module(package), name))
    ]
    assert bare == []


def test_a_name_without_an_example_is_seen() -> None:
    assert not has_an_example(packages)
    assert has_an_example(lupusim.occupancy)
