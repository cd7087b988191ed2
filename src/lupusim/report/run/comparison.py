"""Several runs beside each other: their designs as columns of one table, or rows for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lupusim.planning.runs.results import PointResult, RunResult
from lupusim.report.numbers import grouped
from lupusim.report.run.layout import FittedTable, Headings, headings
from lupusim.report.run.single_arm import level_of
from lupusim.report.run.table import all_rows, main_rows, overview_rows, words_of_test

if TYPE_CHECKING:
    import pandas as pd

_OF_OVERVIEW = ("power", "type I error", "claims", "duration")
_CAPTION = "estimate (Monte Carlo standard error)"


def designs_of(runs: Sequence[tuple[str, RunResult]]) -> list[tuple[str, PointResult]]:
    """Return all designs, each with the name of its run and what distinguishes it there."""
    return [
        (run if not point.values else f"{run}: {name}".replace("\n", ", "), point)
        for run, result in runs
        for name, point in zip(headings(result).names, result.points, strict=True)
    ]


def comparison_rows(runs: Sequence[tuple[str, RunResult]]) -> pd.DataFrame:
    """Return a row per design, with the run it is of; every estimate beside its ``_mcse``."""
    import pandas as pd

    tables = []
    for name, result in runs:
        table = result.operating_characteristics
        table.insert(0, "run", name)
        table.insert(1, "seed", result.seed)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def comparison_table(
    runs: Sequence[tuple[str, RunResult]], *, details: bool = False
) -> FittedTable:
    """Return a column per design and a row per quantity, as many beside each other as fit.

    Where their tests differ, what all designs share comes first, under the same names.

    Parameters
    ----------
    runs : sequence of (str, RunResult)
        What each run is called, and what it found.
    details : bool
        Whether every row is shown, quantiles and all.
    """
    designs = designs_of(runs)
    names = tuple(name.replace(": ", "\n") for name, _ in designs)
    seeds = dict.fromkeys(str(result.seed) for _, result in runs)  # in the order of the columns
    replicates = dict.fromkeys(grouped(result.n_replicates) for _, result in runs)
    rows = all_rows if details else main_rows
    columns = [dict(rows(point)) for _, point in designs]
    if any(column.keys() != columns[0].keys() for column in columns):
        pairs = zip(designs, columns, strict=True)
        columns = [_below_overview(point, column) for (_, point), column in pairs]
    alike = len(seeds) == 1
    shared = "the same seed" if alike else f"seeds {', '.join(seeds)}"
    return FittedTable(
        title=f"{len(runs)} runs, {' / '.join(replicates)} replicates, {shared}",
        caption=_CAPTION,
        headings=Headings(names=names, key=(), corner="", tops=names),
        columns=columns,
    )


def _below_overview(point: PointResult, column: dict[str, str]) -> dict[str, str]:
    """Return the rows of a design below those that all designs share; what these tell only once."""
    first, analysis = dict(overview_rows(point)), point.trial.analysis
    said = "" if analysis is None else f"{words_of_test(analysis)}{level_of(analysis)}"
    test = {"test": said.replace(", ", "\n")} if said else {}  # no wider than the numbers
    told = {row for row in column if row.startswith(_OF_OVERVIEW) and column[row] in first.values()}
    return first | test | {row: text for row, text in column.items() if row not in told}
