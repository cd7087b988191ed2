"""Tables of answers at any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lupusim.report.tables import AnswerTable


def _printed(width: int) -> list[str]:
    table = AnswerTable("Each design at its smallest size with power 0.8", "estimate; > the answer")
    table.add_column("")
    table.add_column("design")
    table.add_column("patients", justify="right")
    table.add_column("power (Monte Carlo)", justify="right")
    table.add_row(">", "enrollment.sites = 6, low dose", "1234", "0.8012 (0.0041)")
    table.add_row("", "enrollment.sites = 12, high dose", "987", "0.7998 (0.0040)")
    return _lines(table, width)


def _lines(table: AnswerTable, width: int) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width).print(table)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("width", [40, 45, 60, 80, 200])
def test_no_number_is_cut_or_broken_at_any_width(width):
    lines = _printed(width)
    assert max(map(len, lines)) <= width
    for number in ("1234", "987", "0.8012", "(0.0041)", "0.7998", "(0.0040)"):
        assert sum(number in line for line in lines) == 1


def test_errors_stand_below_their_numbers_before_rows_do():
    beside, below = (_printed(width) for width in (60, 52))
    assert any("0.8012 (0.0041)" in line for line in beside)
    assert not any("0.8012 (0.0041)" in line for line in below)
    number = next(line for line in below if "0.8012" in line)
    error = next(line for line in below if "(0.0041)" in line)
    assert below.index(error) == below.index(number) + 1


def test_rows_stand_below_each_other_where_a_table_does_not_fit():
    assert "design: enrollment.sites = 12," in _printed(30)
    assert "patients: 987" in _printed(30)
    assert any(line.startswith("┃") for line in _printed(80))


@pytest.mark.parametrize("width", [60, 70, 78, 84, 100])
def test_heads_of_several_words_make_no_table_wider_than_asked(width):
    table = AnswerTable(title="")
    table.add_column("")
    for size in (60, 120, 180, 240):
        table.add_column(f"sample_size =\n{size}", justify="right")
    table.add_row("power, if all is as stated", *["0.2650 (exact)"] * 4)
    table.add_row("with its error", *["0.2650\n(0.0012)"] * 4)
    told = _lines(table, width)
    assert max(map(len, told)) <= width
    assert "\n".join(told).count("0.2650") == 8
    assert "\n".join(told).count("(exact)") == 4
    assert "\n".join(told).count("(0.0012)") == 4
