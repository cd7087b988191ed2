"""Times in words."""

from __future__ import annotations

import math

import pytest

from lupusim.trial.durations import format_duration, format_times


@pytest.mark.parametrize(
    ("years", "words"),
    [
        (10 / 12, "10 months"),
        (10.5 / 12, "10.5 months"),
        (0.1 / 12, "0.1 months"),
        (1.0, "1 year"),
        (-0.5, "-0.5 years"),
        (math.inf, "inf years"),
        (math.nan, "nan years"),
    ],
)
def test_a_time_is_told_in_a_unit_that_makes_it_short(years: float, words: str) -> None:
    assert format_duration(years) == words


@pytest.mark.parametrize(
    ("years", "words"),
    [
        ([0.0, 0.25, 1.0], "0, 3, 12 months"),
        ([1.0], "1 year"),
        ([2 / 52.1775, 0.5], "2 weeks, 6 months"),
        ([1.0, math.inf], "1 year, inf years"),
    ],
)
def test_times_are_listed_in_one_unit_that_makes_all_whole(years: list[float], words: str) -> None:
    assert format_times(years) == words
