"""The commands ``lupusim run`` and ``lupusim merge``."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from lupusim.cli.options import (
    INTERRUPTED,
    DetailsOption,
    Format,
    FormatOption,
    OutOption,
    ScenarioArgument,
    SeedOption,
    WidthOption,
)
from lupusim.errors import ScenarioError

if TYPE_CHECKING:
    from lupusim.planning.execution.ledger import Asked
    from lupusim.planning.execution.workers import Workers
    from lupusim.planning.runs.precision import Precision
    from lupusim.planning.runs.results import Listener, Progress, RunResult
    from lupusim.planning.runs.run import RunOptions
    from lupusim.trial.scenario import Scenario

_SECONDS_BETWEEN_EVENTS = 0.1


class Preset(StrEnum):
    """How many replicates, in plain words."""

    peek = "peek"
    rough = "rough"
    plan = "plan"
    submit = "submit"


class Backend(StrEnum):
    """Who does the work."""

    loky = "loky"
    dask = "dask"


class Events(StrEnum):
    """How progress is told to programs."""

    jsonl = "jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How a table is printed: all rows or what is asked first, and how wide at the most.

    `width` is None for that of the terminal, and 80 where there is none.
    """

    details: bool = False
    width: int | None = None


_AS_USUAL = Shown()


def run(
    scenario: ScenarioArgument,
    replicates: Annotated[
        int | None, typer.Option(min=1, help="Simulated trials per design.")
    ] = None,
    precision: Annotated[
        Preset | None,
        typer.Option(help="Replicates in words: 10, 100, 1000, 100 000 per design."),
    ] = None,
    mcse: Annotated[
        float | None,
        typer.Option(help="Simulate until every Monte Carlo standard error is this small."),
    ] = None,
    decide: Annotated[
        str | None,
        typer.Option(help='Simulate until this is decided, such as "power > 0.8" (error 1 %).'),
    ] = None,
    max_replicates: Annotated[
        int | None,
        typer.Option(min=1, help="Most replicates of --mcse and --decide; default 100 000."),
    ] = None,
    seed: SeedOption = None,
    jobs: Annotated[int, typer.Option(help="Processes; -1 for one per core.")] = -1,
    backend: Annotated[Backend, typer.Option(help="Who does the work.")] = Backend.loky,
    scheduler: Annotated[
        str | None, typer.Option(help="Of a Dask cluster, such as tcp://10.0.0.1:8786.")
    ] = None,
    out: OutOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that the folder holds.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Only this part, for array jobs; see lupusim merge."),
    ] = None,
    format: FormatOption = Format.table,
    details: DetailsOption = False,
    width: WidthOption = None,
    events: Annotated[
        Events | None,
        typer.Option(help="Tell progress and result line by line, for programs."),
    ] = None,
) -> None:
    """Simulate a scenario: power, type I error and the rest, each with its standard error."""
    shown = Shown(details=details, width=width)
    n_replicates, rule = _amount(replicates, precision, (mcse, decide, max_replicates))
    options = _options(out, resume=resume, shard=shard, precision=rule)
    options = replace(options, workers=workers_of(backend, scheduler))

    def simulate(loaded: Scenario, listener: Listener | None) -> RunResult:
        from lupusim.planning.runs.run import run as simulate

        return simulate(
            loaded, n_replicates, seed=seed, n_jobs=jobs, listener=listener, options=options
        )

    from lupusim.planning.runs.results import InterruptedRunError
    from lupusim.scenario import load_scenario

    try:
        with sigterm_as_ctrl_c():
            loaded = load_scenario(scenario)
            warn(loaded)
            with listening(loaded, events) as listener:
                result = simulate(loaded, listener)
    except InterruptedRunError as interrupt:
        _leave(interrupt.partial, format, events, out=out)
    except KeyboardInterrupt:
        _leave(None, format, events, out=out)
    _tell(result, format, events, shown)
    if out is not None:
        _write(result, out)


def merge(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders of all parts of a run.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the whole run.")],
    format: FormatOption = Format.table,
) -> None:
    """Put the parts of a run together, with the same bits as a run in one go."""
    from lupusim.planning.execution.shards import merge as merge_ledgers

    asked, seed = merge_ledgers(folders, out)
    result = _collected(out, asked, seed)
    _tell(result, format, None)
    _write(result, out)


def _collected(folder: Path, asked: Asked, seed: int) -> RunResult:
    """Return the result of what a folder's ledger holds; simulate nothing."""
    from lupusim.planning.execution.ledger import Existing
    from lupusim.planning.execution.shards import Nothing
    from lupusim.planning.runs.run import RunOptions
    from lupusim.planning.runs.run import run as simulate
    from lupusim.scenario.document.yaml_reader import parse_document
    from lupusim.scenario.files.scenario import scenario_from_document

    document = parse_document(asked.text, f"{asked.name}.yaml", ScenarioError)
    loaded = scenario_from_document(document, folder=Path(asked.folder), command=asked.command)
    options = RunOptions(folder=folder, existing=Existing.RESUME, share=Nothing())
    return simulate(loaded, asked.n_replicates, seed=seed, options=options)


def warn(scenario: Scenario) -> None:
    """Say on standard error which looks are not to be expected, or not before the last one."""
    from lupusim.planning.theory.expected_times import warnings_of

    for line in warnings_of(scenario):
        print(f"warning: {line}", file=sys.stderr)


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Handle SIGTERM as Ctrl-C; anything more in a handler can hang."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _amount(
    replicates: int | None,
    preset: Preset | None,
    rule: tuple[float | None, str | None, int | None],
) -> tuple[int | None, Precision | None]:
    """Return how long to simulate: a number of replicates, or a rule."""
    from lupusim.planning.runs.precision import MOST_REPLICATES, PRESETS, Decision, TargetMcse

    mcse, decide, most = rule
    if sum(given is not None for given in (replicates, preset, mcse, decide)) > 1:
        raise typer.BadParameter("give one of --replicates, --precision, --mcse and --decide")
    if most is not None and mcse is None and decide is None:
        raise typer.BadParameter("--max-replicates goes with --mcse or --decide")
    most = MOST_REPLICATES if most is None else most
    if mcse is not None:
        return None, TargetMcse(mcse=mcse, most_replicates=most)
    if decide is not None:
        return None, Decision.parse(decide, most_replicates=most)
    return (replicates if preset is None else PRESETS[preset.value]), None


def _options(
    out: Path | None, *, resume: bool, shard: str | None, precision: Precision | None
) -> RunOptions:
    from lupusim.planning.execution.ledger import Existing
    from lupusim.planning.execution.shards import Everything, Shard
    from lupusim.planning.runs.run import RunOptions

    if out is None and (resume or shard is not None):
        raise typer.BadParameter("--resume and --shard need --out DIR")
    return RunOptions(
        folder=out,
        existing=Existing.RESUME if resume else Existing.REFUSE,
        precision=precision,
        share=Everything() if shard is None else Shard.parse(shard),
    )


def workers_of(backend: Backend, scheduler: str | None) -> Workers | None:
    """Return the cluster that was named; None for the cores of this machine."""
    if (backend is Backend.dask) != (scheduler is not None):
        raise typer.BadParameter("--backend dask and --scheduler ADDRESS go together")
    if scheduler is None:
        return None
    from lupusim.planning.execution.dask_cluster import DaskCluster

    return DaskCluster(address=scheduler)


def _leave(
    partial: RunResult | None, format: Format, events: Events | None, *, out: Path | None
) -> NoReturn:
    """Print what was finished, and leave at once."""
    begin_to_leave()
    if partial is not None and partial.points:
        _tell(partial, format, events)
    else:
        print("nothing was finished", file=sys.stderr)
    say_how_to_resume(out)
    leave()


def begin_to_leave() -> None:
    """Say that the work was interrupted; what is printed next is not interrupted again."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    print("interrupted", file=sys.stderr)


def say_how_to_resume(out: Path | None) -> None:
    """Say where finished work is kept and how to go on."""
    if out is None:
        words = "nothing is kept; with --out DIR it would be, and --resume goes on from there"
    else:
        words = f"finished work is kept in {out}: the same command with --resume goes on"
    print(words, file=sys.stderr)


def leave() -> NoReturn:
    """Leave at once, with the exit code of an interruption."""
    sys.stdout.flush()
    sys.stderr.flush()
    if {"joblib", "distributed"} & set(sys.modules):
        os._exit(INTERRUPTED)  # their hooks could wait for workers that have gone
    raise typer.Exit(INTERRUPTED)


def _tell(
    result: RunResult, format: Format, events: Events | None, shown: Shown = _AS_USUAL
) -> None:
    """Print a result, or the part of it that is there."""
    if events is not None:
        _event("result" if result.complete else "partial", result=result.to_json())
    elif format is Format.json:
        print(json.dumps(result.to_json(), indent=2))
    elif format is Format.csv:
        print(result.operating_characteristics.to_csv(index=False), end="")
        for note in result.notes:  # the table itself stays a table for programs
            print(note, file=sys.stderr)
    else:
        _print_table(result, shown)


def _print_table(result: RunResult, shown: Shown) -> None:
    from rich.console import Console

    from lupusim.report.run.table import all_rows, main_rows, operating_table, run_report

    console = Console(width=shown.width, markup=False, highlight=False)
    rows = all_rows if shown.details else main_rows
    _say_partial(result)
    if result.complete:
        console.print(run_report(result, rows))
    elif result.points:
        console.print(operating_table(result, rows))
    _say_notes(result)


def _say_partial(result: RunResult) -> None:
    if not result.complete:
        print("PARTIAL RESULT: only the replicates that are finished count; how many, see below")


def _say_notes(result: RunResult) -> None:
    for note in result.notes:
        print(f"  {note}")


def _write(result: RunResult, folder: Path) -> None:
    """Write the result of a whole run into its folder; of a part only the ledger is there."""
    if not result.complete:
        print(f"what was finished is kept in {folder}", file=sys.stderr)
        return
    write_file(folder / "scenario.yaml", result.scenario.text)
    write_file(folder / "result.json", json.dumps(result.to_json(), indent=2))
    write_file(folder / "summary.csv", result.operating_characteristics.to_csv(index=False))
    print(f"written to {folder}", file=sys.stderr)


def write_file(path: Path, text: str) -> None:
    """Write a file in one step, so that nobody ever sees half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _event(kind: str, **content: object) -> None:
    print(json.dumps({"event": kind, **content}), flush=True)


@contextmanager
def listening(scenario: Scenario, events: Events | None) -> Iterator[Listener | None]:
    """Tell the progress to programs or, on a terminal, to people; nothing in a pipe."""
    if events is not None:
        _event("started", scenario=scenario.name, n_points=len(scenario.points))
        yield _event_listener()
    elif sys.stderr.isatty():
        with _bar(scenario) as listener:
            yield listener
    else:
        yield None


def _event_listener() -> Listener:
    """Return a listener that prints a line now and then, and one when all is done."""
    latest = -_SECONDS_BETWEEN_EVENTS

    def tell(state: Progress) -> None:
        nonlocal latest
        now = time.monotonic()
        if now - latest < _SECONDS_BETWEEN_EVENTS and state.done < state.total:
            return
        latest = now
        power = {} if state.power is None else {"power": state.power.value}
        mcse = {} if state.power is None else {"power_mcse": state.power.mcse}
        _event("progress", done=state.done, total=state.total, **power, **mcse)

    return tell


@contextmanager
def _bar(scenario: Scenario) -> Iterator[Listener]:
    """Show a bar with the running power on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from lupusim.report.numbers import rounded

    words = TextColumn("{task.description}")
    columns = (words, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(scenario.name)

        def show(state: Progress) -> None:
            power = f", power {rounded(state.power)}" if state.power else ""
            bar.update(
                task, total=state.total, completed=state.done, description=scenario.name + power
            )

        yield show
