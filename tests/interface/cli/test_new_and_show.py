"""Scenarios to start from, and files of ours in words."""

from __future__ import annotations

import re

import pytest

from lupusim.errors import ScenarioError
from lupusim.report.words import scenario_in_words, what_it_means
from lupusim.scenario import load_scenario, packaged_names
from lupusim.scenario.document.yaml_reader import parse_document
from lupusim.scenario.files.scenario import scenario_from_document
from lupusim.scenario.files.starters import STARTERS, starter_text


@pytest.mark.parametrize("kind", STARTERS)
def test_every_kind_is_a_short_commented_scenario_without_a_warning(
    kind,
    lupusim,
    tmp_path,
    monkeypatch,
):
    monkeypatch.chdir(tmp_path)
    code, out, _ = lupusim("new", kind)
    assert code == 0
    assert f"lupusim run {kind}.yaml" in out
    text = (tmp_path / f"{kind}.yaml").read_text()
    assert len(text.splitlines()) < 30
    assert "#" in text
    code, out, err = lupusim("check", f"{kind}.yaml")
    assert (code, err) == (0, "")
    assert "no problem found" in out
    again, _, err = lupusim("new", kind)
    assert again == 1
    assert err == f"{kind}.yaml exists already; name another by --file\n"


def test_numbers_that_were_not_said_are_told(lupusim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, out, _ = lupusim("new", "two_rates", "--set", "control=20 %", "--set", "size=300")
    told = out.splitlines()[0]
    assert told.startswith("Not said, so taken: allocation 1:1, enrollment 10 per month, dropout")
    assert "control" not in told
    assert "size" not in told


def test_a_kind_takes_the_numbers_it_is_told() -> None:
    said = {"control": "20 %", "treated": "35 %", "size": "300", "allocation": "1:2"}
    text = starter_text("two_rates", said)
    scenario = scenario_from_document(parse_document(text, "mine.yaml", ScenarioError))
    words = what_it_means(scenario)
    assert words.startswith("300 patients, 1:2 (control : treated), enrolled over about 30 months.")
    assert "control: 20 % have response at 24 weeks. treated: 35 % have response" in words
    assert words.endswith(
        "Success if a benefit is shown by the pooled z test (one-sided alpha 0.025)."
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("two_rate",), "Did you mean 'two_rates'?"),
        (("two_rates", "--set", "sd=8"), "takes no 'sd'. It takes size, allocation"),
        (("two_rates", "--set", "control"), "is not NAME=VALUE"),
        (("two_rates", "--set", "control=30"), "30 is not a share. Write '30 %' or 0.3"),
    ],
)
def test_what_no_kind_takes_is_told_and_nothing_is_written(
    arguments,
    words,
    lupusim,
    tmp_path,
    monkeypatch,
):
    monkeypatch.chdir(tmp_path)
    code, out, err = lupusim("new", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert not list(tmp_path.iterdir())


def test_the_kinds_are_listed_with_what_each_may_be_told(lupusim):
    out = lupusim("new", "--list")[1]
    assert all(kind in out for kind in STARTERS)
    assert "share of responders in the control (default 30 %)" in out


def test_a_paragraph_says_what_a_sequential_trial_is() -> None:
    words = what_it_means(load_scenario("time_to_event"))
    for part in (
        "280 patients, 1:1 (control : treated), enrolled over about 23 months.",
        "All are followed until the last look; 10 of 100 leave within a year.",
        "control: median time to relapse 14 months.",
        "treated: hazard ratio of relapse 0.65 against the control.",
        "Look 1: 120 events (time to relapse), success above z = 2.509, failure below z = ",
        "Last look: 180 events (time to relapse), success above z = 1.993.",
    ):
        assert part in words


@pytest.mark.parametrize("name", packaged_names("scenarios"))
def test_every_packaged_scenario_is_said_in_words(name: str) -> None:
    scenario = load_scenario(name)
    words = scenario_in_words(scenario)
    trial = scenario.points[0].trial
    assert words.startswith(scenario.title)
    assert all(arm.name.replace("_", " ") in words for arm in trial.arms)
    assert "Estimand:" in words
    assert not re.search(r"nan|inf |None|<", words.partition("Question:")[0])


def test_models_and_evidence_are_shown_and_checked(lupusim):
    out = lupusim("show", "illness-death")[1]
    assert "healthy -> ill" in out
    assert "States: healthy, ill, death." in out
    code, out, _ = lupusim("check", "msc-durable", "--width", 200)
    assert code == 0
    assert out.startswith("msc-durable: no problem found\n")
    assert "complete_remission -> relapse  0.0257" in out
    assert "51.1 % are responder: as above." in out
    assert "Where its numbers come from: SAT0244; wang-2013" in out
    out = lupusim("show", "SAT0244", "--width", 200)[1]
    assert "81 patients" in out
    assert (
        "relapse among the ever remitted (read; for durable, central; a check, not fitted)" in out
    )


def test_what_is_copied_may_be_checked_and_nothing_is_copied_over(
    lupusim,
    tmp_path,
):
    assert lupusim("init", tmp_path)[0] == 0
    for name in ("models/standard-care.yaml", "evidence/SAT0244.yaml", "two_rates.yaml"):
        code, out, _ = lupusim("check", tmp_path / name)
        assert (code, "no problem found" in out) == (0, True)
    (tmp_path / "two_rates.yaml").unlink()
    assert lupusim("init", tmp_path)[0] == 1
    assert not (tmp_path / "two_rates.yaml").exists()


def test_the_sentence_of_a_run_says_what_is_stated_of_the_arms(lupusim):
    said = " ".join(lupusim("run", "two_rates", "--replicates", 10, "--jobs", 1)[1].split())
    assert (
        "That holds if the arms are as stated (control: 30 % have response at 24 weeks; "
        "treated: 55 % have response at 24 weeks). "
    ) in said
