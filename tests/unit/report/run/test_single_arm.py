"""What people read of a single arm."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lupusim.planning.runs.run import run
from lupusim.report.document.content import methods
from lupusim.report.document.for_protocol import protocol_of
from lupusim.report.document.markdown import as_markdown
from lupusim.report.document.parts import Table
from lupusim.report.run.table import main_rows, run_report
from lupusim.report.words.trials import what_it_means
from lupusim.scenario import load_scenario, scenario_from_mapping
from scenario_contents import ONE_ARM
from tolerance import SEED

RESPONDER = {"kind": "responder", "states": ["death"], "at": "6 months"}


def printed(scenario):
    text = io.StringIO()
    Console(file=text, width=250).print(run_report(run(scenario, 50, seed=SEED)))
    return " ".join(text.getvalue().split())


def of(analysis, primary):
    return scenario_from_mapping(
        {**ONE_ARM, "analysis": analysis, "endpoints": {"primary": primary}}
    )


def test_two_stages_are_shown_with_what_is_exact():
    text = printed(load_scenario("single_arm_simon"))
    assert "stops at stage 1 with at most │ 1 of 11" in text
    assert "fails at stage 2 with at most │ 4 of 26" in text
    assert "type I error (exact at the null rate 0.084) │ 0.0476 (exact)" in text
    for label in ("stops early, exact", "patients analyzed, exact", "power, exact"):
        assert label in text
    assert "claims a response rate above 0.084 in" in text
    assert "whether the treatment made the difference is not tested" in text
    assert "no spread between trials" in text
    assert "0.4231 (0)" in text  # not six digits of a share that does not vary
    laws = ("msc-central", "msc-durable", "msc-fading", "standard-care")
    assert f"msc patients fare {', or '.join(f'as in {law}' for law in laws)}, the trial" in text
    assert "model: of msc (arms.msc.model)" in text


@pytest.mark.parametrize(("better", "side"), [("more", "above"), ("fewer", "below")])
def test_a_rate_is_above_or_below_the_one_that_is_to_be_beaten(better, side):
    scenario = of({"test": "exact_binomial", "null_rate": 0.3}, {**RESPONDER, "better": better})
    assert f"a response rate {side} 0.3 in" in printed(scenario)


def test_a_threshold_takes_the_place_of_alpha():
    text = printed(
        of({"test": "posterior_probability", "null_rate": 0.3, "threshold": 0.9}, RESPONDER)
    )
    assert "power (posterior_probability; null_rate 0.3; threshold 0.9) │" in text


def test_a_reference_has_a_twin():
    against = {"hazard_per_year": 0.5}
    text = printed(of({"test": "one_sample_logrank", "against": against}, {"kind": "survival"}))
    assert "type I error (patients fare as the reference)" in text
    assert "claims a difference from the reference in" in text
    assert "If there were none" in text


def test_two_stages_are_told_in_responders_and_not_on_the_scale_of_z():
    scenario = load_scenario("single_arm_simon")
    rule = (
        "The trial stops after 11 patients if at most 1 have responded; it succeeds with more than "
        "4 of 26."
    )
    said = what_it_means(scenario)
    assert rule in said
    assert "Simulated trials obey the bounds for failure" in said
    result = run(scenario, 20, seed=SEED)
    tables = [part for part in methods(result).parts if isinstance(part, Table)]
    assert [table.head[0] for table in tables[1:]] == ["stage"]  # once for all four designs
    assert [row[3] for row in tables[1].rows] == [
        "at most 1",
        "2 or more",
        "at most 4",
        "5 or more",
    ]
    text = as_markdown(protocol_of(result), "figures")[0]
    assert rule in text
    assert "B-value" not in text
    assert "with model = msc-durable" in text  # most power of all tables, not of 20 trials


def test_designs_without_a_test_show_what_they_estimate_and_captions_what_they_show():
    result = run(load_scenario("cohort_5y"), 20, seed=SEED)
    text = io.StringIO()
    Console(file=text, width=80).print(run_report(result, main_rows))
    told = " ".join(text.getvalue().split())
    assert "responders, msc" in told
    assert "sd: spread from trial to trial" in told
    text = io.StringIO()
    result = run(load_scenario("regimen_adaptive"), 10, seed=SEED)
    Console(file=text, width=80).print(run_report(result, main_rows))
    told = " ".join(text.getvalue().split())
    assert "sd: spread" not in told  # of nothing that is not there
    assert told.index("success of any arm") < told.index("responders, placebo")
