"""What ``check`` says of a scenario: every number it states, who has come, which way is good."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from lupusim.cli.scenarios.show import check
from lupusim.planning.runs.direction_check import wrong_way_beforehand
from lupusim.planning.runs.how_known import how_known
from lupusim.planning.theory.expected_times import enrolled_by_looks
from lupusim.planning.theory.power import undrawn_powers
from lupusim.report.words import what_it_means
from lupusim.scenario import load_scenario
from lupusim.scenario.starters import starter_text
from small_trials import analysis, rates
from trials import scenario, survival_trial

SCORE = """{kind: score, at: 24 weeks, baseline: 20, sd: {randomization: 6, 24 weeks: 9},
    correlation: {visits: 0.7, baseline: 0.4}, lowest: 0, missing: no_change, better: higher}"""


def written(kind: str, folder: Path, said: dict[str, str], *replaced: tuple[str, str]) -> Path:
    text = starter_text(kind, said)
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    file = folder / f"{kind}.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_score_is_said_with_its_spread_and_correlations(tmp_path: Path) -> None:
    old = "{kind: score, at: 24 weeks, sd: 8, correlation: 0.5}"
    words = what_it_means(load_scenario(written("score", tmp_path, {}, (old, SCORE))))
    for part in (
        "mean change of score -3 at 24 weeks (mean 20 at randomization, SD 6 at randomization, 9 "
        "at 24 weeks, correlation 0.4 with baseline and 0.7 between visits, never below 0, an "
        "unknown change counts as none)",
        "treated: mean change of score -7 at 24 weeks.",
        "(higher is better)",
    ):
        assert part in words


def test_counts_times_and_strata_are_said_with_all_their_numbers(tmp_path: Path) -> None:
    words = what_it_means(load_scenario(written("counts", tmp_path, {"dispersion": "0.3"})))
    assert "counted for 52 weeks; dispersion 0.3: the variance of a count is m + 0.3 m^2" in words
    poisson = load_scenario(written("counts", tmp_path, {"dispersion": "0"}))
    assert "counts vary as Poisson's law has it" in what_it_means(poisson)
    levels = "{by: severe, levels: {'yes': 6 months, 'no': 12 months}}"
    times = (
        ("{kind: time_to_event}", "{kind: time_to_event, shape: 1.5}"),
        ("event: 14 months", f"event: {levels}"),
        ("dropout:", "population: {strata: {severe: {'yes': 0.5, 'no': 0.5}}}\ndropout:"),
    )
    words = what_it_means(load_scenario(written("time_to_event", tmp_path, {}, *times)))
    # (12/6)^-1.5: with one shape the medians' ratio is a hazard ratio
    assert "median time to event 6 months of yes (hazard ratio 0.3536 of no)" in words
    assert "Weibull with shape 1.5" in words
    assert "(later is better)" in words


def test_an_early_look_says_when_it_comes_and_who_has_come(tmp_path: Path) -> None:
    loaded = load_scenario(written("two_rates", tmp_path, {"looks": "50 %, 75 %"}))
    found = enrolled_by_looks(loaded.points[0].trial)
    for patients, (time, share) in zip((60, 90), found, strict=True):
        expected = patients / 120 + 24 / 52.1775  # the last of them comes at that time on average
        assert time == pytest.approx(expected, abs=0.01)
        come = stats.poisson(120 * expected)
        numbers = np.arange(400)
        assert share == pytest.approx(
            (np.minimum(numbers, 120) * come.pmf(numbers)).sum() / 120, abs=0.005
        )
    words = what_it_means(loaded)
    assert "to be expected in month 11.5 with 94 % of the patients enrolled. Look 2: " in words
    assert "in month 14.5 with all patients enrolled" in words
    assert "By look 1 and 2 nearly all patients have come" in words.replace("looks", "look")


def test_nothing_is_said_of_who_has_come_where_few_have_or_nobody_knows(tmp_path: Path) -> None:
    slow = load_scenario(
        written("two_rates", tmp_path, {"looks": "50 %", "enrollment": "3 per month"})
    )
    assert "nearly all" not in what_it_means(slow)
    (found,) = enrolled_by_looks(slow.points[0].trial)
    assert found[1] < 0.7
    assert "to be expected" not in what_it_means(load_scenario("regimen_selection"))


def test_check_warns_of_a_wrong_direction_as_run_does(lupusim, tmp_path: Path) -> None:
    file = written("score", tmp_path, {"control": "3", "treated": "7"})
    _, _, err = lupusim("check", file)
    assert "favors control" in err
    assert (
        "has 'better: lower' (said, or by default). If higher is good, write 'better: higher'"
        in err
    )
    told = lupusim("run", file, "--replicates", 200, "--jobs", 1, "--format", "json")[1]
    (note,) = json.loads(told)["notes"]
    assert note.partition("favors")[2] == err.strip().partition("favors")[2]
    for right in ({"control": "3", "treated": "7", "better": "higher"}, {}):
        assert lupusim("check", written("score", tmp_path, right))[2] == ""


def test_nothing_large_is_simulated_by_check() -> None:
    large = scenario(survival_trial(n_patients=30_000))
    assert wrong_way_beforehand(large) == []


EXACT = ("ln_addon_crr_76w", "phase2_sri4_24w", "single_arm_simon", "two_rates")
SIMULATED = {
    "ln_enrichment": "simulated: trials are counted, since the trial adapts to what it sees.",
    "lots_and_reinfusion": "of 1 of 3 designs simulated: trials are counted, since a further",
    "survival_three_looks": "simulated, with known chance taken out unless --plain is given.",
    "supply_stress": "simulated: trials are counted, since treatment hangs on supply.",
}


@pytest.mark.parametrize("name", [*EXACT, *SIMULATED])
def test_how_the_power_will_be_known_is_said_as_a_run_finds_it(name: str) -> None:
    trials = [point.trial for point in load_scenario(name).points]
    words = how_known(trials)
    assert words.startswith(f"Power: {SIMULATED.get(name, 'exact, by sums over all ')}")
    exact = [any(one.is_exact for one in undrawn_powers(trial)) for trial in trials]
    assert exact == [name in EXACT] * len(trials)


def test_of_designs_that_are_known_in_several_ways_each_is_said() -> None:
    plain = rates((0.2, 0.5), n_patients=40)
    large = replace(plain, analysis=analysis("barnard"), n_patients=600)
    assert not undrawn_powers(large)
    many = "simulated: all tables are known up to 40000 tables for barnard"
    exact = "exact, by sums over all tables; a run simulates trials to check it"
    words = f"Power: of 2 of 3 designs {exact}; of 1 of 3 designs {many}."
    assert how_known([plain, large, plain]) == words
    assert how_known([]) == ""


def test_check_says_in_its_last_line_how_power_will_be_known(capsys) -> None:
    for name in ("two_rates", "phase2_sri4_24w"):
        check(name)
        line = capsys.readouterr().out.splitlines()[-1]
        assert line == "Power: exact, by sums over all tables; a run simulates trials to check it."
