"""The short report for a protocol: what it holds, and what stands in for a source is none."""

from __future__ import annotations

import pytest

from lupusim.errors import ScenarioError
from lupusim.planning.runs.run import run
from lupusim.report.document.estimand import ATTRIBUTES
from lupusim.report.document.for_protocol import protocol_of
from lupusim.report.document.markdown import as_markdown
from lupusim.report.words.sources import NO_SOURCE, source_in_words, source_of
from lupusim.scenario import load_scenario
from lupusim.scenario.document.yaml_reader import parse_document
from lupusim.scenario.files.scenario import scenario_from_document
from lupusim.scenario.starters import starter_text
from tolerance import SEED


def text_of(kind: str, said: dict[str, str], *replaced: tuple[str, str]) -> str:
    text = starter_text(kind, said)
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    scenario = scenario_from_document(parse_document(text, "mine.yaml", ScenarioError))
    return as_markdown(protocol_of(run(scenario, 50, seed=SEED)), "figures")[0]


def test_it_has_what_a_statistics_section_needs_and_no_more() -> None:
    text = text_of("time_to_event", {"looks": "50 %", "futility": "0"})
    titles = [line.split(". ", 1)[1] for line in text.splitlines() if line.startswith("## ")]
    wanted = ["Estimand of the trial", "Sample size", "Analysis", "Assumptions", "Software"]
    assert titles == wanted
    assert "A total of 280 patients will be randomized 1:1 (140 to control, 140 to treated)" in text
    assert "One interim look is held, with data cut at: 90 events (time to event)." in text
    assert "| 1 | 90 events (time to event) | 0.500 | efficacy |" in text
    assert f"50 trials of the design, seed {SEED}" in text
    assert "![" not in text
    assert len(text.split()) < 900  # two pages


def test_what_stands_in_for_a_source_is_told_as_an_assumption() -> None:
    text = text_of("two_rates", {})
    assert text.count(NO_SOURCE) == 4
    assert "say here" not in text
    stated = ("dropout: 10 % a year", 'dropout: {per_year: 10 % a year, source: "Smith 2020"}')
    text = text_of("two_rates", {}, stated)
    assert "| dropout | 10 of 100 leave within a year, 4.73 within 24 weeks | Smith 2020 |" in text
    assert text.count(NO_SOURCE) == 3


@pytest.mark.parametrize(
    "words",
    [
        "assumption",
        "say here where your numbers come from: assumption",
        "TODO",
        "",
        "An assumption.",
    ],
)
def test_words_that_name_no_source(words: str) -> None:
    assert source_in_words(words) == NO_SOURCE


def test_the_nearest_source_is_that_of_a_number() -> None:
    sources = {"scenario": "all", "arms.1.effects": "one", "arms.1.model": "two", "arms.12": "far"}
    assert source_of(sources, "arms.1") == "one; two"
    assert source_of(sources, "arms.0") == "all"
    assert source_of({}, "dropout") == NO_SOURCE


def test_an_arm_does_not_lend_its_sources_to_another_and_a_model_has_its_own() -> None:
    text = as_markdown(protocol_of(run(load_scenario("phase3_bicla_52w"), 8, seed=SEED)), "f")[0]
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    sources = {row[0].removeprefix("| "): row[2] for row in rows if len(row) == 3}
    assert "Wang 2014" in sources["msc"]
    assert "Wang 2014" not in sources["placebo"]
    assert sources["placebo"].startswith("TULIP-1 and -2 pooled: 366 and 360 patients")  # of all
    assert sources["model bicla-control"].startswith("TULIP-1 and -2 pooled; BLISS pooled; Hao")
    assert "The model bicla-control: Placebo with standard care: at week 52 BICLA 31 %" in text


def test_the_estimand_follows_from_the_scenario_where_it_is_not_stated() -> None:
    text = text_of("score", {"better": "higher", "dropout": "none"})
    rows = dict(
        line.strip("| ").split(" | ", 1) for line in text.splitlines() if line.startswith("| ")
    )
    assert set(ATTRIBUTES) <= set(rows)
    assert rows["treatment"] == "treated against control (as the scenario has it)"
    assert rows["variable"].startswith("change of score at 24 weeks, where higher is better")
    assert rows["intercurrent events"] == "none beside the endpoint (as the scenario has it)"
    assert rows["summary measure"].startswith("difference of means")
    assert rows["population"] == "not stated"
    assert "The scenario does not state its population: add 'estimand:' to it." in text


def test_of_several_designs_it_is_about_the_first_with_enough_power() -> None:
    result = run(load_scenario("two_rates"), 400, seed=SEED)
    powers = [point.power.value for point in result.points if point.power is not None]
    assert powers[0] < 0.77 < powers[1]
    for target, size in ((0.6, 100), (0.77, 120), (0.999, 160)):
        text = as_markdown(protocol_of(result, target=target), "figures")[0]
        assert f"A total of {size} patients" in text
        assert f"Of 3 designs, that with sample size = {size}." in text


@pytest.mark.parametrize("name", ["regimen_adaptive", "single_arm_simon", "platform_regimens"])
def test_trials_of_every_kind_have_one(name: str) -> None:
    assert "## 5. Software" in as_markdown(protocol_of(run(load_scenario(name), 20)), "figures")[0]
