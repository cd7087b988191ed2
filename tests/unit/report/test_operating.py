"""What people read: rounded numbers, the table, the sentence."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from lupusim.planning.run import run
from lupusim.planning.tally import Mean
from lupusim.report.numbers import grouped, in_hundred, rounded
from lupusim.report.operating import meaning, run_report
from trials import analysis, disease_trial, exponential_arm, scenario, survival_trial


def printed(result):
    text = io.StringIO()
    Console(file=text, width=250).print(run_report(result))
    return " ".join(text.getvalue().split())


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
    text = printed(run(scenario(survival_trial(), disease_trial(), command="trial.yaml"), 20))
    for part in (
        "sample_size = 60",
        "sample_size = 61",
        "power (logrank, alpha 0.025, 1-sided)",
        "type I error",
        "lupusim run trial.yaml --replicates 20 --seed 20260101",
        "20 replicates, seed 20260101",
    ):
        assert part in text


def test_a_row_that_the_first_design_lacks_is_shown():
    other = survival_trial(analysis=analysis(alpha=0.1), n_patients=80)
    text = printed(run(scenario(survival_trial(), other), 20))
    assert "alpha 0.025" in text
    assert "alpha 0.1" in text


def test_the_sentence_says_how_often_the_trial_succeeds():
    result = run(scenario(survival_trial()), 50)
    assert in_hundred(result.points[0].power) in meaning(result)


def test_a_single_arm_is_described_without_power():
    alone = survival_trial(arms=(exponential_arm("cells", 0.5),), analysis=None)
    result = run(scenario(alone), 20)
    assert "power" not in printed(result)
    assert "one arm" in meaning(result).lower()
