"""Scenarios to start from, and files of ours in words."""

from __future__ import annotations

import re

import click
import pytest

from lupusim.cli.scenarios import new as command
from lupusim.errors import ScenarioError
from lupusim.report.words import scenario_in_words, what_it_means
from lupusim.scenario import load_scenario, packaged_names
from lupusim.scenario.document.yaml_reader import parse_document
from lupusim.scenario.files.scenario import scenario_from_document
from lupusim.scenario.starters import STARTERS, starter_text


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
        (
            ("two_rates", "--set", "control=30"),
            "control=30: 30 is not a share. Write '30 %' or 0.3.\nnothing was written",
        ),
        (("score", "--set", "sd=-1"), "sd=-1: -1 is out of range. Give a number, above 0."),
        (("score", "--set", "better=up"), "better=up: 'up' is not one of the choices. Valid: low"),
        (("two_rates", "--set", "test=fischer"), "test=fischer: 'fischer' is not one of the ch"),
        (("two_rates", "--set", "control=[30"), "control=[30: it cannot be read"),
        (("two_rates", "--set", "control=30 % # x"), "control=30 % # x: it cannot be read"),
        (("two_rates", "--set", "allocation=1:2:3"), "allocation=1:2:3: '1:2:3' is for 3 arms"),
        (("two_rates", "--set", "looks=75 %, 50 %"), "looks=75 %, 50 %: these are no times"),
        (("two_rates", "--set", "looks=0,5"), "looks=0,5: these are no times of interim looks"),
        (("two_rates", "--set", "looks=soon"), "looks=soon: 'soon' is not a share"),
        (("two_rates", "--set", "futility=0"), "futility=0: there is no interim look. Say when"),
        (("two_rates", "--set", "second=20 %"), "second=20 %: '20 %' is not two values. Write"),
        (("two_rates", "--set", "second=20 %, 140 %"), "second=20 %, 140 %: '140 %' is not from 0"),
        (("time_to_event", "--set", "events=900"), "events=900: "),
        (("counts", "--set", "size=many", "--set", "looks=1"), "size=many: 'many' is not a whole"),
        (("dose_arms", "--set", "low=45"), "low=45: 45 is not a share"),
        (("platform", "--set", "joins=6"), "joins=6: 6 has no unit"),
        (
            ("time_to_event", "--set", "enrollment=20"),
            "enrollment=20: 20 has no unit. Write 20 per month.\nnothing was written",
        ),
        (
            ("score", "--set", "dropout=0.1"),
            "dropout=0.1: 0.1 has no unit. Write 10 % a year, such as 10 % in 24 weeks, or 0.1 per",
        ),
        (("survival",), "Did you mean 'time_to_event'?"),
        (("two_rates", "--set", "test=chi2"), "Did you mean 'pooled_z'?"),
        (("score", "--set", "difference=4"), "State 'control' and 'treated', whose difference it"),
        (("counts", "--set", "overdispersion=0.8"), "Did you mean 'dispersion'?"),
        (("two_rates", "--set", "control=30,5 %"), "'30,5 %' has a comma. Write a point: 30.5 %."),
        (("model", "--set", "dropout=10"), "Write 10 % a year, such as 10 % in 24 weeks, or 10"),
        (
            ("counts", "--set", "control=1.2", "--set", "treated=0.8"),
            "control=1.2: 1.2 has no unit. Write 1.2 per year.",
        ),
        (
            ("time_to_event", "--set", "hazard_ratio=0.7", "--set", "treated=0.8"),
            "treated=0.8: 'treated' is said already. Keep one of them",
        ),
        (
            ("time_to_event", "--set", "treated=20 months", "--set", "onset=3 months"),
            "onset=3 months: it goes with a hazard_ratio. Say that ratio in place of '20 months'",
        ),
        (("score", "--set", "control=a: b"), "control=a: b: it cannot be read"),
        (
            ("two_rates", "--set", "looks=1", "--set", "futility=low"),
            "futility=low: 'low' is not a",
        ),
        (
            ("time_to_event", "--set", "test=survival_difference"),
            "Write such as 'test=survival_difference, at: VALUE'.",
        ),
        (("model", "--set", "treated=msc-centrall"), "msc-central"),
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


ALL_SAID = {
    "two_rates": ["test=fisher_exact", "better=more", "second=20 %, 40 %"],
    "time_to_event": ["test=cox", "better=later", "second=30 months, 0.8", "onset=3 months"],
    "score": ["test=t_test", "better=lower", "second=20 %, 40 %", "correlation=0.7"],
    "counts": ["test=rate_ratio", "better=fewer", "dispersion=0.3"],
    "ordinal": ["test=wilcoxon", "second=20 %, 40 %", "levels=[bad, fair, good]"],
    "dose_arms": ["test=fisher_exact", "better=more", "method=fixed_sequence"],
    "platform": ["test=fisher_exact", "better=more", "method=holm", "controls=all"],
    "model": ["test=fisher_exact", "better=more", "second=complete_remission"],
}
SAID_OF_ALL = ["alpha=1 %", "sided=1", "looks=50 %, 75 %", "efficacy=pocock", "futility=0"]


@pytest.mark.parametrize("kind", STARTERS)
def test_a_kind_takes_test_direction_looks_and_a_second_hypothesis(kind: str) -> None:
    said = dict(word.split("=", 1) for word in [*ALL_SAID[kind], *SAID_OF_ALL])
    assert set(STARTERS[kind].further) - set(said) <= {"margin"}
    text = starter_text(kind, said)
    assert len(text.splitlines()) < 30
    scenario = scenario_from_document(parse_document(text, "mine.yaml", ScenarioError))
    trial = scenario.points[0].trial
    assert trial.analysis is not None
    assert (trial.analysis.name, trial.analysis.alpha) == (said["test"], 0.01)
    assert len(trial.looks) == 3
    assert trial.stopping is not None
    assert trial.stopping.gives_up or trial.family is None
    several = "second" in said or len(trial.arms) > 2
    assert (trial.family is not None) == several


@pytest.mark.parametrize(
    ("kind", "said", "written"),
    [
        ("time_to_event", "hazard_ratio=0.7", "{event: {hazard_ratio: 0.7}}"),
        ("time_to_event", "treated=0.7", "{event: {hazard_ratio: 0.7}}"),
        ("time_to_event", "treated=20 months", "{event: 20 months}"),
        ("time_to_event", "median=10 months", "{event: 10 months}"),
        ("counts", "rate_ratio=0.5", "{flares: {rate_ratio: 0.5}}"),
        ("counts", "treated=0.9 per year", "{flares: 0.9 per year}"),
        ("ordinal", "odds_ratio=3", "{level: {odds_ratio: 3}}"),
        ("ordinal", "treated=[20 %, 30 %, 50 %]", "{level: [20 %, 30 %, 50 %]}"),
        ("dose_arms", "high=60 %", "{response: 60 %}"),
        ("two_rates", "sample_size=90", "sample_size: 90"),
        ("two_rates", "treated={odds_ratio: 2}", "{response: {odds_ratio: 2}}"),
    ],
)
def test_a_number_may_be_called_as_in_the_file_and_be_what_a_file_may_say(
    kind: str, said: str, written: str, lupusim, tmp_path
) -> None:
    file = tmp_path / "mine.yaml"
    code, _, err = lupusim("new", kind, "--set", said, "--file", file)
    assert (code, err) == (0, "")
    assert written in file.read_text()


def test_a_plain_number_that_is_taken_for_a_ratio_is_told(lupusim, tmp_path) -> None:
    said = ("--set", "control=1.2 per year", "--set")
    out = lupusim("new", "counts", *said, "treated=0.8", "--file", tmp_path / "a.yaml")[1]
    assert "treated=0.8 is taken for the rate ratio to the control" in out
    out = lupusim("new", "counts", *said, "rate_ratio=0.8", "--file", tmp_path / "c.yaml")[1]
    assert "rate ratio" not in out
    out = lupusim("new", "counts", *said, "treated=0.8 per year", "--file", tmp_path / "b.yaml")[1]
    assert "rate ratio" not in out


def test_interim_looks_are_told_beside_the_last(lupusim, tmp_path) -> None:
    for said, told in (("2", "looks=2 makes 2 interim looks and the last."), ("none", "")):
        file = tmp_path / f"{said}.yaml"
        out = lupusim("new", "two_rates", "--set", f"looks={said}", "--file", file)[1]
        assert told in out
        assert ("and the last" in out) == bool(told)


def test_events_that_do_not_follow_the_patients_are_told(lupusim, tmp_path) -> None:
    for said, told in (((), True), (("--set", "events=170"), False)):
        arguments = (
            "time_to_event",
            "--set",
            "size=300",
            *said,
            "--file",
            tmp_path / f"{told}.yaml",
        )
        assert ("leaves the 180 events" in lupusim("new", *arguments)[1]) == told


def test_one_mistake_has_one_message(lupusim, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    _, _, err = lupusim("new", "platform", "--set", "joins=never")
    assert err.splitlines()[0].startswith("joins=never: 'never' is not a duration.")
    assert err.splitlines()[1:] == ["nothing was written"]


def test_what_is_not_said_is_not_in_the_file() -> None:
    for kind in STARTERS:
        text = starter_text(kind, {})
        assert "better" not in text.replace("not better", "")
        assert "margin" not in text
        assert not re.search(r"^looks:\n  - .*\n  - ", text, re.MULTILINE)


def test_equal_steps_give_looks_after_equal_numbers_of_patients() -> None:
    text = starter_text("score", {"looks": "2"})
    scenario = scenario_from_document(parse_document(text, "mine.yaml", ScenarioError))
    words = what_it_means(scenario)
    assert "Look 1: 40 patients followed for 24 weeks, to be" in words
    assert "Look 2: 80 patients" in words


def test_a_margin_goes_to_the_test() -> None:
    text = starter_text("two_rates", {"test": "unpooled_z", "margin": "0.1", "treated": "30 %"})
    scenario = scenario_from_document(parse_document(text, "mine.yaml", ScenarioError))
    assert "being not worse by the margin" in what_it_means(scenario)


def test_a_terminal_is_asked_again_for_what_was_wrong(lupusim, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = []
    answers = {"share of responders in the control": iter(["30", "30 %"])}

    def prompt(words: str, default: str) -> str:
        asked.append(words)
        return next(answers.get(words, iter([default])))

    monkeypatch.setattr(command, "_on_terminal", lambda: True)
    monkeypatch.setattr(click, "prompt", prompt)
    monkeypatch.setattr(click, "confirm", lambda *_, **__: True)
    code, out, err = lupusim("new")
    assert code == 0
    assert "two_rates.yaml is written" in out
    assert "Not said" not in out
    assert "control=30: 30 is not a share" in err
    assert (asked[0], asked[-1]) == ("kind of trial", "share of responders in the control")
    assert asked.count("patients in all") == 1
    assert any(words.startswith("test, such as fisher_exact") for words in asked)
    assert "looks" not in (tmp_path / "two_rates.yaml").read_text()


def test_the_kinds_are_listed_with_what_each_may_be_told(lupusim):
    out = lupusim("new", "--list")[1]
    assert all(kind in out for kind in STARTERS)
    assert "share of responders in the control (default 30 %)" in out
    one = lupusim("new", "counts", "--list")[1]
    assert "dispersion" in one
    assert "two_rates" not in one
    assert "Did you mean 'counts'?" in lupusim("new", "count", "--list")[2]


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
