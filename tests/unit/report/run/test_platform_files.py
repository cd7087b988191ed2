"""Arms that join or close, their controls, and drifts of prognosis in scenario files."""

from __future__ import annotations

from typing import Any

import pytest

from lupusim import run
from lupusim.report.run.arm_periods import platform_rows
from lupusim.scenario import scenario_from_mapping
from lupusim.trial.enrollment.arm_periods import Controls, OnceOnArm, OnceRandomized, OnDate
from lupusim.trial.population.drift import Drift
from scenario_contents import content, problems, trial

EDGE = "healthy -> ill"
HOLM = {"test": "logrank", "multiplicity": {"method": "holm"}}


def platform(later: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    arms = [
        {"name": "placebo", "control": True},
        {"name": "cells"},
        {"name": "later", **({"joins": "2 months"} if later is None else later)},
    ]
    return {"arms": arms, "analysis": HOLM, "sample_size": 120, **changes}


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ({"joins": "3 months"}, (OnDate(time=0.25), None)),
        ({"joins": {"patients": 40}}, (OnceRandomized(patients=40), None)),
        ({"closes": "3 months"}, (None, OnDate(time=0.25))),
        ({"closes": {"patients": 60}}, (None, OnceRandomized(patients=60))),
        (
            {"joins": "1 month", "closes": {"patients_in_arm": 20}},
            (OnDate(time=1 / 12), OnceOnArm(patients=20)),
        ),
    ],
)
def test_an_arm_says_when_it_joins_and_closes(said, read):
    arm = trial(**platform(said)).arms[2]
    assert (arm.joins, arm.closes) == read


@pytest.mark.parametrize("given", ["concurrent", "all", "adjusted"])
def test_an_analysis_says_its_controls(given):
    found = trial(**platform(analysis={**HOLM, "controls": given}))
    assert found.analysis is not None
    assert found.analysis.controls is Controls(given)


def test_a_prognosis_drifts_on_one_way_or_on_several():
    drift = Drift(on=(("healthy", "ill"),), hazard_ratio_per_year=1.2)
    one = {"on": EDGE, "hazard_ratio_per_year": 1.2}
    assert trial(population={"drift": one}).population.drift == (drift,)
    both = [{**one, "on": [EDGE]}, {"on": "ill -> death", "hazard_ratio_per_year": 0.9}]
    assert [
        d.hazard_ratio_per_year for d in trial(population={"drift": both}).population.drift
    ] == [
        1.2,
        0.9,
    ]


@pytest.mark.parametrize(
    ("changes", "key", "fault"),
    [
        (platform({"joins": 12}), "arms.2.joins", "12 has no unit"),
        (platform({"joins": {"patients": 0}}), "arms.2.joins.patients", "0 is out of range"),
        (platform({"joins": {"events": 9}}), "arms.2.joins", "no time at which the arms change"),
        (platform({"joins": {}}), "arms.2.joins", "no time at which the arms change"),
        (
            platform({"joins": {"patients_in_arm": 9}}),
            "arms.2.joins.patients_in_arm",
            "not open yet has none",
        ),
        (
            platform({"joins": "5 years"}),
            "arms.2.joins",
            "0.0 patients of this arm are expected: enrollment begins at",
        ),
        (
            platform({"joins": {"patients": 120}}),
            "arms.2.joins",
            "0.0 patients of this arm are expected",
        ),
        (
            platform(analysis={"test": "logrank", "multiplicity": {"method": "dunnett"}}),
            "analysis.multiplicity.method",
            "share all control patients",
        ),
        (
            platform(allocation={"method": "urn"}),
            "allocation.method",
            "remembers patients who came when other arms were open",
        ),
        (
            platform({}, analysis={**HOLM, "controls": "concurrent"}),
            "analysis.controls",
            "no arm joins later or leaves",
        ),
        (
            platform(
                analysis={
                    **HOLM,
                    "controls": "adjusted",
                    "test": "restricted_mean",
                    "until": "3 months",
                }
            ),
            "analysis.controls",
            "'restricted_mean' takes no strata, so it cannot be adjusted for the period. Use "
            "concurrent, or the test cox",
        ),
        (
            {"population": {"drift": {"on": EDGE}}},
            "population.drift.hazard_ratio_per_year",
            "the key is missing",
        ),
        (
            {"population": {"drift": {"on": "a -> b", "hazard_ratio_per_year": 1.1}}},
            "population.drift.0.on.0",
            "no arm's model has a transition 'a -> b'",
        ),
    ],
)
def test_a_fault_is_told_where_it_is(changes, key, fault):
    found = problems(**changes)
    assert list(found) == [key]
    assert fault in found[key]


def test_the_control_cannot_join_later_in_a_file():
    arms = [{"name": "placebo", "control": True, "joins": "2 months"}, {"name": "a"}, {"name": "b"}]
    assert list(problems(**platform(arms=arms))) == ["arms.0.joins"]


def test_further_tests_must_take_the_period_too():
    second = {"endpoint": "well", "test": "pooled_z"}
    endpoints = {
        "primary": {"kind": "time_to_event", "events": ["ill", "death"]},
        "secondary": [
            {"name": "well", "kind": "responder", "states": ["healthy"], "at": "52 weeks"}
        ],
    }
    analysis = {
        "test": "logrank",
        "controls": "adjusted",
        "multiplicity": {"method": "holm", "endpoints": [second]},
    }
    found = problems(**platform(analysis=analysis, endpoints=endpoints, visits=["52 weeks"]))
    assert "'pooled_z' takes no strata" in found["analysis.controls"]
    second["test"] = "cochran_mantel_haenszel"
    assert trial(**platform(analysis=analysis, endpoints=endpoints, visits=["52 weeks"])).family


def test_a_hierarchy_cannot_be_adjusted_by_any_test():
    level = {"kind": "time_to_event", "events": ["death"]}
    found = problems(
        **platform(
            endpoints={"primary": {"kind": "hierarchy", "levels": [level]}},
            analysis={**HOLM, "test": "win_ratio", "controls": "adjusted"},
        )
    )
    assert found["analysis.controls"].endswith("Use concurrent.")


def test_the_table_shows_patients_and_controls():
    whole = content(**platform(analysis={**HOLM, "controls": "all"}))
    (point,) = run(scenario_from_mapping(whole), n_replicates=20, seed=1).points
    rows = dict(platform_rows(point))
    assert rows["controls"] == "all"
    assert {"patients randomized, later", "controls compared with later"} <= rows.keys()
    (fixed,) = run(scenario_from_mapping(content()), n_replicates=20, seed=1).points
    assert dict(platform_rows(fixed)) == {}
