"""The smallest observed effect that would succeed, against the bounds worked out by hand."""

from __future__ import annotations

import math

import pytest

from lupusim.planning.runs.run import run
from lupusim.report.run.smallest import smallest_rows
from lupusim.scenario import load_scenario


def rows_of(name: str) -> dict[str, str]:
    point = run(load_scenario(name), 20, seed=1).points[0]
    return dict(smallest_rows(point, seed=1))


def number(words: str) -> float:
    return float(words.split("(", maxsplit=1)[0].removeprefix("about "))


def test_of_looks_at_events_it_is_the_bound_over_the_root_of_a_quarter_of_them() -> None:
    rows = rows_of("time_to_event")
    bounds = {1: (2.5093, 120), 2: (1.9929, 180)}  # O'Brien-Fleming's spending, Lan and DeMets
    assert len(rows) == 2
    for look, (z, events) in bounds.items():
        words = rows[f"look {look}, smallest hazard ratio seen that succeeds"]
        by_hand = math.exp(-z / math.sqrt(events / 4))
        assert words.endswith(f"({by_hand:.3g} by theory)")
        assert number(words) == pytest.approx(by_hand, rel=0.03)


def test_of_two_shares_it_is_the_bound_times_the_root_of_their_variances() -> None:
    rows = rows_of("two_rates")
    ((label, words),) = rows.items()
    assert label == "smallest risk difference seen that succeeds"
    error = math.sqrt(2 * 0.425 * 0.575 / 50)  # pooled, 50 patients an arm
    assert number(words) == pytest.approx(1.96 * error, rel=0.04)


def test_where_a_rule_chooses_nothing_is_promised() -> None:
    assert rows_of("regimen_selection") == {}
