from __future__ import annotations

import copy
from typing import Any

import pytest

from lupusim.calibration.fit import fit_studies
from lupusim.calibration.targets.counts import OccupancyCounts
from lupusim.calibration.targets.studies import Role, overlap_warnings
from lupusim.errors import EvidenceError
from lupusim.scenario.files.evidence import load_study, study_from_mapping
from lupusim.scenario.files.packaged import packaged_names

STUDY: dict[str, Any] = {
    "schema": "lupusim/evidence/1",
    "name": "mine",
    "citation": "nobody 2026",
    "n_patients": 81,
    "targets": [
        {
            "name": "state",
            "kind": "occupancy",
            "at": "5 years",
            "n": 81,
            "counts": {"complete_remission": 22, "active + relapse": 40},
            "how_known": "read",
            "quote": "22/81",
        },
        {
            "name": "deaths",
            "kind": "survival",
            "at": ["5 years"],
            "alive": [68],
            "n": 81,
            "how_known": "read",
            "quote": "68/81",
        },
    ],
}


def problems(change: Any) -> str:
    content = copy.deepcopy(STUDY)
    change(content)
    with pytest.raises(EvidenceError) as caught:
        study_from_mapping(content)
    return str(caught.value)


@pytest.mark.parametrize("name", packaged_names("evidence"))
def test_every_packaged_study_says_where_its_numbers_come_from(name: str) -> None:
    study = load_study(name)
    assert study.name == name
    assert study.citation
    assert all(target.quote and target.how_known for target in study.targets)


def test_packaged_overlaps_name_packaged_studies_and_are_mutual() -> None:
    studies = {name: load_study(name) for name in packaged_names("evidence")}
    for study in studies.values():
        assert set(study.overlaps) <= set(studies)
        for other in study.overlaps:
            assert study.name in studies[other].overlaps or other in study.overlaps


def test_a_sound_study_is_read() -> None:
    study = study_from_mapping(STUDY)
    measure = study.targets[0].measure
    assert isinstance(measure, OccupancyCounts)
    assert measure.counts[("active", "relapse")] == 40
    assert measure.observed.tolist() == [22, 40, 19]


def test_survivors_as_denominator_are_recognized() -> None:
    def change(content: Any) -> None:
        content["targets"][0] |= {"n": 68, "counts": {"complete_remission": 22}}

    message = problems(change)
    assert "n = 68 looks like the survivors" in message
    assert "81 patients, and 13 died" in message
    assert "22/68 = 32.4% is a share of survivors" in message
    assert "22/81 = 27.2% a share of all" in message
    assert "n: 81" in message


def test_survivors_are_accepted_where_the_file_says_so() -> None:
    content = copy.deepcopy(STUDY)
    content["targets"][0] |= {
        "n": 68,
        "counts": {"complete_remission": 22},
        "outside": ["death"],
    }
    assert study_from_mapping(content).targets[0].measure.outside == ("death",)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("counts", {"complete_remission": 90}, "more than n = 81"),
        ("counts", {"complete_remission": 50, "active": 40}, "sum to 90"),
        ("counts", {}, "nobody is counted"),
        ("n", 200, "more than the study's 81"),
        ("at", 5, "has no unit"),
        ("at", "-5 years", "not a duration from 0"),
        ("kind", "ocupancy", "Did you mean 'occupancy'"),
        ("soft", 0, "out of range"),
        ("soft", 2, "out of range"),
        ("sett", ["durable"], "Did you mean 'sets'"),
    ],
)
def test_a_wrong_number_is_one_clear_problem(key: str, value: Any, words: str) -> None:
    assert words in problems(lambda content: content["targets"][0].update({key: value}))


def test_a_missing_denominator_is_asked_for() -> None:
    message = problems(lambda content: content["targets"][0].pop("n"))
    assert "targets.0.n: the key is missing" in message


@pytest.mark.parametrize("size", [None, 81.5, "81"])
def test_a_size_that_can_not_be_read_is_not_held_against_targets(size: Any) -> None:
    def change(content: Any) -> None:
        content.pop("n_patients")
        content |= {} if size is None else {"n_patients": size}

    assert ": 1 problem," in problems(change)


def test_all_problems_are_reported_at_once() -> None:
    def change(content: Any) -> None:
        content["targets"][0]["counts"] = {"active": 100}
        content["targets"][1]["alive"] = [90]
        del content["citation"]

    assert "3 problems" in problems(change)


def test_two_targets_of_one_name_are_refused() -> None:
    message = problems(lambda content: content["targets"][1].update({"name": "state"}))
    assert "is the name of another target" in message


def test_overlapping_cohorts_are_warned_of_with_the_patients_counted_twice() -> None:
    warnings = overlap_warnings([load_study("SAT0244"), load_study("gu-2014")])
    assert len(warnings) == 1
    assert "SAT0244 (81 patients) and gu-2014 (81), up to 81 of them" in warnings[0]
    assert not overlap_warnings([load_study("SAT0244"), load_study("tulip-placebo")])


def test_relapse_of_the_two_readings_is_never_fitted_together() -> None:
    for name in packaged_names("evidence"):
        for target in load_study(name).chosen("durable", Role.FIT):
            assert "relapse" not in target.name


def test_contradictory_targets_are_reported_with_the_size_of_the_misfit() -> None:
    from lupusim.scenario.files.calibration_block import load_free_model

    content = copy.deepcopy(STUDY)
    other = copy.deepcopy(content["targets"][0])
    other |= {"name": "state again", "counts": {"complete_remission": 60, "active + relapse": 5}}
    content["targets"].append(other)
    content["cohort"] = "separate patients"
    fit = fit_studies([study_from_mapping(content)], load_free_model("markov-sat0244"), seed=1)
    said = [sentence for sentence in fit.statements if sentence.startswith("Not met")]
    assert len(said) >= 2
    assert any("observed 60" in sentence and "deviance" in sentence for sentence in said)
    assert fit.negative_log_likelihood - fit.likelihood.saturated_alone > 10
