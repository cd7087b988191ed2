"""The command ``lupusim occupancy``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

from lupusim.cli.options import Format, FormatOption
from lupusim.cli.parameters import Argument, Option

if TYPE_CHECKING:
    import pandas as pd


def occupancy(
    model: Annotated[str, Argument(metavar="MODEL", help="A model file or packaged name.")],
    at: Annotated[list[str], Option("--at", help='A study time such as "1 year"; repeat it.')],
    format: FormatOption = Format.table,
) -> None:
    """Solve exactly for the share of patients in each state at study times."""
    from lupusim.engines import exact
    from lupusim.scenario import load_model
    from lupusim.scenario.document.durations import parse_duration

    times = [parse_duration(time) for time in at]
    loaded = load_model(model)
    table = exact.occupancy(loaded, times)
    if format is Format.json:
        shares = {state: table[state].tolist() for state in table.columns}
        print(json.dumps({"model": loaded.name, "times": times, "occupancy": shares}, indent=2))
    elif format is Format.csv:
        from lupusim.common.output import csv_text

        print(csv_text(table, index=True), end="")
    else:
        _print_occupancy(loaded.name, at, table)


def _print_occupancy(name: str, at: list[str], table: pd.DataFrame) -> None:
    from rich.console import Console

    from lupusim.report.tables import AnswerTable

    rows = AnswerTable(f"{name}: share of patients in each state (exact)")
    rows.add_column("study time")
    for state in table.columns:
        rows.add_column(state.replace("_", " "), justify="right")
    for words, (_, shares) in zip(at, table.iterrows(), strict=True):
        rows.add_row(words, *(f"{share:.6f}" for share in shares))
    Console(markup=False).print(rows)
