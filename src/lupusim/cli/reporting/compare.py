"""The command ``lupusim compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from lupusim.cli.asking import JobsOption, PlotOption
from lupusim.cli.options import DetailsOption, Format, FormatOption, SeedOption, WidthOption
from lupusim.cli.parameters import Argument
from lupusim.cli.reporting.report import ReplicatesOption, result_of
from lupusim.cli.writing import ForceOption, save_figure, try_picture
from lupusim.common.output import csv_text

if TYPE_CHECKING:
    from lupusim.planning.runs.results import RunResult


def compare(
    runs: Annotated[
        list[str],
        Argument(
            metavar="RUN...", help="Folders written by lupusim run --out, or scenarios to run now."
        ),
    ],
    replicates: ReplicatesOption = None,
    seed: SeedOption = None,
    jobs: JobsOption = -1,
    plot: PlotOption = None,
    force: ForceOption = False,
    format: FormatOption = Format.table,
    details: DetailsOption = False,
    width: WidthOption = None,
) -> None:
    """Show the designs of several runs side by side: a row per quantity, a column per design."""
    from lupusim.report.run.comparison import comparison_rows, comparison_table

    try_picture(plot, force)
    found = [_result(name, replicates, seed, jobs) for name in runs]
    named = list(zip(_names(runs), found, strict=True))
    if format is Format.json:
        print(json.dumps({name: result.to_json() for name, result in named}, indent=2))
    elif format is Format.csv:
        print(csv_text(comparison_rows(named)), end="")
    else:
        from rich.console import Console

        console = Console(width=width, markup=False, highlight=False)
        console.print(comparison_table(named, details=details))
    if plot is not None:
        from lupusim.report.figures.runs import characteristics_figure, named_of_runs

        save_figure(characteristics_figure(named_of_runs(named)), plot)


def _result(run: str, replicates: int | None, seed: int | None, jobs: int) -> RunResult:
    if Path(run).is_dir():
        return result_of(run, replicates=None, seed=None, jobs=jobs)
    return result_of(run, replicates=replicates, seed=seed, jobs=jobs)


def _names(runs: list[str]) -> list[str]:
    """Return the last step of each path where these differ, else the paths."""
    last = [Path(run).stem if Path(run).is_file() else Path(run).name for run in runs]
    return last if len(set(last)) == len(last) else runs
