"""Rates as protocols say them."""

from __future__ import annotations

import math
import re

import pytest

from lupusim.report.words.trials import dropout_in_words
from lupusim.scenario import load_scenario
from lupusim.scenario.document.amounts import parse_rate
from lupusim.scenario.files.number_at import number_at
from lupusim.scenario.starters import starter_text

WEEKS_A_YEAR = 365.2425 / 7


@pytest.mark.parametrize(
    ("words", "share", "years"),
    [
        ("10 % in 24 weeks", 0.1, 24 / WEEKS_A_YEAR),
        ("10% by 24 weeks", 0.1, 24 / WEEKS_A_YEAR),
        ("10 percent within 6 months", 0.1, 0.5),
        ("20 % over the first 2 years", 0.2, 2),
        ("20 % within a year", 0.2, 1),
        ("20 % per 6 months", 0.2, 0.5),
        ("20 % a year", 0.2, 1),
    ],
)
def test_a_percentage_by_a_time_is_the_constant_hazard_that_reaches_it(words, share, years) -> None:
    assert 1 - math.exp(-parse_rate(words) * years) == pytest.approx(share, rel=1e-12)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("10 %", "does not say within what time. Write 10 % a year, or such as 10 % in 24 weeks"),
        (
            "10 % in total",
            "'10 % in total' is not a rate: it does not say within what time. Write 10 %",
        ),
        ("10 % in 24 parsecs", "'parsecs' is not a unit of time"),
        ("10 % in 0 weeks", "names no time"),
        ("100 % in 24 weeks", "is not a share below 100 %"),
    ],
)
def test_a_percentage_without_a_time_is_told_how_to_say_one(words, told) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        parse_rate(words)


def test_dropout_of_a_protocol_is_read_said_and_varied(tmp_path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(starter_text("two_rates", {"dropout": "10 % in 24 weeks"}))
    trial = load_scenario(file).points[0].trial
    assert trial.dropout.per_year == pytest.approx(-math.log(0.9) * WEEKS_A_YEAR / 24)
    assert dropout_in_words(trial) == "20.5 of 100 leave within a year, 10 within 24 weeks"
    found = number_at(file, ["dropout"])
    assert (found.stated.value, found.stated.unit) == (10.0, "% in 24 weeks")
    other = found.build({"dropout": found.stated.written(20.0)})
    assert other.dropout.per_year == pytest.approx(-math.log(0.8) * WEEKS_A_YEAR / 24)
