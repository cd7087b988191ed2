"""The short report for a protocol: what it holds, and what stands in for a source is none."""

from __future__ import annotations

import pytest

from lupusim.errors import ScenarioError
from lupusim.planning.runs.run import run
from lupusim.report.document.estimand import ATTRIBUTES
from lupusim.report.document.evidence import characteristics_tables
from lupusim.report.document.for_protocol import protocol_of
from lupusim.report.document.markdown import as_markdown
from lupusim.report.document.protocol import design_paragraphs
from lupusim.report.figures.runs import named
from lupusim.report.run.table import main_rows
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
    assert "Up to 280 patients will be randomized 1:1 (140 to control, 140 to treated)" in text
    assert "The primary endpoint is time to event. It is tested by the log-rank test" in text
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
    first = "the first to reach power"
    for target, size, why in (
        (0.6, 100, f"{first} 0.6"),
        (0.77, 120, f"{first} 0.77"),
        (0.999, 160, "none reaches power 0.999, and it has the most"),
    ):
        text = as_markdown(protocol_of(result, target=target), "figures")[0]
        assert f"A total of {size} patients" in text
        assert f"Of 3 designs, that with sample size = {size}: {why}." in text


@pytest.mark.parametrize("name", ["regimen_adaptive", "single_arm_simon", "platform_regimens"])
def test_trials_of_every_kind_have_one(name: str) -> None:
    assert "## 5. Software" in as_markdown(protocol_of(run(load_scenario(name), 20)), "figures")[0]


def design_text(name: str) -> str:
    result = run(load_scenario(name), 20, seed=SEED)
    return "\n".join(design_paragraphs(named(result)))


def test_sizes_of_arms_are_promised_only_where_no_rule_moves_patients() -> None:
    told = design_text("regimen_selection")
    assert "Up to 400 patients will be randomized 1:1:1:1 at first (placebo, once" in told
    assert "100 to" not in told
    assert "Up to 600 patients will be randomized 1:1 (300 to placebo" in design_text(
        "ln_enrichment"
    )
    assert "A total of 160 patients will be randomized 1:1:1:1 (40 to" in design_text(
        "smart_msc_then_cart"
    )


def test_a_protocol_says_what_differs_between_patients_and_what_is_given_again() -> None:
    told = design_text("ln_enrichment")
    assert "Patients by history: 66.4 % newly diagnosed, 33.6 % relapsed." in told
    ways = "on active to complete response with history"
    assert f"On every arm: hazard ratio 0.405 {ways} relapsed." in told
    for ratio in ("1", "1.48"):
        both = f"hazard ratio {ratio} {ways} newly diagnosed; hazard ratio 2.28 {ways} relapsed."
        assert f"Assumed for msc: as in nephritis-control; {both}" in told
    told = design_text("smart_msc_then_cart")
    assert "1 million at randomization, again on no response (msc then msc)" in told
    assert "on no response the treatment of arm cart at once" in told
    assert "Cells come in lots of 6 doses" in design_text("supply_stress")


def test_arms_that_are_alike_in_one_design_alone_do_not_repeat_the_whole_of_it() -> None:
    first, other = design_text("regimen_adaptive").splitlines()
    assert "apart from what follows. Assumed for placebo" in other
    assert "Assumed for once, twice and fourfold: as in bicla-control; hazard ratio 2.3" in other
    assert "Assumed for monthly: as in bicla-control; hazard ratio 6.9" in other
    assert "Patients are randomized 1:1:1:1:1 among the arms that are left" in first
    assert "Patients are randomized" not in other


def test_who_is_screened_is_counted_of_those_who_come() -> None:
    def screened(name: str) -> tuple[str | None, float]:
        point = run(load_scenario(name), 20, seed=SEED).points[0]
        n = point.tally.mean("n_enrolled").value
        return dict(main_rows(point)).get("patients screened, expected"), n / 0.65

    told, expected = screened("regimen_adaptive")  # stops early: its number has an error
    assert told is not None
    assert told.partition(" ")[0] == f"{expected:.0f}"
    assert "(" in told
    assert screened("smart_msc_then_cart")[0] == "246"  # 160 / 0.65
    assert screened("ln_enrichment")[0] is None  # some are turned away: no error is known


def test_patients_are_promised_only_where_trials_enroll_all_of_them() -> None:
    durable, *_, early = design_text("reinfusion_withdrawal").splitlines()
    assert "A total of 300 patients will be randomized" in durable
    assert "Up to 300 patients will be randomized" in early  # its events come sooner
    assert "randomized 1:1:1:1 among the arms that are open (" in design_text("platform_regimens")


def test_captions_tell_the_truths_that_there_are() -> None:
    def caption(name: str) -> str:
        table, *_ = characteristics_tables(named(run(load_scenario(name), 20, seed=SEED)))
        return table.caption

    assert "type I error where all arms are identical" in caption("two_rates")
    assert "type I error at the null value" in caption("single_arm_simon")
    assert "Power" not in caption("cohort_5y")
