"""What people read: rounded numbers, the table, the sentence."""

from __future__ import annotations

import io
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from lupusim.analysis.multiplicity.procedures import Adjusted
from lupusim.analysis.proportions.beta_binomial import BetaPrior
from lupusim.analysis.proportions.posterior_tests import PosteriorDifferenceTest
from lupusim.analysis.registry import TESTS
from lupusim.endpoints import Hierarchy, Responder, TimeToEvent
from lupusim.errors import ScenarioError
from lupusim.planning.runs.run import run
from lupusim.report.numbers import grouped, in_hundred, rounded, share
from lupusim.report.run import tries
from lupusim.report.run.layout import FittedTable, Headings
from lupusim.report.run.single_arm import nothing_better
from lupusim.report.run.table import (
    _sizes,
    all_rows,
    how_to_repeat,
    main_rows,
    meaning,
    run_report,
    words_of_test,
)
from lupusim.scenario.document.yaml_reader import parse_document
from lupusim.scenario.files.scenario import scenario_from_document
from lupusim.simulation.adaptation import SelectArms
from lupusim.simulation.tally import Mean
from lupusim.trial import Analysis, Dropout
from lupusim.trial.multiplicity import Family
from lupusim.trial.scenario import DesignPoint
from lupusim.trial.treatment.arms import Infusions, Lots
from lupusim.trial.treatment.costs import Costs
from trials import analysis, disease_trial, exponential_arm, scenario, survival_trial
from trials_staged import selection_trial

RESPONSE = Responder(name="alive", states=("alive",), at=1.0)


def printed_lines(result, rows=None, *, width=250):
    text = io.StringIO()
    Console(file=text, width=width).print(run_report(result, rows))
    return text.getvalue().splitlines()


def printed(result, rows=None, *, width=250):
    return " ".join(" ".join(printed_lines(result, rows, width=width)).split())


@pytest.mark.parametrize(
    ("value", "mcse", "text"),
    [
        (0.81234, 0.0039, "0.812 (0.004)"),
        (0.81234, 0.039, "0.81 (0.04)"),
        (0.81234, 0.39, "0.8 (0.4)"),
        (123.4, 3.9, "123 (4)"),
        (123.4, 39.0, "123 (39)"),
        (1.0, 0.0, "1 (0)"),
        (math.nan, math.nan, "none"),
        (0.5, 1e-9, "0.5 (0)"),
        (0.5, 1e-6, "0.500000 (0.000001)"),
    ],
)
def test_a_number_has_no_more_digits_than_its_error_allows(value, mcse, text):
    assert rounded(Mean(value=value, mcse=mcse)) == text


def test_shares_and_counts_are_easy_to_read():
    assert grouped(1234567) == "1 234 567"
    assert [in_hundred(Mean(value=v, mcse=0.0)) for v in (0.0, 0.024, 0.5, 0.995, 1.0)] == [
        "0.0",
        "2.4",
        "50",
        "99.5",
        "100.0",
    ]


def test_the_report_shows_all_designs_and_how_to_get_them_again():
    result = run(scenario(survival_trial(), disease_trial(), command="trial.yaml"), 20)
    text = printed(result)
    for part in (
        "sample_size ┃ 60 ┃ 61",
        "(sample_size = 60, 61)",
        "power (logrank, alpha 0.025, 1-sided)",
        "type I error",
        "20 replicates, seed 20260101",
    ):
        assert part in text
    again = how_to_repeat(result)
    assert again.endswith("\nlupusim run trial.yaml --replicates 20 --seed 20260101")


def test_a_row_that_the_first_design_lacks_is_shown():
    other = survival_trial(analysis=analysis(alpha=0.1), n_patients=80)
    text = printed(run(scenario(survival_trial(), other), 20))
    assert "alpha 0.025" in text
    assert "alpha 0.1" in text


def test_a_ratio_is_told_beside_its_log_and_of_how_many_trials_it_is_known():
    result = run(scenario(survival_trial(n_patients=6, analysis=analysis("cox"))), 200)
    (point,) = result.points
    log_ratio = point.tally.mean("estimate")
    assert point.estimate_ratio.value == pytest.approx(math.exp(log_ratio.value))
    assert point.row()["estimate_ratio_mcse"] == pytest.approx(
        math.exp(log_ratio.value) * log_ratio.mcse
    )
    text = printed(result)
    assert text.count(f"; {log_ratio.n / 2:.0f} % defined") == 2  # of the logarithm, and the ratio
    assert "; few events" in text
    assert "few events" not in printed(run(scenario(survival_trial(n_patients=80)), 20))


def test_no_ratio_is_told_where_none_is_estimated():
    difference = survival_trial(analysis=analysis("pooled_z"), primary=RESPONSE, visits=(1.0,))
    alone = survival_trial(arms=(exponential_arm("cells", 0.5),), analysis=None)
    for trial in (difference, alone):
        result = run(scenario(trial), 20)
        assert result.points[0].estimate_ratio is None
        assert "geometric" not in printed(result)


def test_a_hierarchy_is_told_level_by_level():
    death = TimeToEvent(name="death", events=("death",))
    hierarchy = Hierarchy(name="worst", levels=(death, RESPONSE))
    trial = survival_trial(primary=hierarchy, analysis=analysis("win_ratio"), visits=(1.0,))
    result = run(scenario(trial), 20)
    text, row = printed(result), result.points[0].row()
    assert f"win ratio, geometric mean │ {rounded(result.points[0].estimate_ratio)}" in text
    shares = [row[f"level_1_{kind}_cells"] for kind in ("wins", "losses", "ties")]
    assert sum(shares) == pytest.approx(1.0)
    assert f"pairs cells wins / loses / ties: level 1, death │ {shares[0]:.2f}" in text
    assert "pairs cells wins / loses / ties: all levels" in text
    second = survival_trial(secondary=(hierarchy,), visits=(1.0,))
    assert "worst: pairs cells wins / loses / ties: level 2, alive" in printed(
        run(scenario(second), 20)
    )


def test_the_sentence_says_how_often_the_trial_succeeds():
    result = run(scenario(survival_trial()), 50)
    assert in_hundred(result.points[0].power) in meaning(result)


def test_a_single_arm_is_described_without_power():
    alone = survival_trial(arms=(exponential_arm("cells", 0.5),), analysis=None)
    result = run(scenario(alone), 20)
    assert "power" not in printed(result)
    assert "one arm" in meaning(result).lower()


def rules(*alphas, **changes):
    """Designs that judge the same patients at other levels."""
    trials = [survival_trial(analysis=analysis(alpha=alpha), **changes) for alpha in alphas]
    points = [
        DesignPoint(values={"analysis": {"test": "logrank", "alpha": alpha}}, trial=trial)
        for alpha, trial in zip(alphas, trials, strict=True)
    ]
    return run(replace(scenario(*trials), points=tuple(points)), 40)


def test_designs_that_judge_the_same_patients_are_compared_in_pairs():
    result = rules(0.01, 0.2)
    text = printed(result)
    assert "Differences between designs that judge the same patients" in text
    assert "analysis = logrank, alpha 0.2 │ analysis = logrank, alpha 0.01" in text
    compared = result.to_json()["points"][1]
    assert compared["compared_with"] == {"analysis": {"test": "logrank", "alpha": 0.01}}
    assert compared["power_difference"] == pytest.approx(
        result.points[1].power.value - result.points[0].power.value
    )
    table = result.operating_characteristics
    assert table["analysis"].tolist() == ["logrank, alpha 0.01", "logrank, alpha 0.2"]
    assert math.isnan(table["power_difference_mcse"][0])
    assert "Differences" not in printed(run(scenario(survival_trial()), 20))


def test_as_many_designs_stand_beside_each_other_as_fit_and_none_is_lost():
    result = rules(0.01, 0.02, 0.05, 0.1, 0.2)
    for width in (50, 60, 80, 100, 250):
        lines = printed_lines(result, width=width)
        assert max(map(len, lines)) <= width
        text = " ".join(" ".join(lines).split())
        for point in result.points:
            assert f"{point.trial.analysis.alpha:g}" in text
            assert text.count(share(point.power)) >= 1
        blocks = sum(line.startswith("│ patients") for line in lines)
        assert blocks == 1 if width == 250 else blocks > 1 or width > 80


def test_designs_become_rows_where_their_columns_do_not_fit_and_not_everything_is_asked():
    result = rules(0.01, 0.02, 0.05, 0.1, 0.2)
    text = printed(result, main_rows, width=80)
    assert "duration from" not in text
    assert "--details: all rows" in text
    for point in result.points:
        assert f"│ {share(point.power)} │" in text


@pytest.mark.parametrize(
    ("width", "below"), [(76, "exact power in each: 0.2048"), (90, "patients in each: 60")]
)
def test_a_row_for_each_design_breaks_no_name_and_tells_below_what_is_the_same(width, below):
    names = ("nephritis-control", "nephritis-relapsed-control")
    row = {
        "patients": "60",
        "exact power": "0.2048",
        "power": "0.18 (0.03)",
        "months": "50.9 (0.2)",
    }
    values = [f"{name}\n{ratio}" for name in names for ratio in (1.32, 1.73)]
    called = Headings(names=(), key=(), corner="model\nhazard_ratio", tops=tuple(values))
    overview = [row | {"power": f"0.1{k} (0.03)"} for k in range(4)]
    columns = [{f"a row of {width} characters" * 2: "x" * 20}] * 4
    table = FittedTable(title="T", caption="C", headings=called, columns=columns, overview=overview)
    stream = io.StringIO()
    Console(file=stream, width=width).print(table)
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert text.count("nephritis-relapsed-control ") == 2
    assert [f"0.1{k} (0.03)" in text for k in range(4)] == [True] * 4
    assert below in " ".join(text.split())


@pytest.mark.parametrize(("width", "heading"), [(43, "exact type I error"), (31, "exact type I")])
def test_long_headings_take_several_lines_before_a_column_is_left_out(width, heading):
    overview = [{"exact power": "0.21", "exact type I error": "0.02 (0.003)"}] * 4
    called = Headings(names=(), key=(), corner="size", tops=("60", "120", "180", "240"))
    columns = [{"a row": "x" * 30}] * 4
    table = FittedTable(title="T", caption="C", headings=called, columns=columns, overview=overview)
    stream = io.StringIO()
    Console(file=stream, width=width).print(table)
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) == width
    assert f"┃ {heading} ┃" in text
    assert text.count("│ 0.02 (0.003) │" if heading.endswith("I") else "0.02 (0.003) │") == 4
    assert "in each" not in text


def test_no_path_above_the_labels_is_broken():
    corner = "population.effects.0.hazard_ratio"
    called = Headings(names=(), key=(), corner=corner, tops=("1", "2", "3", "4"))
    columns = [{"power": "x" * 18}] * 4
    table = FittedTable(title="T", caption="C", headings=called, columns=columns)
    for width in (80, 100, 120):  # three beside each other in 120 columns, four would break it
        stream = io.StringIO()
        Console(file=stream, width=width).print(table)
        text = stream.getvalue()
        assert max(map(len, text.splitlines())) <= width
        assert corner in text
        assert text.count("x" * 18) == 4


def test_designs_with_long_names_have_numbers_and_a_key():
    long = {"looks.0.efficacy.spending": "hwang_shih_decani with the gamma of the protocol"}
    points = [
        DesignPoint(values={**long, "analysis.alpha": alpha}, trial=survival_trial())
        for alpha in (0.01, 0.02, 0.05, 0.1)
    ]
    result = run(replace(scenario(survival_trial()), points=tuple(points)), 20)
    text = printed(result)
    words = long["looks.0.efficacy.spending"]
    assert f"design 4: looks.0.efficacy.spending = {words}, analysis.alpha = 0.1" in text
    assert "│ design 4 │ design 1 │" in text
    names = [f"spending = {words}, alpha = {alpha}" for alpha in (0.01, 0.02, 0.05, 0.1)]
    assert f"({'; '.join(names)})" in meaning(result)
    five = meaning(rules(0.01, 0.02, 0.05, 0.1, 0.2))
    assert "(the worst: analysis = logrank, alpha 0.01) to " in five
    assert "(the best: analysis = logrank, alpha 0.2) of 100 tries; " in five
    assert "of 5 designs reach 80" in five


def test_only_of_numbers_one_is_the_first_to_reach_a_power():
    assert "alpha 0.45 alone reaches 80" in meaning(rules(0.001, 0.45))
    assert "all reach 80" in meaning(rules(0.4, 0.45))
    sizes = [
        DesignPoint(values={"sample_size": n}, trial=survival_trial(n_patients=n))
        for n in (20, 300, 400)
    ]
    stated = meaning(run(replace(scenario(survival_trial()), points=tuple(sizes)), 40))
    assert "the first to reach 80 is sample_size = 300" in stated


@pytest.mark.parametrize(
    ("mcse", "doubted"), [(0.0, False), (0.004, False), (0.006, True), (0.02, True)]
)
def test_what_chance_may_decide_is_not_told_as_the_first_to_reach_a_power(
    mcse, doubted, monkeypatch
):
    points = rules(0.01, 0.02).points
    powers = dict(zip(map(id, points), (0.6, 0.81), strict=True))
    monkeypatch.setattr(tries, "power_of", lambda p: Mean(value=powers[id(p)], mcse=mcse, n=400))
    said = tries.tries_in_words(points)
    assert "alpha 0.02 alone reaches 80" in said
    assert ("chance may decide: a power lies within 2 standard errors" in said) == doubted


def test_a_share_of_none_or_all_says_what_it_may_be_instead_of_an_error_of_zero():
    assert share(Mean(value=0.0, mcse=0.0, n=1000)) == "0 (below 0.004)"
    assert share(Mean(value=1.0, mcse=0.0, n=50)) == "1 (above 0.92)"
    assert share(Mean(value=0.0, mcse=0.0)) == "0 (0)"
    assert share(Mean(value=0.5, mcse=0.05, n=100)) == "0.50 (0.05)"


def test_quantiles_are_shown_of_what_varies_and_costs_with_their_currency():
    priced = survival_trial(costs=Costs(fixed=10, per_month=1, currency="kEUR"))
    text = printed(run(scenario(priced), 40))
    assert "cost, kEUR" in text
    for quantity in ("cost", "duration, months", "events"):
        assert f"{quantity}: quantiles 10 %, 50 %, 90 %" in text
    assert "patients randomized: quantiles" not in text


def test_a_count_of_none_or_all_of_many_tries_is_a_limit():
    assert in_hundred(Mean(value=0.0, mcse=0.0, n=1000)) == "fewer than 0.4"
    assert in_hundred(Mean(value=1.0, mcse=0.0, n=100)) == "more than 96.3"


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (BetaPrior(), "posterior_difference; threshold 0.975"),
        (BetaPrior(alphas=(12.5,), betas=(30.0,)), "control prior Beta(12.5, 30)"),
        (
            BetaPrior(weights=(0.8, 0.2), alphas=(12.5, 1.0), betas=(30.0, 1.0)),
            "control prior 0.8 Beta(12.5, 30) + 0.2 Beta(1, 1)",
        ),
    ],
)
def test_what_is_borrowed_stands_beside_the_power(prior, words):
    test = PosteriorDifferenceTest(threshold=0.975, control_prior=prior)
    shown = words_of_test(Analysis(name="posterior_difference", test=test, effect="difference"))
    assert words in shown
    assert ("Beta" in shown) is (prior != BetaPrior())


def test_a_time_of_a_test_is_shown_with_its_unit():
    test = TESTS["survival_difference"].with_parameters({"at": 0.5})
    shown = words_of_test(Analysis(name="survival_difference", test=test, effect="difference"))
    assert shown == "survival_difference; at 6 months"


def test_arms_that_lose_patients_differently_are_not_wholly_alike():
    trial = survival_trial(dropout=Dropout(per_year=0.1, by_arm={"cells": 2.0}))
    assert nothing_better(trial) == "both arms alike but for dropout"
    assert nothing_better(survival_trial()) == "both arms alike"
    assert "no difference but in dropout, " in meaning(run(scenario(trial), 40))
    assert "no difference, " in meaning(run(scenario(survival_trial()), 40))


@pytest.mark.parametrize(
    ("dropout", "sd", "unlike"),
    [({}, 0.5, "lots"), ({"cells": 2.0}, 0.5, "dropout and lots"), ({}, 0.0, "")],
)
def test_arms_whose_lots_differ_are_not_wholly_alike(dropout, sd, unlike):
    lots = Lots(doses=6, sd=sd, raises=(("alive", "death"),))
    infusions = Infusions(cells_per_kg=1e6, lots=lots)
    trial = survival_trial(dropout=Dropout(per_year=0.1, by_arm=dropout))
    control, cells = trial.arms
    trial = replace(trial, arms=(control, replace(cells, infusions=infusions)))
    assert nothing_better(trial) == "both arms alike" + (f" but for {unlike}" if unlike else "")
    but = f" but in {unlike}" if unlike else ""
    assert f"no difference{but}, " in meaning(run(scenario(trial), 40))


def test_of_arms_that_are_selected_all_are_alike():
    assert nothing_better(selection_trial(SelectArms(keep=1), 0.5, 0.5)) == (
        "all arms alike, any claim"
    )


@pytest.mark.parametrize("n_patients", [99, 100, 101, 250])
@pytest.mark.parametrize("ratio", [(1, 1, 1), (1, 2), (2, 3, 4)])
def test_the_numbers_of_patients_by_arm_add_up(n_patients: int, ratio: tuple[int, ...]) -> None:
    arms = [exponential_arm(f"arm {k}", 0.8, allocation=part) for k, part in enumerate(ratio)]
    family = Family(procedure=Adjusted(method="holm")) if len(ratio) > 2 else None
    trial = survival_trial(arms=tuple(arms), n_patients=n_patients, family=family)
    _, shown = _sizes(trial)
    total, *parts = map(int, re.findall(r"\d+", shown))
    assert total == sum(parts) == n_patients
    assert ("about" in shown) == (n_patients % sum(ratio) > 0)
    assert np.abs(np.array(parts) - n_patients * np.array(ratio) / sum(ratio)).max() < 1


def test_a_run_says_that_no_formula_knows_correlated_outcomes():
    text = """schema: lupusim/scenario/1
title: Two outcomes
outcomes: {response: {kind: response, at: 24 weeks}, relapse: {kind: time_to_event}}
correlation: 0.5
arms:
  - {name: control, control: true, outcomes: {response: 30 %, relapse: 14 months}}
  - {name: treated, outcomes: {response: 55 %, relapse: 20 months}}
enrollment: 12 per month
follow_up: 52 weeks
analysis: {test: pooled_z, alpha: 0.025, sided: 1}
sample_size: 40
"""
    told = {}
    for written in (text, text.replace("correlation: 0.5\n", "")):
        document = parse_document(written, "two.yaml", ScenarioError)
        result = run(scenario_from_document(document), 20, seed=1)
        told[written] = dict(all_rows(result.points[0]))
    correlated, alone = told.values()
    assert correlated["power by a formula"] == "none where outcomes are correlated"
    assert "power by a formula" not in alone
