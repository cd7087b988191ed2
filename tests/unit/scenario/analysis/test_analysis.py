"""The analysis and the endpoints of a scenario file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lupusim.analysis.outcomes import BinaryOutcome
from lupusim.analysis.registry import plain_tests
from lupusim.errors import ScenarioError
from lupusim.planning.runs.run import run
from lupusim.report.run.table import operating_table
from lupusim.scenario import scenario_from_mapping
from lupusim.scenario.document.durations import parse_duration
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.looks.cutoffs import cut
from lupusim.trial import Better, Trial
from lupusim.trial.design import KnownEffect, SimulatedEffect
from tolerance import SEED

RESPONSE = {"kind": "responder", "states": ["remission"], "at": "52 weeks"}
DISEASE = {
    "schema": "lupusim/model/1",
    "name": "disease",
    "states": ["active", "remission", "relapse", "death"],
    "start": "active",
    "transitions": [
        {"from": "active", "to": "remission", "hazard": {"family": "exponential", "rate": 1.5}},
        {"from": "remission", "to": "relapse", "hazard": {"family": "exponential", "rate": 0.8}},
        {"from": "relapse", "to": "remission", "hazard": {"family": "exponential", "rate": 0.5}},
        {"from": "active", "to": "death", "hazard": {"family": "exponential", "rate": 0.1}},
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from lupusim.scenario.document.yaml_writer import block

    place = tmp_path_factory.mktemp("models")
    (place / "disease.yaml").write_text(block(DISEASE), encoding="utf-8")
    never = {"from": "active", "to": "death", "hazard": {"family": "exponential", "rate": 1e-9}}
    immortal = {**DISEASE, "transitions": [*DISEASE["transitions"][:3], never]}
    (place / "unlikely.yaml").write_text(block(immortal), encoding="utf-8")
    return place


def content(**changes: Any) -> dict[str, Any]:
    whole = {
        "schema": "lupusim/scenario/1",
        "title": "Remission",
        "model": "disease.yaml",
        "population": {"strata": {"nephritis": {"yes": 0.5, "no": 0.5}}},
        "arms": [{"name": "placebo", "control": True}, {"name": "cells"}],
        "enrollment": {"kind": "uniform", "duration": "6 months"},
        "allocation": {"method": "permuted_block", "stratify_by": ["nephritis"]},
        "follow_up": "52 weeks",
        "visits": ["12 weeks", "24 weeks", "36 weeks", "52 weeks"],
        "endpoints": {"primary": RESPONSE},
        "analysis": {"test": "pooled_z"},
        "sample_size": 40,
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


@pytest.fixture(scope="module")
def trial(folder: Any) -> Any:
    def build(**changes: Any) -> Trial:
        return scenario_from_mapping(content(**changes), folder=folder).points[0].trial

    return build


@pytest.fixture(scope="module")
def problems(folder: Any) -> Any:
    def build(**changes: Any) -> dict[str, str]:
        with pytest.raises(ScenarioError) as caught:
            scenario_from_mapping(content(**changes), folder=folder)
        return {p.key: f"{p.fault}. {p.fix}" for p in caught.value.problems}

    return build


SURVIVAL = {"primary": {"kind": "time_to_event", "events": ["relapse", "death"]}}


def test_a_test_that_lives_on_strata_takes_those_of_the_allocation(trial: Any) -> None:
    assert trial(analysis={"test": "cochran_mantel_haenszel"}).analysis.stratify_by == (
        "nephritis",
    )
    bare = {"test": "cochran_mantel_haenszel", "stratify_by": []}
    assert trial(analysis=bare).analysis.stratify_by == ()
    assert trial(analysis={"test": "logistic_regression"}).analysis.stratify_by == ()


def test_strata_for_a_test_that_takes_none_are_refused(problems: Any) -> None:
    found = problems(analysis={"test": "pooled_z", "stratify_by": ["nephritis"]})
    assert "takes no strata" in found["analysis.stratify_by"]
    assert "cochran_mantel_haenszel" in found["analysis.stratify_by"]


def test_parameters_reach_the_test_in_years(trial: Any) -> None:
    found = trial(
        endpoints=SURVIVAL,
        analysis={"test": "restricted_mean", "until": "52 weeks", "margin": "2 months"},
    ).analysis.test
    assert found.until == pytest.approx(parse_duration("52 weeks"))
    assert found.margin == pytest.approx(2 / 12)
    numbered = {"test": "restricted_mean", "until": "52 weeks", "margin": 0.1}
    assert trial(endpoints=SURVIVAL, analysis=numbered).analysis.test.margin == 0.1
    weights = trial(endpoints=SURVIVAL, analysis={"test": "fleming_harrington", "rho": 1})
    assert (weights.analysis.test.rho, weights.analysis.test.gamma) == (1, 1)


@pytest.mark.parametrize(
    ("analysis", "key", "words"),
    [
        ({"test": "restricted_mean"}, "analysis.until", "missing"),
        (
            {"test": "restricted_mean", "until": "1 year", "margin": "0.1"},
            "analysis.margin",
            "0.1",
        ),
        (
            {"test": "restricted_mean", "until": "1 year", "margin": -0.1},
            "analysis.margin",
            "0",
        ),
        (
            {"test": "restricted_mean", "until": "1 year", "margin": "1 year"},
            "analysis",
            "margin=1 must be below until=1 years",
        ),
        ({"test": "cox", "until": "1 year"}, "analysis.until", "no such parameter"),
        ({"test": "cox", "margin": 0}, "analysis.margin", "above 0"),
        ({"test": "cox", "margin": 1.3, "sided": 2}, "analysis.margin", "one side"),
        ({"test": "fleming_harrington", "gamma": -1}, "analysis.gamma", "out of range"),
        ({"test": "pooled_z"}, "analysis.test", "a time to an event"),
        ({"test": "t_test"}, "analysis.test", "fine_gray"),
        ({"test": "cox", "true_effect": "known"}, "analysis.true_effect", "write 'simulated'"),
    ],
)
def test_what_a_test_cannot_use_is_told(
    problems: Any, analysis: dict[str, Any], key: str, words: str
) -> None:
    assert words in problems(endpoints=SURVIVAL, analysis=analysis)[key]


def test_a_test_blind_to_competing_events_is_refused_where_there_are_some(problems: Any) -> None:
    relapse = {"kind": "time_to_event", "events": "relapse", "competing": "death"}
    found = problems(
        endpoints={"primary": relapse}, analysis={"test": "restricted_mean", "until": "1 year"}
    )
    assert "incidence_difference" in found["analysis.test"]


def test_proportional_odds_are_of_ranks(problems: Any) -> None:
    years = {"kind": "time_in_states", "states": "remission", "until": "26 weeks"}
    found = problems(endpoints={"primary": years}, analysis={"test": "proportional_odds"})
    assert "ranks of states" in found["analysis.test"]


def test_the_true_effect_is_given_or_simulated(trial: Any) -> None:
    given = trial(analysis={"test": "pooled_z", "true_effect": 0.2}).analysis.truth
    assert given == KnownEffect(value=0.2)
    simulated = trial(analysis={"test": "pooled_z", "true_effect": "simulated"}).analysis.truth
    assert simulated == SimulatedEffect()


@pytest.mark.parametrize(
    ("events", "better"),
    [
        ("remission", Better.MORE),
        (["remission", "relapse"], Better.FEWER),
        ("relapse", Better.FEWER),
    ],
)
def test_remissions_are_hoped_for_unless_the_file_says_otherwise(
    trial: Any, events: object, better: Better
) -> None:
    primary = {"kind": "time_to_event", "events": events, "competing": "death"}
    counts = [{"kind": "event_count", "events": events}, {**primary, "name": "n", "better": "more"}]
    found = trial(
        endpoints={"primary": primary, "secondary": counts}, analysis={"test": "logrank"}
    ).endpoints
    assert [endpoint.better for endpoint in found] == [better, better, Better.MORE]


LEVELS = [
    {"kind": "survival"},
    {"kind": "time_to_event", "events": ["relapse"], "competing": ["death"]},
    {"kind": "time_to_event", "events": "remission", "competing": "death"},
]
YEARS = {
    "kind": "time_in_states",
    "states": "remission",
    "until": "1 year",
    "missing": "left_out",
}
RANKING = ["death", ["relapse", "active"], "remission"]
KINDS = [
    ({**RESPONSE, "since": "24 weeks"}, "boschloo"),
    ({"kind": "event_count", "events": "relapse"}, "rate_ratio"),
    ({"kind": "time_in_states", "states": "remission", "until": "1 year"}, "wilcoxon"),
    (YEARS, "welch"),
    ({"kind": "ordinal_state", "ranking": RANKING, "at": "52 weeks"}, "ancova"),
    ({"kind": "hierarchy", "levels": LEVELS}, "win_ratio"),
    (
        {
            "kind": "time_to_event",
            "events": ["relapse", "death"],
            "origin": "first_remission",
            "observed": "at_visits",
        },
        "cox",
    ),
]
MARKER = {
    "name": "SLEDAI",
    "by_state": {
        "active": {"mean": 11.5, "sd": 3.7, "source": "TULIP pooled baseline, placebo"},
        "relapse": {"mean": 11.5, "sd": 3.7},
        "remission": {"mean": 3.2, "sd": 2.8, "source": "Liang 2010, 12 months"},
    },
    "correlation": 0.5,
    "lowest": 0,
}
KINDS += [
    ({"kind": "marker_change", "at": "52 weeks"}, "ancova"),
    ({"kind": "event_count", "events": "relapse"}, "negative_binomial"),
    ({"kind": "event_count", "events": "relapse"}, "andersen_gill"),
    ({"kind": "marker_responder", "at": "52 weeks", "fall": 4}, "risk_ratio"),
]
RESCUE = {"rescue": {"hazard_per_year": {"active": 0.3}, "strategy": "composite"}}


@pytest.mark.parametrize(("endpoint", "test"), KINDS, ids=[test for _, test in KINDS])
def test_every_kind_of_endpoint_runs_with_a_test_that_fits(
    trial: Any, endpoint: dict[str, Any], test: str
) -> None:
    made = trial(
        endpoints={"primary": endpoint},
        analysis={"test": test},
        follow_up="1 year",
        visit_conduct={"window": "1 week", "missed": 0.1, "misread": {"active": {"relapse": 0.1}}},
        intercurrent_events=RESCUE,
        marker=MARKER,
    )
    tally = simulate_block(made, Block(seed=SEED, number=0, n_replicates=8))
    assert 0 <= tally.mean("reject").value <= 1
    assert np.isfinite(tally.mean("estimate").value)


def test_a_sustained_response_needs_all_visits_between(trial: Any) -> None:
    made = trial(endpoints={"primary": {**RESPONSE, "since": "24 weeks"}}).primary
    weeks = [parse_duration(f"{n} weeks") for n in (24, 36, 52)]
    assert made.visits == pytest.approx(tuple(weeks))
    assert "every visit from 24 weeks to 52 weeks" in made.name


def test_years_of_a_level_have_nothing_missing(problems: Any) -> None:
    found = problems(endpoints={"primary": {"kind": "hierarchy", "levels": [LEVELS[0], YEARS]}})
    assert "says missing" in found["endpoints.primary"]


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"primary": {**RESPONSE, "since": "30 weeks"}}, "since", "no visit"),
        ({"primary": {**RESPONSE, "since": "60 weeks"}}, "since", "is not before"),
        ({"primary": {**RESPONSE, "at": "53 weeks"}}, "at", "beyond the follow-up"),
        ({"primary": {"kind": "hierarchy", "levels": LEVELS[:1]}}, "levels", "at least 2"),
        ({"primary": {"kind": "hierarchy", "levels": LEVELS[:1] * 2}}, "levels", "never decides"),
        (
            {"primary": {"kind": "hierarchy", "levels": [LEVELS[0], {"kind": "hierarchy"}]}},
            "levels.1.kind",
            "not one of the choices",
        ),
        (
            {"primary": {"kind": "ordinal_state", "ranking": RANKING[:2], "at": "52 weeks"}},
            "ranking",
            "'remission' has no rank",
        ),
        (
            {"primary": {"kind": "event_count", "events": "relapse", "until": "2 years"}},
            "until",
            "beyond the follow-up",
        ),
        (
            {"primary": {"kind": "time_in_states", "states": "relaps", "until": "1 month"}},
            "states",
            "not a state",
        ),
    ],
)
def test_an_endpoint_that_cannot_be_seen_is_told(
    problems: Any, changes: dict[str, Any], key: str, words: str
) -> None:
    found = problems(endpoints=changes)
    assert words in found[f"endpoints.primary.{key}"]


def test_visits_are_needed_to_see_something_at_them(problems: Any) -> None:
    seen = {**SURVIVAL["primary"], "observed": "at_visits"}
    found = problems(
        visits=None,
        endpoints={"primary": seen},
        analysis={"test": "cox"},
        visit_conduct={"missed": 0.1},
    )
    assert "no visits" in found["endpoints.primary.observed"]
    assert "no visits" in found["visit_conduct"]


def test_a_marker_is_described_in_every_state_that_can_be_left(problems: Any) -> None:
    change = {"primary": {"kind": "marker_change", "at": "52 weeks"}}
    ancova = {"test": "ancova"}
    found = problems(endpoints=change, analysis=ancova)
    assert "no marker" in found["endpoints.primary.kind"]
    two = {name: MARKER["by_state"][name] for name in ("active", "remission")}
    found = problems(endpoints=change, analysis=ancova, marker={**MARKER, "by_state": two})
    assert "nothing is said of 'relapse'" in found["marker.by_state"]


SCREENING = {"sledai": {"mean": 9, "sd": 3}, "eligible": [{"sledai": 8}]}


def test_the_score_of_the_screening_is_the_marker_at_randomization(trial: Any) -> None:
    change = {"kind": "marker_change", "at": "52 weeks"}
    made = trial(
        endpoints={"primary": change},
        analysis={"test": "ancova"},
        marker={**MARKER, "baseline": "sledai"},
        population={**content()["population"], "screening": SCREENING},
    )
    generated = generate(made, Block(seed=SEED, number=0, n_replicates=3))
    outcome = generated.measurements[0].outcome(cut(generated, made.cutoff))
    sledai = generated.patients.numbers["sledai"]
    assert sledai.min() >= 8
    np.testing.assert_allclose(outcome.baseline, sledai)


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ({"baseline": "sleda"}, "no number of the population"),
        ({"baseline": "sledai", "by_state": {"active": {"mean": 10, "sd": 0}}}, "no spread"),
    ],
)
def test_a_score_that_cannot_be_the_marker_at_randomization_is_refused(
    problems: Any, marker: dict[str, Any], words: str
) -> None:
    by_state = MARKER["by_state"] | marker.pop("by_state", {})
    found = problems(
        endpoints={"primary": {"kind": "marker_change", "at": "52 weeks"}},
        analysis={"test": "ancova"},
        marker={**MARKER, **marker, "by_state": by_state},
        population={**content()["population"], "screening": SCREENING},
    )
    assert words in found["marker.baseline"]


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"visit_conduct": {"window": "10 weeks"}}, "visit_conduct.window", "overlap"),
        ({"visit_conduct": {"missed": 1}}, "visit_conduct.missed", "out of range"),
        ({"visit_conduct": {"misread": {"ill": {}}}}, "visit_conduct.misread.ill", "not a state"),
        (
            {"visit_conduct": {"misread": {"active": {"death": 0.1}}}},
            "visit_conduct.misread.active",
            "never misread",
        ),
        (
            {"visit_conduct": {"misread": {"active": {"relapse": 0.7, "remission": 0.7}}}},
            "visit_conduct",
            "sum to at most 1",
        ),
        ({"intercurrent_events": {"rescue": {}}}, "intercurrent_events.rescue.strategy", "missing"),
        (
            {"intercurrent_events": {"rescue": {**RESCUE["rescue"], "strategy": "composit"}}},
            "intercurrent_events.rescue.strategy",
            "Did you mean 'composite'",
        ),
        (
            {"intercurrent_events": {"rescue": {**RESCUE["rescue"], "hazard_per_year": {"x": 1}}}},
            "intercurrent_events.rescue.hazard_per_year",
            "not a state",
        ),
        (
            {
                "intercurrent_events": {
                    "rescue": {**RESCUE["rescue"], "by_endpoint": {"no such": "composite"}}
                }
            },
            "intercurrent_events.rescue.by_endpoint.no such",
            "not an endpoint",
        ),
    ],
)
def test_what_cannot_be_watched_is_told(
    problems: Any, changes: dict[str, Any], key: str, words: str
) -> None:
    assert words in problems(**changes)[key]


@pytest.mark.parametrize(
    "test", [n for n, k in plain_tests().items() if k.outcome is BinaryOutcome]
)
@pytest.mark.parametrize("states", [["active", "remission", "relapse", "death"], ["death"]])
def test_where_everybody_or_nobody_responds_nothing_is_significant_and_no_table_has_a_nan(
    folder: Any, test: str, states: list[str]
) -> None:
    scenario = scenario_from_mapping(
        content(
            model="unlikely.yaml",
            endpoints={"primary": {**RESPONSE, "states": states}},
            analysis={"test": test},
        ),
        folder=folder,
    )
    result = run(scenario, 4, seed=SEED)
    assert result.points[0].power.value == 0
    (table,) = operating_table(result).renderables
    cells = [text for column in table.columns for pair in column.items() for text in pair]
    assert not any("nan" in cell.split() for cell in cells)


def test_a_score_is_the_marker_at_randomization_only_where_all_start_in_one_state(
    folder: Any,
) -> None:
    from lupusim.scenario.document.yaml_writer import block

    mixed = {**DISEASE, "start": {"active": 0.5, "relapse": 0.5}}
    (folder / "mixed.yaml").write_text(block(mixed), encoding="utf-8")
    with pytest.raises(ScenarioError, match="start in several states"):
        scenario_from_mapping(
            content(
                model="mixed.yaml",
                endpoints={"primary": {"kind": "marker_change", "at": "52 weeks"}},
                analysis={"test": "ancova"},
                marker={**MARKER, "baseline": "sledai"},
                population={**content()["population"], "screening": SCREENING},
            ),
            folder=folder,
        )
