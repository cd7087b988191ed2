"""The command ``lupusim``; heavy imports happen in the command that needs them."""

from __future__ import annotations

import errno
import json
import os
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from lupusim.cli import app as pages
from lupusim.cli import docs as manual
from lupusim.cli import selftest as testing
from lupusim.cli.models import ask as asking
from lupusim.cli.models import calibrate as calibrating
from lupusim.cli.models import cohort as cohorts
from lupusim.cli.models import decide as deciding
from lupusim.cli.models import draw as drawing
from lupusim.cli.options import (
    INPUT_IS_WRONG,
    INTERRUPTED,
    Format,
    FormatOption,
    ScenarioArgument,
    SeedOption,
)
from lupusim.cli.planning import assurance as planning
from lupusim.cli.planning import merge as merging
from lupusim.cli.planning import run as running
from lupusim.cli.planning import size as sizing
from lupusim.cli.planning import solve as solving
from lupusim.cli.planning import threshold as thresholds
from lupusim.cli.reporting import bundle as bundling
from lupusim.cli.reporting import compare as comparing
from lupusim.cli.reporting import report as reporting
from lupusim.cli.scenarios import new as starting
from lupusim.cli.scenarios import show as showing
from lupusim.cli.writing import ForceOption, if_present
from lupusim.output import Folder

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(
    help="Design trials of mesenchymal stem cells in refractory lupus.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


_FOLDER = "A folder is needed there, and it is a file: give another name."
_ADVICE = {
    errno.EEXIST: _FOLDER,
    errno.ENOTDIR: _FOLDER,
    errno.EACCES: "Give a folder that you may write to, or change its permissions.",
    errno.EPERM: "Give a folder that you may write to, or change its permissions.",
    errno.EROFS: "Give a folder elsewhere.",
    errno.EMFILE: "Let a process open more files, by 'ulimit -n 256' before.",
    errno.ENFILE: "End other programs: the whole machine can open no more files.",
}
"""What to do where a folder or file cannot be written, by the system's error number."""

__all__ = ["app", "command", "main"]


class EngineName(StrEnum):
    """Which engine follows the patients."""

    events = "events"
    vector = "vector"


def main() -> None:
    """Run the command as the program that it is; nobody is waited for who may never answer."""
    try:
        command()
    except SystemExit as end:
        if end.code and "distributed" in sys.modules:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code if isinstance(end.code, int) else 1)
        raise


def command() -> None:
    """Run the command; exit 2 where the user's input is wrong, 130 when interrupted."""
    from lupusim.errors import LupusimError
    from lupusim.output import OutputError

    try:
        app()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except OutputError as error:
        _end(str(error), 1)
    except (LupusimError, ValueError) as error:
        _end(str(error), INPUT_IS_WRONG)
    except OSError as error:
        _end(f"{error.filename or 'file'}: {_explained(error)}", 1)


def _end(words: str, code: int) -> NoReturn:
    """Say why a command ends."""
    print(words, file=sys.stderr)
    sys.exit(code)


def _explained(error: OSError) -> str:
    """Return what the system says, with what to do where that is known."""
    said = error.strerror or str(error)
    number = error.errno or 0
    known = number in _ADVICE and said == os.strerror(number)
    return f"{said}. {_ADVICE[number]}" if known else said


def _say_version(asked: bool) -> None:
    if asked:
        from lupusim import __version__

        print(f"lupusim {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version."),
    ] = False,
) -> None:
    """Design trials of mesenchymal stem cells in refractory lupus."""
    del version  # told before any command is looked at


app.command()(running.run)
app.command()(merging.merge)
app.command()(sizing.size)
app.command()(solving.solve)
app.command()(starting.new)
app.command()(showing.show)
app.command()(showing.check)
app.command()(planning.assurance)
app.command()(planning.sensitivity)
app.command()(thresholds.threshold)
app.command()(calibrating.calibrate)
app.command()(asking.ask)
app.command()(cohorts.cohort)
app.command()(cohorts.generator)
app.command()(deciding.decide)
app.command()(drawing.draw)
app.command()(reporting.report)
app.command()(comparing.compare)
app.command()(bundling.bundle)
app.command()(pages.app)
app.command()(manual.docs)
app.command()(testing.selftest)


_KINDS = {"cohorts": "cohort models"}


@app.command("list")
def list_packaged() -> None:
    """List the packaged models, cohort models, decisions, evidence files and scenarios."""
    from lupusim.scenario.files.packaged import packaged_descriptions

    for kind in ("scenarios", "models", "cohorts", "decisions", "evidence"):
        print(f"{_KINDS.get(kind, kind)}:")
        for name, description in packaged_descriptions(kind).items():
            print(f"  {name:28} {description}")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder, made if need be.")],
    force: ForceOption = False,
) -> None:
    """Copy the packaged scenarios, models and evidence into a folder, to be changed there."""
    from lupusim.scenario.files.packaged import copy_packaged

    targets = {"scenarios": folder, "models": folder / "models", "evidence": folder / "evidence"}
    for path in copy_packaged(targets, if_present=if_present(force)):
        print(path)
    print(f"Now: lupusim run {shlex.quote(str(folder / 'phase2_remission_52w.yaml'))}")


@app.command()
def occupancy(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model file or packaged name.")],
    at: Annotated[
        list[str], typer.Option("--at", help='A study time such as "1 year"; repeat it.')
    ],
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
        from lupusim.output import csv_text

        print(csv_text(table, index=True), end="")
    else:
        _print_occupancy(loaded.name, at, table)


def _print_occupancy(name: str, at: list[str], table: pd.DataFrame) -> None:
    from rich.console import Console
    from rich.table import Table

    rows = Table(title=f"{name}: share of patients in each state (exact)")
    rows.add_column("study time")
    for state in table.columns:
        rows.add_column(state, justify="right")
    for words, (_, shares) in zip(at, table.iterrows(), strict=True):
        rows.add_row(words, *(f"{share:.6f}" for share in shares))
    Console(markup=False).print(rows)


@app.command()
def trial(
    scenario: ScenarioArgument,
    out: Annotated[Path, typer.Option("--out", help="Folder for the tables, made if need be.")],
    engine: Annotated[EngineName, typer.Option(help="Which engine.")] = EngineName.events,
    seed: SeedOption = None,
    force: ForceOption = False,
) -> None:
    """Simulate one trial and write its patient-level tables as CSV, and ADaM-like data."""
    from lupusim.scenario import load_scenario
    from lupusim.simulation.patient_level.files import file_names
    from lupusim.simulation.patient_level.tables import simulate_trial

    loaded = load_scenario(scenario)
    folder = Folder(out, if_present(force))
    folder.reserve(file_names(loaded.points[0].trial))
    simulated = simulate_trial(loaded, engine=engine.value, seed=seed)
    for path in [*simulated.to_csv(folder), *simulated.to_adam(folder, "adam/")]:
        print(path)
    for look, years, words in simulated.decisions.itertuples(index=False):
        print(f"look {look}, month {12 * years:.1f}: {words}", file=sys.stderr)
