"""Designs of several runs beside each other."""

from __future__ import annotations

import lupusim
from lupusim.report.run.comparison import comparison_table


def test_what_is_tested_alike_is_shown_once() -> None:
    result = lupusim.run("event_rate", n_replicates=20, seed=1)
    table = comparison_table([("a", result), ("b", result)])
    keys = [list(column) for column in table.columns]
    assert keys[0] == keys[1]
    assert len([key for key in keys[0] if key.startswith("power")]) == 1
    assert "power (negative_binomial, alpha 0.025, 1-sided)" in keys[0]


def test_what_is_tested_otherwise_has_the_same_names_first() -> None:
    runs = [
        (name, lupusim.run(name, n_replicates=20, seed=1)) for name in ("event_rate", "two_rates")
    ]
    for column in comparison_table(runs).columns:
        assert next(iter(column)) == "patients"
        assert {"power", "type I error", "months"} <= column.keys()
        power = [row for row, text in column.items() if text == column["power"]]
        assert power == ["power"]  # and not by another name once more
        assert column["test"].endswith("\nalpha 0.025\n1-sided")


def test_the_title_tells_replicates_and_seeds_in_the_order_of_the_columns() -> None:
    large = lupusim.run("event_rate", n_replicates=100, seed=2)
    small = lupusim.run("event_rate", n_replicates=20, seed=10)
    title = comparison_table([("b", large), ("a", small)]).title
    assert title == "2 runs, 100 / 20 replicates, seeds 2, 10"
