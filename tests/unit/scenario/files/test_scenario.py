import re
from pathlib import Path
from typing import Any

import pytest

from lupusim.endpoints import Responder, TimeToEvent
from lupusim.model.hazards import PiecewiseExponentialHazard
from lupusim.scenario import load_scenario, packaged_names, scenario_from_mapping
from lupusim.scenario.document.durations import parse_duration
from lupusim.scenario.document.section import Section
from lupusim.scenario.document.yaml_writer import block
from lupusim.scenario.files import model as model_files
from lupusim.trial import (
    AfterLastPatient,
    AtCalendarTime,
    AtEvents,
    Better,
    Dropout,
    PermutedBlocks,
    PiecewiseEnrollment,
    PoissonEnrollment,
    Region,
    RegionalEnrollment,
    SimpleRandomization,
    UniformEnrollment,
)
from lupusim.trial.scenario import label
from scenario_contents import EFFECT, content, problems, trial

PAGE = Path(__file__).parents[4] / "docs" / "scenario_files.md"
WEEK_4, WEEK_52 = parse_duration("4 weeks"), parse_duration("52 weeks")


def test_every_packaged_scenario_loads() -> None:
    for name in packaged_names("scenarios"):
        assert load_scenario(name).name == name


def test_what_a_file_does_not_say_has_a_plain_default() -> None:
    scenario = scenario_from_mapping(content())
    (point,) = scenario.points
    assert (scenario.n_replicates, scenario.seed, scenario.question) == (1000, 20260101, "")
    assert point.values == {}
    assert point.trial.ratio == (1, 1)
    assert point.trial.allocation == PermutedBlocks(block_size=4)
    assert point.trial.cutoff == AfterLastPatient(follow_up=WEEK_52)
    assert point.trial.dropout.per_year == 0
    assert point.trial.analysis is not None
    assert (point.trial.analysis.alpha, point.trial.analysis.sided) == (0.025, 1)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (
            {"sites": 9, "per_site_per_month": 0.5, "ramp_up": "6 months", "screen_failure": 0.2},
            PoissonEnrollment(
                sites=9, per_site_per_year=6.0, ramp_up=0.5, screened_per_patient=1.25
            ),
        ),
        (
            {"kind": "poisson", "sites": 1, "per_site_per_year": 6},
            PoissonEnrollment(sites=1, per_site_per_year=6.0),
        ),
        ({"kind": "uniform", "duration": "24 months"}, UniformEnrollment(duration=2.0)),
        (
            {"kind": "piecewise", "breaks": ["6 months"], "per_month": [1, 2]},
            PiecewiseEnrollment(breaks=(0.5,), rates_per_year=(12.0, 24.0)),
        ),
        (
            {
                "kind": "regions",
                "screen_failure": 0.5,
                "regions": [
                    {"name": "north", "sites": 3, "per_site_per_month": 0.5, "closes": "2 years"},
                    {"sites": 2, "per_site_per_year": 4, "opens": "6 months", "ramp_up": "1 year"},
                ],
                "pauses": [{"begins": "9 months", "ends": "1 year"}],
            },
            RegionalEnrollment(
                regions=(
                    Region(sites=3, per_site_per_year=6.0, closes=2.0),
                    Region(sites=2, per_site_per_year=4.0, opens=0.5, ramp_up=1.0),
                ),
                pauses=((0.75, 1.0),),
                screened_per_patient=2.0,
            ),
        ),
    ],
)
def test_enrollment_is_poisson_unless_it_says_otherwise(written: object, read: object) -> None:
    assert trial(enrollment=written).enrollment == read


@pytest.mark.parametrize(
    ("when", "cutoff"),
    [
        ({"events": 20}, AtEvents(events=20)),
        ({"calendar_time": "18 months"}, AtCalendarTime(time=1.5)),
        ({"last_patient": "6 months"}, AfterLastPatient(follow_up=0.5)),
        ({"information": 1.0}, AfterLastPatient(follow_up=WEEK_52)),
    ],
)
def test_a_look_says_when_the_data_are_cut(when: object, cutoff: object) -> None:
    assert trial(looks=[{"when": when}]).cutoff == cutoff


def test_events_or_a_date_can_stand_in_for_a_length_of_follow_up() -> None:
    assert trial(follow_up=None, looks=[{"when": {"events": 20}}]).follow_up == float("inf")
    assert problems(follow_up=None)["follow_up"].startswith("it is missing, and the cutoff needs")


def test_the_control_comes_first_wherever_it_stands_in_the_file() -> None:
    arms = content()["arms"][::-1]
    assert [arm.name for arm in trial(arms=arms).arms] == ["placebo", "cells"]
    bad = [arms[0] | {"model": "sick-sicker", "effects": []}, arms[1]]
    assert list(problems(arms=bad)) == ["arms.0.model"]


def test_an_arm_has_a_dose_and_effects() -> None:
    effects = [EFFECT | {"lasts": "18 months", "half_life": "6 months"}]
    infusions = {"cells_per_kg": 1e6, "at": ["0 weeks", "4 weeks"]}
    arms = [content()["arms"][0], {"name": "b", "infusions": infusions, "effects": effects}]
    arm = trial(arms=arms).arms[1]
    assert arm.infusions is not None
    assert arm.infusions.at == (0.0, WEEK_4)
    assert (arm.effects[0].lasts, arm.effects[0].half_life) == (1.5, 0.5)


def test_an_effect_that_lasts_for_good_cannot_fade() -> None:
    arms = [content()["arms"][0], {"name": "b", "effects": [EFFECT | {"half_life": "1 year"}]}]
    assert "lasts for good" in problems(arms=arms)["arms.1.effects.0.half_life"]


def test_an_arm_may_follow_a_model_of_its_own_beside_the_scenario(tmp_path: Path) -> None:
    own = load_text("illness-death").replace("rate: 0.2}", "rate: 0.3}")
    tmp_path.joinpath("own.yaml").write_text(own, "utf-8")
    arms = [content()["arms"][0], {"name": "b", "model": "own.yaml"}]
    path = tmp_path / "trial.yaml"
    path.write_text(block(content(arms=arms)), "utf-8")
    scenario = load_scenario(path)
    rates = [arm.model.transitions[0].hazard for arm in scenario.points[0].trial.arms]
    assert [getattr(hazard, "rate", None) for hazard in rates] == [0.2, 0.3]
    assert (scenario.name, scenario.command) == ("trial", str(path))
    assert scenario.text == path.read_text("utf-8")


def load_text(name: str) -> str:
    from lupusim.scenario import load_model_document

    return load_model_document(name).text


def test_a_scenario_without_any_model_says_where_one_is_missing() -> None:
    assert sorted(problems(model=None)) == ["arms.0.model", "arms.1.model"]


def test_one_arm_needs_no_control_and_no_test() -> None:
    single = trial(arms=[{"name": "all"}], analysis=None)
    assert single.analysis is None
    assert "a test compares two arms" in problems(arms=[{"name": "all"}])["analysis"]


def test_endpoints_of_every_kind() -> None:
    endpoints = {
        "primary": {"kind": "responder", "states": "healthy", "at": "52 weeks", "better": "fewer"},
        "secondary": [
            {"kind": "time_to_event", "events": "ill", "competing": ["death"], "origin": "healthy"},
            {"kind": "survival"},
            {"kind": "time_to_event", "events": ["death"], "origin": "randomization"},
        ],
    }
    made = trial(endpoints=endpoints, visits=["52 weeks"], analysis={"test": "fisher_exact"})
    assert made.endpoints == (
        Responder(
            name="response at 52 weeks", states=("healthy",), at=WEEK_52, better=Better.FEWER
        ),
        TimeToEvent(name="time to ill", events=("ill",), competing=("death",), origin=("healthy",)),
        TimeToEvent(name="survival", events=("death",)),
        TimeToEvent(name="time to death", events=("death",)),
    )


def test_first_remission_is_the_entry_into_any_state_called_so() -> None:
    endpoint = {
        "kind": "time_to_event",
        "events": ["relapse", "death"],
        "origin": "first_remission",
    }
    arms = [{"name": "all"}]
    made = trial(model="markov-sat0244", arms=arms, endpoints={"primary": endpoint}, analysis=None)
    assert isinstance(made.primary, TimeToEvent)
    assert made.primary.origin == ("partial_remission", "complete_remission")
    wrong = problems(endpoints={"primary": endpoint | {"events": ["ill", "death"]}})
    assert "no state whose name ends in 'remission'" in wrong["endpoints.primary.origin"]


def test_survival_needs_a_state_that_ends_a_history(tmp_path: Path) -> None:
    path = tmp_path / "open.yaml"
    path.write_text(
        "{schema: lupusim/model/1, name: open, states: [well, ill], start: well, clock: reset, "
        "transitions: [{from: well, to: ill, hazard: {family: exponential, rate: 0.5}}]}"
    )
    arms = [{"name": "all"}]
    endpoints = {"primary": {"kind": "survival"}}
    found = problems(model=str(path), arms=arms, endpoints=endpoints, analysis=None)
    assert "'absorbing' in the model's file" in found["endpoints.primary.kind"]


def test_two_endpoints_of_one_name_are_refused() -> None:
    primary = content()["endpoints"]["primary"]
    found = problems(endpoints={"primary": primary, "secondary": [primary]})
    assert found == {
        "endpoints": "'time to ill or death' names more than one endpoint. Give each its 'name:'."
    }


def test_a_test_must_fit_the_primary_endpoint() -> None:
    found = problems(analysis={"test": "fisher_exact"})
    assert found["analysis.test"].startswith("'fisher_exact' does not test a time to an event")
    assert "logrank" in found["analysis.test"]


def test_strata_serve_allocation_and_analysis() -> None:
    population = {"strata": {"sex": {"f": 0.9, "m": 0.1}}, "weight_kg": {"mean": 56, "sd": 9}}
    made = trial(
        population=population,
        allocation={"block_size": 2, "stratify_by": ["sex"]},
        analysis={"test": "logrank", "stratify_by": ["sex"]},
    )
    assert made.population.factors == {"sex": {"f": 0.9, "m": 0.1}}
    assert (made.population.weight_mean, made.population.weight_sd) == (56, 9)
    assert made.stratify_by == ("sex",)
    assert made.allocation == PermutedBlocks(block_size=2)


def test_simple_randomization_knows_no_blocks() -> None:
    assert trial(allocation={"method": "simple"}).allocation == SimpleRandomization()
    found = problems(allocation={"method": "simple", "block_size": 4})
    assert "simple randomization has none" in found["allocation.block_size"]


def test_everything_that_varies_makes_a_grid_of_design_points() -> None:
    vary = {
        "sample_size": [20, 40],
        "arms.cells.effects.0.hazard_ratio": [0.5, 0.7, 1.0],
        "enrollment.duration": ["1 year"],
    }
    points = scenario_from_mapping(content(vary=vary)).points
    assert len(points) == 6
    assert points[1].values == {
        "sample_size": 20,
        "arms.cells.effects.0.hazard_ratio": 0.7,
        "enrollment.duration": "1 year",
    }
    assert points[1].trial.n_patients == 20
    assert points[1].trial.arms[1].effects[0].hazard_ratio == 0.7
    assert points[1].trial.enrollment == UniformEnrollment(duration=1.0)


def test_an_item_of_a_plain_list_is_varied_by_its_place() -> None:
    visits = {"visits": ["4 weeks", "52 weeks"], "vary": {"visits.0": ["8 weeks"]}}
    (point,) = scenario_from_mapping(content(**visits)).points
    assert point.trial.visits == (2 * WEEK_4, WEEK_52)


def test_a_mapping_is_varied_as_a_whole_and_labeled_in_words() -> None:
    tests = [{"test": "logrank"}, {"test": "fleming_harrington", "rho": 0, "gamma": 1}]
    points = scenario_from_mapping(content(vary={"analysis": tests})).points
    assert [point.trial.analysis.name for point in points if point.trial.analysis] == [
        "logrank",
        "fleming_harrington",
    ]
    assert label(points[1].values) == "analysis = fleming_harrington, rho 0, gamma 1"


def test_an_arm_to_vary_is_found_by_its_name_or_by_its_place() -> None:
    by_place = scenario_from_mapping(content(vary={"arms.1.name": ["other"]}))
    assert by_place.points[0].trial.arms[1].name == "other"


@pytest.mark.parametrize(
    ("path", "values", "message"),
    [
        ("sample_sise", [1], "no such value in the file to vary. Did you mean 'sample_size'?"),
        ("arms.cell.name", ["x"], "Did you mean 'arms.cells.name'?"),
        ("arms", [1], "the file has a list there, and a value to try is none"),
        ("analysis", ["logrank"], "the file has a mapping there"),
        ("title", ["x"], "no such value"),
        ("dropout.by_arm.placebo", [0.1], "no such value"),
        ("arms.99999999999.name", ["x"], "no such value"),
        ("sample_size", [[1, 2]], "is not a whole number"),
        ("sample_size", [None], "a value to try is empty"),
        ("sample_size", [60, 80, 60], "60 is there twice"),
        ("sample_size", [], "the list has 0 items"),
        ("sample_size", ["many"], "sample_size: 'many' is not a whole number"),
        ("sample_size", [2], "2 patients are fewer than two per arm"),
    ],
)
def test_what_cannot_vary_is_refused(path: str, values: list[object], message: str) -> None:
    found = problems(vary={path: values})
    assert list(found) == [f"vary.{path}"]
    assert message in found[f"vary.{path}"]


def test_a_grid_has_a_limit() -> None:
    durations = [f"{number} months" for number in range(1, 12)]
    vary = {"sample_size": list(range(40, 140)), "enrollment.duration": durations}
    found = problems(vary=vary)["vary"]
    assert "100 values of sample_size and 11 values of enrollment.duration make 1,100" in found


def test_a_design_point_that_fails_in_a_grid_is_told_once() -> None:
    vary = {"sample_size": [1, 40], "enrollment.duration": ["1 year", "2 years"]}
    found = problems(vary=vary)
    assert list(found) == ["vary"]


def test_sources_are_kept_by_the_key_they_stand_under() -> None:
    arms = [
        content()["arms"][0],
        {"name": "b", "effects": [EFFECT | {"source": ["SAT0244", "table 2"]}]},
    ]
    scenario = scenario_from_mapping(
        content(source="made up", arms=arms, dropout={"per_year": 0, "source": {"per_year": "x"}})
    )
    assert scenario.sources == {
        "scenario": "made up",
        "arms.1.effects.0": "SAT0244; table 2",
        "dropout": "per_year: x",
    }


def test_the_estimand_is_kept_as_words() -> None:
    estimand = {"population": "all", "events": {"rescue": "composite", "death": ["a", "b"]}}
    assert scenario_from_mapping(content(estimand=estimand)).estimand == {
        "population": "all",
        "events": "rescue: composite; death: a; b",
    }
    assert problems(estimand={"population": None}) == {
        "estimand.population": "an empty value says nothing. Write words, or remove the key."
    }


@pytest.mark.parametrize("when", [{}, {"events": 5, "calendar_time": "1 year"}])
def test_a_look_is_timed_in_one_way(when: dict[str, Any]) -> None:
    assert f"{len(when)} ways are given" in problems(looks=[{"when": when}])["looks.0.when"]


def test_probabilities_of_strata_must_sum_to_one() -> None:
    found = problems(population={"strata": {"sex": {"f": 0.9, "m": 0.2}}})
    assert "sum to 1.1, not to 1" in found["population.strata.sex"]


def test_a_number_of_5000_digits_is_refused_wherever_it_stands() -> None:
    huge = 10**5000
    assert "a huge whole number is out of range" in problems(sample_size=huge)["sample_size"]
    assert list(problems(follow_up=huge, visits=huge)) == ["follow_up", "visits"]
    assert "is out of range" in problems(dropout={"per_year": huge})["dropout.per_year"]
    assert scenario_from_mapping(content(estimand={"n": huge})).estimand["n"].startswith("a huge")


def test_a_number_whose_square_is_lost_is_refused_wherever_it_stands() -> None:
    for huge in (1e300, -1e16, 10**16):
        found = problems(dropout={"per_year": huge})["dropout.per_year"]
        assert found.endswith("is out of range. Give at most 1e+15 in size.")
    found = problems(dropout={"per_year": 1e-31})["dropout.per_year"]
    assert found.endswith("is nearly 0. Give 0, or at least 1e-30 in size.")
    found = problems(follow_up="1e6 years", dropout={"per_year": "1e16 per year"})
    assert "'1e6 years' is not a duration from 0 to 100,000 years" in found["follow_up"]
    assert "'1e16 per year' is not a rate from 0 to 1e+15 a year" in found["dropout.per_year"]


def test_looks_at_nobody_are_refused_in_words() -> None:
    primary = {"kind": "responder", "states": ["healthy"], "at": "52 weeks", "better": "more"}
    parts = {"endpoints": {"primary": primary}, "visits": ["52 weeks"], "sample_size": 0}
    found = problems(looks=[{"when": {"events": 10}}], analysis={"test": "fisher_exact"}, **parts)
    assert "0 is out of range" in found["sample_size"]


def test_a_visit_named_twice_is_refused_in_any_unit() -> None:
    found = problems(visits=["26 weeks", "52 weeks", "182 days"])
    assert found == {"visits.2": "a visit at 26 weeks is there already. Remove it once."}


def test_the_reference_of_the_formats_names_every_key_that_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: set[str] = set()
    has = Section.has

    def listen(section: Section, name: str) -> bool:
        asked.add(name)
        return has(section, name)

    monkeypatch.setattr(Section, "has", listen)
    arm = {"name": "b", "infusions": {"cells_per_kg": 1}, "effects": [EFFECT | {"source": "x"}]}
    responder = {"kind": "responder", "states": "ill", "at": "52 weeks"}
    origin = {"kind": "time_to_event", "events": ["death"], "origin": "ill"}
    enrollments: list[dict[str, Any]] = [
        {"sites": 1, "per_site_per_month": 1},
        {"kind": "uniform", "duration": "1 year"},
        {"kind": "piecewise", "breaks": [], "per_month": [1]},
        {
            "kind": "regions",
            "regions": [{"sites": 1, "per_site_per_year": 1}],
            "pauses": [{"begins": "1 month", "ends": "2 months"}],
        },
    ]
    for enrollment in enrollments:
        trial(
            enrollment=enrollment,
            arms=[content()["arms"][0], arm],
            endpoints={
                "primary": content()["endpoints"]["primary"],
                "secondary": [responder, origin],
            },
            looks=[{"when": {"events": 5}}],
            dropout={"per_year": 0},
            visits=["52 weeks"],
        )
    assert len(asked) > 50
    named = set(re.findall(r"`(\w+)", f"{PAGE.read_text('utf-8')} {model_files.__doc__}"))
    assert asked - named == {"rate"}  # of the exponential


def test_dropout_may_change_with_time_and_differ_between_arms() -> None:
    hazard = {"family": "piecewise_exponential", "breaks": [0.25], "rates": [0.4, 0.1]}
    arm = content()["arms"][0]["name"]
    read = trial(dropout={"hazard": hazard, "by_arm": {arm: 2}}).dropout
    assert read == Dropout(
        hazard=PiecewiseExponentialHazard(breaks=(0.25,), rates=(0.4, 0.1)), by_arm={arm: 2.0}
    )
    twice = problems(dropout={"hazard": hazard, "per_year": 0.1})
    assert "hazard is given as well" in twice["dropout.per_year"]
    assert (
        "is not an arm" in problems(dropout={"per_year": 1, "by_arm": {"x": 1}})["dropout.by_arm.x"]
    )


def test_a_region_or_pause_that_cannot_be_is_refused_where_it_stands() -> None:
    sites = {"sites": 1, "per_site_per_month": 1}
    closed = {"kind": "regions", "regions": [sites | {"closes": "1 year"}]}
    assert "every region closes" in problems(enrollment=closed)["enrollment"]
    late = {"kind": "regions", "regions": [sites | {"opens": "2 years", "closes": "1 year"}]}
    assert "closes='1 year' must be after" in problems(enrollment=late)["enrollment.regions.0"]
    pause = {"begins": "2 years", "end": "1 year"}
    typo = problems(enrollment={"kind": "regions", "regions": [sites], "pauses": [pause]})
    assert "no such key" in typo["enrollment.pauses.0.end"]


def test_two_rates_of_enrollment_are_one_too_many() -> None:
    twice = {"sites": 1, "per_site_per_month": 1, "per_site_per_year": 12}
    assert "is given as well" in problems(enrollment=twice)["enrollment.per_site_per_year"]
