"""The commands ``size``, ``assurance`` and ``sensitivity``."""

from __future__ import annotations

import json
import math
import os
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from lupusim.cli import app
from lupusim.cli.planning import size
from lupusim.errors import ModelError
from lupusim.planning.execution.ledger import LedgerError
from lupusim.planning.sample_size.growth import designs as distinct
from lupusim.planning.sample_size.options import Search
from lupusim.scenario import load_scenario
from lupusim.scenario.files.draws import load_model_draws
from lupusim.simulation.tally import Mean
from tolerance import assert_within_mcse


def called(*words: str) -> str:
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_size_answers_with_an_interval_and_a_confirmation(tmp_path: Path) -> None:
    plot = tmp_path / "power.svg"
    words = ["size", "phase2_remission_52w", "--power", "0.8", "--precision", "0.06"]
    answer = json.loads(called(*words, "--jobs", "1", "--format", "json", "--plot", str(plot)))
    assert {"n_patients", "interval", "power", "power_mcse"} <= set(answer)
    assert answer["interval"][0] <= answer["n_patients"] <= answer["interval"][1]
    assert abs(answer["power"] - 0.8) < 0.1
    assert plot.read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.slow
def test_assurance_integrates_over_packaged_draws() -> None:
    words = ["assurance", "phase2_remission_52w", "--draws", "msc-central", "--replicates", "400"]
    text = called(*words, "--jobs", "1", "--width", "140")
    assert "assurance" in text
    assert "power, if all is as stated" in text


def test_sensitivity_shows_both_ends_of_each_range() -> None:
    words = ["sensitivity", "survival_200_events", "--over", "sample_size=240,360"]
    text = called(*words, "--over", "arms.experimental.effects.0.hazard_ratio=0.6,0.8")
    assert text.index("│ hazard ratio") < text.index("│ patients in all")


def test_dropout_is_asked_from_nobody_where_the_file_says_nothing_of_it() -> None:
    """By 24 weeks exp(-0.2 t) are left; who has gone has not responded."""
    words = ["sensitivity", "two_rates", "--over", "dropout.per_year=0,0.2", "--format", "json"]
    (swing,) = json.loads(called(*words))["swings"]
    left = math.exp(-0.2 * 24 / 52.1775)
    x, y = np.meshgrid(np.arange(61), np.arange(61), indexing="ij")
    with np.errstate(invalid="ignore"):
        z = (y - x) / np.sqrt((x + y) * (1 - (x + y) / 120))
    for end, stays in (("at_low", 1.0), ("at_high", left)):
        chance = stats.binom.pmf(x, 60, 0.3 * stays) * stats.binom.pmf(y, 60, 0.55 * stays)
        by_hand = chance[np.nan_to_num(z) >= stats.norm.isf(0.025)].sum()
        assert swing[end] == pytest.approx(by_hand, abs=1e-6)


OVER = ["--over", "dropout.per_year=0.05:0.3", "--over", "sample_size=60:150"]


@pytest.mark.slow
def test_sobol_indices_share_out_the_variance(tmp_path: Path) -> None:
    plot = tmp_path / "sobol.svg"
    words = ["sensitivity", "phase2_remission_52w", *OVER, "--sobol", "--replicates", "200"]
    found = json.loads(called(*words, "--jobs", "1", "--format", "json", "--plot", str(plot)))
    assert [row["path"] for row in found["indices"]] == ["sample_size", "dropout.per_year"]
    assert found["indices"][0]["total"] > 0.5
    assert "patients in all" in plot.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_frontier_shows_each_design_at_its_size(tmp_path: Path) -> None:
    plot = tmp_path / "frontier.svg"
    words = ["size", "phase2_remission_52w", "--power", "0.8", "--precision", "0.2"]
    words += ["--over", "arms.msc.allocation=1,2", "--frontier", "duration"]
    found = json.loads(called(*words, "--jobs", "1", "--format", "json", "--plot", str(plot)))
    assert {row["arms.msc.allocation"] for row in found["designs"]} == {1, 2}
    assert any(row["on_frontier"] for row in found["designs"])
    assert found["designs"][0]["duration"] <= found["designs"][1]["duration"]
    assert "allocation" in plot.read_text(encoding="utf-8")
    text = called(*words, "--jobs", "1")
    assert "is the cheapest with power 0.8" in text


@pytest.mark.slow
def test_designs_that_a_scenario_varies_get_a_row_each_in_their_order() -> None:
    words = ["size", "phase2_sri4_24w", "--power", "0.8", "--jobs", "1", "--format", "json"]
    result = CliRunner().invoke(app, [*words, "--precision", "0.2"], catch_exceptions=False)
    found = json.loads(result.stdout)
    assert result.stderr == ""
    path = "arms.msc.effects.0.hazard_ratio"
    assert [row[path] for row in found["designs"]] == [1.70, 2.93, 5.85]
    found_sizes = [row["n_patients"] for row in found["designs"]]
    assert found_sizes == sorted(found_sizes, reverse=True)
    assert "on_frontier" not in found["designs"][0]  # they differ in what is true, not in cost


def test_designs_that_a_scenario_varies_are_told_from_the_smallest_to_the_largest() -> None:
    from lupusim.report.questions.answers import sizes_sentence

    found = zip([588, 72, 19_998], [588.0, 72.0, float("nan")], strict=True)
    table = [{"n_patients": n_patients, "cost": cost} for n_patients, cost in found]
    words = "72 to 588 patients, by design, reach power 0.8"
    assert sizes_sentence(table[:2], target=0.8) == f"{words}."
    short = "1 of 3 designs do not within the limit of patients"
    assert sizes_sentence(table, target=0.8) == f"{words}; {short}."
    assert sizes_sentence(table[:1], target=0.8) == "588 patients reach power 0.8."
    assert sizes_sentence(table[2:], target=0.8).startswith("None of these designs")


def test_what_the_search_decides_and_how_precisely_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from lupusim.cli.planning import size as sizing

    asked: list[Search] = []
    monkeypatch.setattr(sizing, "_size", lambda *words: asked.append(words[2]))
    monkeypatch.setattr(sizing, "_frontier", lambda *words: asked.append(words[2]))
    result = CliRunner().invoke(app, ["size", "phase2_remission_52w"], catch_exceptions=False)
    assert result.stderr == "the values of sample_size are left out: the search decides it\n"
    assert asked[-1].precision == 0.01
    result = CliRunner().invoke(app, ["size", "platform_regimens"], catch_exceptions=False)
    assert "--precision 0.01 takes 19 times as long" in result.stderr
    assert asked[-1].precision == 0.044


@pytest.mark.slow
def test_how_precisely_is_said_of_the_designs_that_are_simulated_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts, platform = (load_scenario(name) for name in ("phase3_bicla_52w", "platform_regimens"))
    ((_, costly), *_) = distinct(platform)
    assert size._precision(counts, lambda: [], None) == 0.01
    assert capsys.readouterr().err == ""
    assert size._precision(counts, lambda: [costly], None) > 0.02
    assert "the sizes of 1 of 3 designs are searched to" in capsys.readouterr().err
    assert size._precision(platform, lambda: [costly], 0.03) == 0.03


def test_the_value_of_the_data_is_a_table_over_sizes(tmp_path: Path) -> None:
    plot = tmp_path / "value.svg"
    words = ["assurance", "phase2_remission_52w", "--no-effect", "0.4", "--worthwhile", "0.1"]
    words += ["--value", "2000", "--patient-cost", "0.3", "--replicates", "100", "--jobs", "1"]
    found = json.loads(called(*words, "--format", "json", "--plot", str(plot)))
    assert [row["n_patients"] for row in found["sizes"]] == [60, 120, 180, 240]
    for row in found["sizes"]:
        assert row["evsi"] <= row["perfect_information"] + 1e-9
        assert row["net_value"] == pytest.approx(row["evsi"] - 0.3 * row["n_patients"])
    assert "knowing the truth" in plot.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        ["--effect-sd", "0.2"],
        ["--effect-sd", "0.2", "--sceptical", "0.3", "--worthwhile-ratio", "0.7"],
        ["--effect-sd", "0.2", "--no-effect", "0.3", "--worthwhile", "0.05", "--by", "1 year"],
    ],
)
def test_every_prior_for_the_effect_can_be_asked_for(words: list[str]) -> None:
    asked = ["assurance", "survival_200_events", *words, "--replicates", "1000", "--jobs", "1"]
    point = json.loads(called(*asked, "--format", "json"))["points"][0]
    assert point["assurance"] < point["power"]
    assert ("worthwhile" in point) == ("--worthwhile" in words)


@pytest.mark.parametrize(
    "words", [[], ["--sceptical", "0.5", "--worthwhile-ratio", "1.5"], ["--no-effect", "0.2"]]
)
def test_doubt_lies_around_the_hazard_ratio_of_each_design(
    words: list[str], tmp_path: Path
) -> None:
    """Each design is answered as a scenario that has it alone."""
    text = (files("lupusim") / "data/scenarios/phase2_sri4_24w.yaml").read_text(encoding="utf-8")

    def assured(ratios: str) -> list[Mean]:
        file = tmp_path / "own.yaml"
        file.write_text(text.replace("[1.70, 2.93, 5.85]", ratios), encoding="utf-8")
        asked = ["assurance", str(file), "--effect-sd", "0.2", *words, "--replicates", "2000"]
        points = json.loads(called(*asked, "--jobs", "1", "--format", "json"))["points"]
        return [Mean(value=p["assurance"], mcse=p["assurance_mcse"]) for p in points]

    weak, strong = assured("[1.70, 5.85]")
    for found, ratio in ((weak, "[1.70]"), (strong, "[5.85]")):
        (alone,) = assured(ratio)
        assert_within_mcse(found.value, alone.value, mcse=found.mcse)
    with pytest.raises(AssertionError):  # as if it lay around the first design's
        assert_within_mcse(strong.value, weak.value, mcse=strong.mcse)


@pytest.mark.slow
def test_an_arm_with_its_own_model_takes_a_further_hazard_ratio() -> None:
    words = ["assurance", "phase2_remission_52w", "--effect-sd", "0.5", "--replicates", "200"]
    with pytest.raises(ValueError, match="Say where a further one acts with --effect-on"):
        called(*words)
    with pytest.raises(ValueError, match="'msc' has no transition 'active -> nowhere'; it has"):
        called(*words, "--effect-on", "active -> nowhere")
    points = json.loads(
        called(*words, "--effect-on", "active->complete_remission", "--format", "json")
    )["points"]
    assert 0 < points[0]["assurance"] < 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sceptical", "0.3"], "need --effect-sd"),
        (["--effect-sd", "0.2", "--sceptical", "0.3"], "--worthwhile-ratio go together"),
        (
            ["--effect-sd", "0.2", "--sceptical", "0.3", "--effect-on", "a->b"],
            "--sceptical discounts a stated hazard ratio",
        ),
        (["--effect-sd", "0.2", "--effect-on", "relapse"], "must be a transition such as"),
        (["--patient-cost", "1"], "--patient-cost goes with --value"),
        (["--by", "1 year"], "--by goes with"),
        (["--value", "0"], "--value 0 must be above 0"),
        (["--value", "10"], "say --by when"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_line(words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        called("assurance", "survival_200_events", *words)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [
        ["size"],
        pytest.param(["assurance"], marks=pytest.mark.slow),
        pytest.param(["sensitivity", *OVER], marks=pytest.mark.slow),
    ],
)
def test_finished_work_is_kept_and_taken_over(tmp_path: Path, words: list[str]) -> None:
    amount = ["--precision", "0.2"] if words[0] == "size" else ["--replicates", "200"]
    asked = [words[0], "phase2_remission_52w", *words[1:], *amount, "--jobs", "1"]
    asked += ["--format", "json", "--out", str(tmp_path)]
    first = called(*asked)
    assert called(*asked, "--resume") == first
    assert json.loads((tmp_path / f"{words[0]}.json").read_text()) == json.loads(first)
    with pytest.raises(LedgerError, match="continue it with --resume"):
        called(*asked)


def test_an_interrupted_search_tells_what_it_has_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from lupusim.planning.sample_size.hunt import Hunt

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Hunt, "fit", interrupted)
    monkeypatch.setattr(os, "_exit", sys.exit)  # where joblib is loaded, leaving ends the process
    words = ["size", "survival_200_events", "--jobs", "1", "--format"]
    result = CliRunner().invoke(app, [*words, "json"])
    assert result.exit_code == 130
    assert json.loads(result.stdout)["powers"][0]["n_replicates"] == 500
    assert "PARTIAL RESULT" in CliRunner().invoke(app, [*words, "table"]).stdout


def test_a_range_of_one_value_is_refused() -> None:
    with pytest.raises(ValueError, match="give two values, low and high"):
        called("sensitivity", "survival_200_events", "--over", "sample_size=240")
    with pytest.raises(ValueError, match="must be a path and its values"):
        called("sensitivity", "survival_200_events", "--over", "sample_size")
    with pytest.raises(ValueError, match="--sobol takes plain numbers"):
        called(
            "sensitivity", "phase2_remission_52w", "--over", "follow_up=1 year,2 years", "--sobol"
        )


def test_draws_are_found_by_name_and_by_file() -> None:
    draws = load_model_draws("msc-durable")
    assert draws.name == "msc-durable"
    assert len(draws.models) >= 1000
    with pytest.raises(ModelError, match="no number of this model is declared free"):
        load_model_draws("illness-death")


def test_a_calibrated_model_without_draws_says_how_to_make_them(tmp_path: Path) -> None:
    from lupusim.scenario.files.packaged import find_packaged

    copy = tmp_path / "mine.yaml"
    copy.write_bytes(find_packaged("models", "msc-durable", ModelError).read_bytes())
    with pytest.raises(ModelError, match="lupusim calibrate --out"):
        load_model_draws(copy)
    (tmp_path / "mine.draws.npz").write_bytes(b"no table")
    with pytest.raises(ModelError, match="no table of draws"):
        load_model_draws(copy)
